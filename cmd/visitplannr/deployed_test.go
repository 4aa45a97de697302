package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
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
	api, dynamoDB := runningSlice(t)
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
			contract.OutputAPIURL, strings.TrimSuffix(api, contract.ProposeDestination.Path)+"/", contract.OutputEventsTable, defaultTable)
	}))
	t.Cleanup(cloudFormation.Close)
	awsEnvironment(t, cloudFormation.URL)

	visitplannr(t.Context(), nil, "propose", "-stack", "visitplannr-dev", "-name", "Brockholes", "-latitude", "1", "-longitude", "2").mustSucceed(t)
	environment := map[string]string{dynamo.EnvEndpoint: dynamoDB}
	if got := visitplannr(t.Context(), environment, "events", "-stack", "visitplannr-dev").mustSucceed(t); !strings.Contains(got.stdout, "Brockholes") {
		t.Errorf("got events %q, want the one that was proposed", got.stdout)
	}
	if got := visitplannr(t.Context(), nil, "events", "-stack", "other"); got.code != 1 || !strings.Contains(got.stderr, "stack other in eu-west-1: Stack with id other does not exist") {
		t.Errorf("got %+v, want the stack and CloudFormation's reason", got)
	}
}

// Not parallel: the AWS configuration is the process's environment.
func TestProposalsAreSignedForALocalAPIWhenAskedTo(t *testing.T) {
	api, _ := runningSlice(t, "-c", "access=iam")
	propose := func(flags ...string) ended {
		return visitplannr(t.Context(), nil, append([]string{"propose", "-url", api, "-name", "Brockholes", "-latitude", "1", "-longitude", "2"}, flags...)...)
	}
	for _, p := range localPrincipals() {
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

func TestTheFunctionsHaveNoneOfTheSignersCredentials(t *testing.T) {
	t.Parallel()
	for _, p := range localPrincipals() {
		for _, e := range contract.Endpoints() {
			if p.AccessKeyID == functionKeyID(e.Function) || p.SecretAccessKey == localCredential {
				t.Errorf("%s has the credentials of %s", p.ARN, e.Function)
			}
		}
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
	text := `[{"name": "A", "geolocation": {}}, {"name": "B"}, {"name": "C"}]`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	api := &fileAPI{sent: map[string][]string{}, statuses: map[string]int{"B": http.StatusBadRequest}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)

	got := visitplannr(t.Context(), nil, "propose", "-url", server.URL, "-file", file)
	if got.code != 1 || got.stdout != "{\"streamName\":\"A\"}\n{\"streamName\":\"C\"}\n" || !strings.Contains(got.stderr, "1 of 3 proposals") || !strings.Contains(got.stderr, `proposal 2, {"name":"B"}: the API answered 400`) {
		t.Errorf("got %+v, want two receipts and the one that failed", got)
	}
	api.statuses = nil
	if got := visitplannr(t.Context(), nil, "propose", "-url", server.URL, "-file", file); got.code != 0 || strings.Contains(got.stdout, "\r") || got.stderr != "" {
		t.Errorf("got %+v, want success and nothing for a terminal", got)
	}
	for name, keys := range api.sent {
		if len(keys) != 2 || keys[0] != keys[1] || !validKey.MatchString(keys[0]) {
			t.Errorf("%s was sent with the keys %q, want one key twice", name, keys)
		}
	}
	if api.sent["A"][0] == api.sent["C"][0] {
		t.Errorf("A and C share the key %s", api.sent["A"][0])
	}

	t.Run("that is no list says so", func(t *testing.T) {
		if got := pipe(t, `{"name":"A"}`, "propose", "-url", server.URL, "-file", "-"); got.code != 1 || !strings.Contains(got.stderr, "must hold a JSON list of proposals") {
			t.Errorf("got %+v", got)
		}
	})
}
