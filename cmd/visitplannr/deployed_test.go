package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/local"
	"visitplannr/test/check"
)

// awsEnvironment is the process's AWS configuration for one test.
func awsEnvironment(t *testing.T, endpoint string) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_REGION": "eu-west-1", "AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_ENDPOINT_URL": endpoint,
	} {
		t.Setenv(name, value)
	}
}

// Not parallel: the AWS configuration is the process's environment.
func TestStackIsFoundByItsOutputs(t *testing.T) {
	api := httptest.NewServer(&fileAPI{sent: map[string][]string{}})
	t.Cleanup(api.Close)
	const id = "01a20853-7103-7f3a-a566-15258458ad7e"
	environment := tableOf(t, itemOf(id, `"destinationProposed"`, `"Brockholes"`))
	cloudFormation := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/cloudformation/aws4_request") {
			t.Errorf("got Authorization %q, want a signature for CloudFormation", r.Header.Get("Authorization"))
		}
		if r.FormValue("StackName") != "visitplannr-dev" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "<ErrorResponse><Error><Message>Stack with id other does not exist</Message></Error></ErrorResponse>")
			return
		}
		output := "<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue></member>"
		fmt.Fprintf(w, "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs>"+output+output+
			"</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>",
			contract.OutputAPIURL, api.URL+"/", contract.OutputEventsTable, defaultTable)
	}))
	t.Cleanup(cloudFormation.Close)
	awsEnvironment(t, cloudFormation.URL)

	visitplannr(t.Context(), nil, "propose", "-stack", "visitplannr-dev", "-name", "Brockholes", "-latitude", "1", "-longitude", "2").mustSucceed(t)
	if got := visitplannr(t.Context(), environment, "events", "-stack", "visitplannr-dev").mustSucceed(t); !strings.Contains(got.stdout, id) {
		t.Errorf("got events %q, want that of the stack's table", got.stdout)
	}
	if got := visitplannr(t.Context(), nil, "events", "-stack", "other"); got.code != 1 || !strings.Contains(got.stderr, "stack other in eu-west-1: Stack with id other does not exist") {
		t.Errorf("got %+v, want the stack and CloudFormation's reason", got)
	}
}

// Not parallel: the AWS configuration is the process's environment.
func TestProposalsAreSignedForALocalAPIWhenAskedTo(t *testing.T) {
	api, _ := runningSlice(t, settingFlags{"access": "iam"})
	propose := func(flags ...string) ended {
		return visitplannr(t.Context(), nil, append([]string{"propose", "-url", api, "-name", "Brockholes", "-latitude", "1", "-longitude", "2"}, flags...)...)
	}
	for _, p := range local.Principals() {
		awsEnvironment(t, "")
		t.Setenv("AWS_ACCESS_KEY_ID", p.AccessKeyID)
		t.Setenv("AWS_SECRET_ACCESS_KEY", p.SecretAccessKey)
		got, want := propose("-sign"), map[bool]int{true: 0, false: 1}[p.Allowed]
		if got.code != want || !p.Allowed && !strings.Contains(got.stderr, "403") {
			t.Errorf("%s: got %+v, want exit code %d", p.ARN, got, want)
		}
	}
	if got := propose(); got.code != 1 || !strings.Contains(got.stderr, "404") {
		t.Errorf("unsigned: got %+v, want exit code 1 and the status 404", got)
	}
}

// api is one that answers by the name of what is proposed.
type fileAPI struct {
	mu       sync.Mutex
	sent     map[string][]string // keys by name
	statuses map[string]int      // by name; none: 200
}

func (a *fileAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var body struct{ Name string }
	_ = json.NewDecoder(r.Body).Decode(&body)
	a.sent[body.Name] = append(a.sent[body.Name], r.Header.Get(contract.HeaderIdempotencyKey))
	if status := a.statuses[body.Name]; status != 0 {
		w.WriteHeader(status)
	}
	fmt.Fprintf(w, `{"streamName":%q}`, body.Name)
}

func TestFileOfProposals(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "places.json")
	text := `[{"name": "A", "geolocation": {}}, {"name": "B"}, {"name": "C"}, {"name":"C"}]`
	check.OK(t, os.WriteFile(file, []byte(text), 0o600))
	api := &fileAPI{sent: map[string][]string{}, statuses: map[string]int{"B": http.StatusBadRequest}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)

	got := visitplannr(t.Context(), nil, "propose", "-url", server.URL, "-file", file)
	if got.code != 1 || got.stdout != "{\"streamName\":\"A\"}\n{\"streamName\":\"C\"}\n{\"streamName\":\"C\"}\n" || !strings.Contains(got.stderr, "1 of 4 proposals") || !strings.Contains(got.stderr, "proposal 4 says the same as proposal 3") || !strings.Contains(got.stderr, `proposal 2, {"name":"B"}: the API answered 400`) {
		t.Errorf("got %+v, want two receipts and the one that failed", got)
	}
	api.statuses = nil
	if got := visitplannr(t.Context(), nil, "propose", "-url", server.URL, "-file", file); got.code != 0 || strings.Contains(got.stdout, "\r") || strings.Contains(got.stderr, "\r") {
		t.Errorf("got %+v, want success and nothing for a terminal", got)
	}
	for name, keys := range api.sent {
		if len(keys) < 2 || len(slices.Compact(keys)) != 1 || !validKey.MatchString(keys[0]) {
			t.Errorf("%s was sent with the keys %q, want one key, twice or more", name, keys)
		}
	}
	if api.sent["A"][0] == api.sent["C"][0] {
		t.Errorf("A and C share the key %s", api.sent["A"][0])
	}
}

// The keys that files were sent with since the first release of -file. They never
// change: a changed key proposes a file again that was sent before.
func TestKeysOfAFileAreThoseOfEarlierReleases(t *testing.T) {
	t.Parallel()
	const brockholes = "content-0ced0a3297d800c6eaa16edc65647e329e52d309883f9b98ddda49e63cda034f"
	for row, want := range map[string]string{
		`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`:                                   brockholes,
		"{ \"geolocation\": {\"longitude\": -2.630,\n\"latitude\": 5377e-2}, \"name\": \" Brockhol\\u0065s \" }":     brockholes,
		`{"name": "A \"quoted\" \\ name <b>&amp;</b>", "geolocation": {"latitude": 1e-7, "longitude": -0.5}}`:        "content-2ca2efebab767464dbdfa327d4ccd3b96b3fcb29fc8501fffbd75b673ca452e8",
		`{"name": "Giant’s Causeway, near Tŷ Tredegar", "geolocation": {"latitude": 55.2408, "longitude": -6.5116}}`: "content-461c5cbf3e86ae6498798dd6ec73c62746594a5c7c071c6a3d4aafe32704fc3f",
		// Rows that are not valid are hashed as they are written.
		`{"name":""}`: "content-1390696a77e5d6f4375e9b36450c26bb67e99662fcd31b71cecd8ceda332040e",
		`null`:        "content-74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b",
		`{"name":"\u200b","geolocation":{"latitude":1,"longitude":2}}`:       "content-8d9887c530b21371fbe49b8a45643689e179dc7724fa901652d851efd23638c8",
		`{"name": "A", "geolocation": {}}`:                                   "content-280202b69fa57a41df6956a4c341ed92af4170dc37ee60d7ecb7f90797307d54",
		`{"nmae": "A", "geolocation": {"latitude": 1, "longitude": 2}}`:      "content-18b85f85f4c5722a45ca75c8402109153d5684d03673bb7875a1a08ae97f617e",
		`{"name":"A","name":"A","geolocation":{"latitude":1,"longitude":2}}`: "content-e28895b68633ccea8ba53e5c9253fe5bf778d8dcf8fe97abf729aac44f61b51f",
		`{"name":"A","geolocation":{"latitude":"1","longitude":2}}`:          "content-8ec008332cac27b51192207ea5dbb5f914153aee37b6de817393923c41c1b22a",
	} {
		if _, got := contentKey([]byte(row)); got != want {
			t.Errorf("%s has the key %s, want %s", row, got, want)
		}
	}
}

func TestFilesOfOtherKindsAreRefused(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"":                                   "it is empty",
		"\n ":                                "it is empty",
		`{"name":"A"}`:                       "it holds one object",
		"{\"name\":\"A\"}\n{\"name\":\"B\"}": "one object a line",
		"null":                               "it holds null",
		`"[]"`:                               `it holds "[]"`,
		"name,latitude,longitude\nA,1,2":     "convert it",
		"\xef\xbb\xbf[]":                     "byte order mark",
		"\xff\xfe[\x00]\x00":                 "UTF-16",
		"[\x00]\x00":                         "UTF-16",
		"[{\"name\":\"Caf\xe9\"}]":           "another encoding",
		`[{"name":"A"}`:                      "unexpected end",
		`[{"name":"A"}] []`:                  "after top-level value",
	} {
		got := pipe(t, file, "propose", "-url", "http://127.0.0.1:1", "-file", "-")
		if got.code != 1 || !strings.Contains(got.stderr, "standard input must hold a JSON list of proposals, [{…}, {…}], in UTF-8: ") || !strings.Contains(got.stderr, want) {
			t.Errorf("%q: got %+v, want exit code 1 and %q", file, got, want)
		}
	}
	if got := pipe(t, "[]", "propose", "-url", "http://127.0.0.1:1", "-file", "-"); got.code != 0 || !strings.Contains(got.stderr, "nothing was sent") {
		t.Errorf("an empty list: got %+v, want success and that nothing was sent", got)
	}
}

func TestAdviceAfterAFailure(t *testing.T) {
	t.Parallel()
	const two = `[{"name":"A"},{"name":"B"}]`
	for _, c := range []struct {
		title      string
		statuses   map[string]int
		want, none string
	}{
		{"corrects what was refused", map[string]int{"A": 400, "B": 422}, "correct them first", "send the file again"},
		{"sends again what may be stored later", map[string]int{"A": 500}, "1 of 2 proposals are not confirmed as stored; send the file again", "correct"},
		{"tells the two apart", map[string]int{"A": 413, "B": 500}, "correct the 1 that were refused, and send the file again", ""},
		{"stops where nobody may propose", map[string]int{"A": 403}, "stopped at proposal 1 of 2", "proposal 2,"},
		{"stops at a wrong address", map[string]int{"A": 404}, "check the URL", "proposal 2,"},
	} {
		server := httptest.NewServer(&fileAPI{sent: map[string][]string{}, statuses: c.statuses})
		got := pipe(t, two, "propose", "-url", server.URL, "-file", "-")
		server.Close()
		if got.code != 1 || !strings.Contains(got.stderr, c.want) || c.none != "" && strings.Contains(got.stderr, c.none) {
			t.Errorf("%s: got %+v, want %q and not %q", c.title, got, c.want, c.none)
		}
	}

	for _, args := range [][]string{{"-file", "-"}, {"-name", "A", "-latitude", "1", "-longitude", "2"}} {
		got := pipe(t, two, append([]string{"propose", "-url", "http://127.0.0.1:1"}, args...)...)
		if got.code != 1 || strings.Count(got.stderr, "start 'visitplannr local'") != 1 || strings.Contains(got.stderr, "attempt") || strings.Contains(got.stderr, "-key") {
			t.Errorf("where nothing listens, %v: got %+v, want one advice and one attempt", args, got)
		}
	}
}
