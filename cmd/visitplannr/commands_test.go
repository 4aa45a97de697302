package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/test/check"
)

// pipe runs one command line with input on its standard input.
func pipe(t *testing.T, input string, args ...string) ended {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), cli{
		stdin: strings.NewReader(input), stdout: &stdout, stderr: &stderr,
		getenv: func(string) string { return "" },
	}, args)
	return ended{code, stdout.String(), stderr.String()}
}

func (e ended) mustSucceed(t *testing.T) ended {
	t.Helper()
	if e.code != 0 {
		t.Fatalf("got exit code %d and %s, want success", e.code, e.stderr)
	}
	return e
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func TestEvent(t *testing.T) {
	t.Parallel()
	event := func(input string, args ...string) events.APIGatewayProxyRequest {
		return decode[events.APIGatewayProxyRequest](t, pipe(t, input, append([]string{"event"}, args...)...).mustSucceed(t).stdout)
	}

	t.Run("is a proposal as the gateway would hand it over", func(t *testing.T) {
		t.Parallel()
		got := event("")
		if got.HTTPMethod != http.MethodPost || got.Path != "/destination" || got.Body != sampleBody ||
			got.Headers["Content-Type"] != contract.MediaTypeJSON || got.RequestContext.RequestID == "" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("has the headers that are asked for, in place of the sample's", func(t *testing.T) {
		t.Parallel()
		got := event("", "-header", "content-type: text/plain", "-header", "X-A: 1", "-header", "X-A:2")
		if !slices.Equal(got.MultiValueHeaders["Content-Type"], []string{"text/plain"}) ||
			!slices.Equal(got.MultiValueHeaders["X-A"], []string{"1", "2"}) || got.Headers["X-A"] != "2" {
			t.Errorf("got headers %v and %v", got.Headers, got.MultiValueHeaders)
		}
	})
	t.Run("carries a body from standard input, in base64 when asked", func(t *testing.T) {
		t.Parallel()
		got := event("{}\n", "-body", "-", "-base64")
		if want := base64.StdEncoding.EncodeToString([]byte("{}\n")); got.Body != want || !got.IsBase64Encoded {
			t.Errorf("got body %q, base64 %t; want %q, true", got.Body, got.IsBase64Encoded, want)
		}
	})
	t.Run("refuses a header without a colon", func(t *testing.T) {
		t.Parallel()
		if got := pipe(t, "", "event", "-header", "nonsense"); got.code != 2 || !strings.Contains(got.stderr, "Name: value") {
			t.Errorf("got %+v, want exit code 2 and the form of a header", got)
		}
	})
}

func TestInvoke(t *testing.T) {
	t.Parallel()
	sample := pipe(t, "", "event").mustSucceed(t).stdout
	t.Run("answers a sample event", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "event.json")
		writeFile(t, file, sample)
		got := pipe(t, "", "invoke", file).mustSucceed(t)
		answer := decode[events.APIGatewayProxyResponse](t, got.stdout)
		if answer.StatusCode != http.StatusOK || answer.Body != contract.StatusOK {
			t.Errorf("got %+v, want 200 OK", answer)
		}
		if !strings.Contains(got.stderr, `"message":"accepted"`) {
			t.Errorf("got logs %s, want the function's on standard error", got.stderr)
		}
	})
	t.Run("succeeds when the function refuses", func(t *testing.T) {
		t.Parallel()
		answer := decode[events.APIGatewayProxyResponse](t, pipe(t, `{"httpMethod":"POST","path":"/destination"}`, "invoke", "-").mustSucceed(t).stdout)
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("got status %d for an event without a body, want 400", answer.StatusCode)
		}
	})
	for outcome, c := range map[string]struct{ input, file, want string }{
		"says that the event is not JSON": {"{", "-", "is not JSON"},
		"says that there is no such file": {"", filepath.Join(t.TempDir(), "none.json"), "no such file"},
		"says that an event is an object": {"[1]", "-", "event"},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			if got := pipe(t, c.input, "invoke", c.file); got.code != 1 || !strings.Contains(got.stderr, c.want) {
				t.Errorf("got %+v, want exit code 1 and %q", got, c.want)
			}
		})
	}
}

// A session of an editor and a developer at the local run.
func TestProposalsAreSentAndShown(t *testing.T) {
	t.Parallel()
	api, dynamoDB := runningSlice(t, nil)
	environment := map[string]string{dynamo.EnvEndpoint: dynamoDB}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	followed, stdout := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, cli{
			stdout: stdout, stderr: io.Discard,
			getenv: func(name string) string { return environment[name] },
		}, []string{"events", "-follow", "-every", "5ms"})
		stdout.Close()
	}()
	propose := func(name string) ended {
		return visitplannr(t.Context(), nil, "propose", "-url", api, "-key", "key-1",
			"-name", name, "-latitude", "53.2", "-longitude", "-4.2")
	}

	first := propose("Ynys Môn").mustSucceed(t)
	receipt := decode[contract.Receipt](t, first.stdout)
	if got := readUntil(t, followed, "\n"); strings.Count(got, "\n") != 1 || !strings.Contains(got, receipt.StreamName) {
		t.Errorf("events -follow printed %q, want one line of stream %s", got, receipt.StreamName)
	}
	if again := propose("Ynys Môn").mustSucceed(t); again.stdout != first.stdout {
		t.Errorf("proposed again with its key, got %s, want the first receipt %s", again.stdout, first.stdout)
	}
	if other := propose("Anglesey"); other.code != 1 || other.stdout != "" ||
		!strings.Contains(other.stderr, contract.ProblemKeyReused.Type) {
		t.Errorf("a different proposal with the key gave %+v, want exit code 1 and the problem", other)
	}

	for _, args := range [][]string{{"events", "-json"}, {"stream", "-json", receipt.StreamName}} {
		got := visitplannr(t.Context(), environment, args...).mustSucceed(t)
		event := decode[map[string]any](t, got.stdout)
		data, _ := event[eventstore.AttrData].(map[string]any)
		if event[eventstore.AttrEventID] != receipt.EventID || data["name"] != "Ynys Môn" {
			t.Errorf("%v printed %s, want the event of %s", args, got.stdout, receipt.EventID)
		}
	}
	if got := visitplannr(t.Context(), environment, "events").mustSucceed(t); strings.Count(got.stdout, "\n") != 1 ||
		!strings.Contains(got.stdout, receipt.StreamName) {
		t.Errorf("events printed %q, want one line of stream %s", got.stdout, receipt.StreamName)
	}
	const unknown = "destination-01a20853-7103-7f3a-a566-15258458ad7e"
	for outcome, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"an unknown stream":   {[]string{"stream", unknown}, 1, "there is no stream " + unknown},
		"no name of a stream": {[]string{"stream", "destination"}, 2, "<category>-<id>"},
		"an unknown table":    {[]string{"events", "-table", "other"}, 1, "there is no table other at"},
	} {
		if got := visitplannr(t.Context(), environment, c.args...); got.code != c.code || !strings.Contains(got.stderr, c.want) {
			t.Errorf("%s gave %+v, want exit code %d and %q", outcome, got, c.code, c.want)
		}
	}

	other := visitplannr(t.Context(), nil, "propose", "-url", api, "-name", "Anglesey", "-latitude", "1", "-longitude", "2").mustSucceed(t)
	if got := readUntil(t, followed, "\n"); strings.Count(got, "\n") != 1 || !strings.Contains(got, decode[contract.Receipt](t, other.stdout).StreamName) {
		t.Errorf("events -follow then printed %q, want one line of %s", got, other.stdout)
	}
	interrupt()
	if rest, _ := io.ReadAll(followed); len(rest) != 0 {
		t.Errorf("then got %q, want each event once", rest)
	}
	if got := <-code; got != 0 {
		t.Errorf("events -follow ended by Ctrl-C with exit code %d, want 0", got)
	}
}

// tableOf is an engine whose table holds these items, in DynamoDB's JSON.
func tableOf(t *testing.T, items ...string) map[string]string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		fmt.Fprintf(w, `{"Items":[%s],"Count":%d,"ScannedCount":%[2]d}`, strings.Join(items, ","), len(items))
	}))
	t.Cleanup(server.Close)
	return map[string]string{dynamo.EnvEndpoint: server.URL}
}

// itemOf is a stored event.
func itemOf(id, eventType, name string) string {
	return fmt.Sprintf(`{"StreamName":{"S":"destination-%s"},"EventId":{"S":%[1]q},"EventType":{"S":%s},"SchemaVersion":{"N":"1"},`+
		`"Timestamp":{"S":"2026-11-23T09:00:00.000Z"},"CorrelationId":{"S":%[1]q},"CausationId":{"S":"x"},"Data":{"M":{"name":{"S":%[3]s}}}}`, id, eventType, name)
}

func TestStoredTextIsShownWithItsEscapes(t *testing.T) {
	t.Parallel()
	const id = "01a20853-7103-7f3a-a566-15258458ad7e"
	table := tableOf(t, itemOf(id, `"\u001b[2J\nforged\u202e"`, `"\u009b31mש\u2028\u2069"`))
	for _, command := range [][]string{{"events"}, {"stream", "destination-" + id}} {
		got := visitplannr(t.Context(), table, command...).mustSucceed(t).stdout
		want := `2026-11-23T09:00:00.000Z  destination-` + id + `  \u001b[2J\u000aforged\u202e  {"name":"\u009b31mש\u2028\u2069"}` + "\n"
		if got != want {
			t.Errorf("%v: got %+q, want %+q", command, got, want)
		}
	}
	got := visitplannr(t.Context(), table, "events", "-json").mustSucceed(t).stdout
	event := decode[struct {
		EventType string
		Data      struct{ Name string }
	}](t, got)
	if event.EventType != "\x1b[2J\nforged\u202e" || event.Data.Name != "\u009b31mש\u2028\u2069" || strings.ContainsAny(got, "\u009b\u202e\u2028\u2068\u2069") {
		t.Errorf("-json: got %+q, want the same values, escaped", got)
	}
}

func TestDamagedItemsDoNotHideTheEvents(t *testing.T) {
	t.Parallel()
	const first, last = "01a20853-7103-7f3a-a566-15258458ad7e", "01a20853-7103-7f3a-a566-15258458ad7f"
	table := tableOf(t, itemOf(last, `"x"`, `"B"`), `{"StreamName":{"S":"\u001b"},"EventId":{"N":"1"}}`, itemOf("not-a-uuid", `"x"`, `"C"`), itemOf(first, `"x"`, `"A"`))
	for _, command := range [][]string{{"events"}, {"events", "-json"}} {
		got := visitplannr(t.Context(), table, command...)
		if a, b := strings.Index(got.stdout, first), strings.Index(got.stdout, last); got.code != 1 || a < 0 || b < a {
			t.Errorf("%v: got %+v, want both events in order and exit code 1", command, got)
		}
		for _, want := range []string{"left out: 2", `stored item "\x1b"/""`, `stored item "destination-not-a-uuid"/"not-a-uuid": `} {
			if !strings.Contains(got.stderr, want) {
				t.Errorf("%v: got %q, want %s", command, got.stderr, want)
			}
		}
	}
	if got := visitplannr(t.Context(), tableOf(t, "{}"), "stream", "destination-"+first); got.code != 1 || !strings.Contains(got.stderr, "left out: 1") {
		t.Errorf("got %+v, want what was left out", got)
	}
}

// A clock may go back; the ids of a stream do not.
func TestAStreamIsInTheOrderOfItsIDs(t *testing.T) {
	t.Parallel()
	const first, last = "01a20853-7103-7f3a-a566-15258458ad7e", "01a20853-7103-7f3a-a566-15258458ad7f"
	table := tableOf(t, itemOf(first, `"x"`, `"A"`), strings.Replace(itemOf(last, `"x"`, `"B"`), "2026-11-23", "2026-11-22", 1))
	if got := visitplannr(t.Context(), table, "stream", "destination-"+first).mustSucceed(t).stdout; strings.Index(got, `"A"`) > strings.Index(got, `"B"`) {
		t.Errorf("got\n%swant A before B", got)
	}
}

// Many events may have one millisecond. Their ids, not the order of a scan, say which
// came first.
func TestEventsOfABurstAreInOrder(t *testing.T) {
	t.Parallel()
	items, ids := []string{}, []string{}
	for range 3000 {
		id := check.Value(eventstore.NewID())(t)
		ids, items = append(ids, id.String()), append(items, itemOf(id.String(), `"x"`, `"A"`))
	}
	rand.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	lines := strings.Split(visitplannr(t.Context(), tableOf(t, items...), "events").mustSucceed(t).stdout, "\n")
	for i, id := range ids {
		if !strings.Contains(lines[i], id) {
			t.Fatalf("line %d is %q, want event %s", i, lines[i], id)
		}
	}
}

func TestProposeTriesAgainWhenItIsAskedTo(t *testing.T) {
	t.Parallel()
	for outcome, c := range map[string]struct {
		answers []int // the last one is repeated
		pauses  []time.Duration
		code    int
	}{
		"until it is stored":            {[]int{503, 429, 502, 200}, []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second}, 0},
		"and not on a login page's 200": {[]int{-200}, nil, 1},
		"and gives up after five times": {[]int{503}, []time.Duration{7 * time.Second, 7 * time.Second, 7 * time.Second, 7 * time.Second}, 1},
		"and not when it is refused":    {[]int{400}, nil, 1},
		"and not when nothing can help": {[]int{500}, nil, 1},
	} {
		t.Run(outcome, func(t *testing.T) {
			t.Parallel()
			var keys []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "7")
				status, body := c.answers[min(len(keys), len(c.answers)-1)], `{"streamName":"destination-1"}`
				if status < 0 {
					status, body = -status, "<html>Sign in</html>"
				}
				w.WriteHeader(status)
				keys = append(keys, r.Header.Get(contract.HeaderIdempotencyKey))
				_, _ = io.WriteString(w, body)
			}))
			t.Cleanup(server.Close)
			var pauses []time.Duration
			var stderr strings.Builder
			code := run(t.Context(), cli{
				stdout: io.Discard, stderr: &stderr,
				sleep: func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil },
			}, []string{"propose", "-url", server.URL, "-name", "x", "-latitude", "1", "-longitude", "2"})
			if code != c.code || !slices.Equal(pauses, c.pauses) {
				t.Errorf("got exit code %d after pauses %v, want %d after %v", code, pauses, c.code, c.pauses)
			}
			if len(keys) != len(c.pauses)+1 || keys[0] == "" || len(slices.Compact(keys)) != 1 {
				t.Errorf("sent the keys %q, want one key %d times", keys, len(c.pauses)+1)
			}
			last := c.answers[len(c.answers)-1]
			perhapsStored := last >= 500 || last < 0
			if told := strings.Contains(stderr.String(), "-key "+keys[0]); told != perhapsStored {
				t.Errorf("told the key: %v, want %v, in %q", told, perhapsStored, stderr.String())
			}
		})
	}
}

// Not parallel: the AWS configuration is the process's environment.
func TestDeployedAPIsGetSignedRequests(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token",
		"AWS_REGION": "us-east-1", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	for host, region := range map[string]string{
		"abc.execute-api.eu-west-1.amazonaws.com": "eu-west-1",
		"api.example.org":                         "us-east-1",
	} {
		endpoint := &url.URL{Scheme: "https", Host: host, Path: "/dev/destination"}
		sign := check.Value(signer(t.Context(), endpoint, true))(t)
		request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint.String(), strings.NewReader(sampleBody)))(t)
		check.OK(t, sign(t.Context(), request, []byte(sampleBody)))
		authorization := request.Header.Get("Authorization")
		if want := "/" + region + "/execute-api/aws4_request"; !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/") ||
			!strings.Contains(authorization, want) || !strings.Contains(authorization, "x-amz-security-token") {
			t.Errorf("%s: got Authorization %q, want a signature for %s with the session token", host, authorization, want)
		}
	}
}

// Not parallel: the AWS configuration is the process's environment.
func TestProposeWithoutCredentialsEndsAtOnce(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "us-east-1", "AWS_PROFILE": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
	} {
		t.Setenv(name, value)
	}
	got := visitplannr(t.Context(), nil, "propose", "-url", "https://api.invalid/destination",
		"-name", "B", "-latitude", "1", "-longitude", "2")
	if got.code != 1 || !strings.Contains(got.stderr, "no AWS credentials") || strings.Contains(got.stderr, "attempt") {
		t.Errorf("got %+v, want exit code 1, the missing credentials, and no second attempt", got)
	}
}

func TestAnInterruptedCommandSaysSo(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	got := visitplannr(ctx, nil, "propose", "-url", "http://127.0.0.1:1/destination",
		"-name", "B", "-latitude", "1", "-longitude", "2")
	if want := "visitplannr propose: interrupted"; got.code != 1 || !strings.Contains(got.stderr, want) || !strings.Contains(got.stderr, "-key ") {
		t.Errorf("got %+v, want exit code 1, %q and the key", got, want)
	}
}
