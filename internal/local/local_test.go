package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/local"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/settings"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// A run that nobody watches, as its clients see it.
func TestRun(t *testing.T) {
	t.Parallel()
	config := local.Config{Endpoints: contract.Endpoints(), Table: "events", Addr: "127.0.0.1:0", EngineAddr: "0.0.0.0:0",
		Log: t.Output()} // it says why a function does not start
	var err error
	if config.Settings, err = settings.LoadLocal(nil); err != nil {
		t.Fatal(err)
	}
	var slow []string
	config.Doing = func(what string) func() {
		slow = append(slow, what)
		return func() { slow = append(slow, "done") }
	}
	run := check.Value(local.Start(t.Context(), config))(t)
	want := []string{"Opening the table events", "done"}
	var names []string
	for _, e := range config.Endpoints {
		want = append(want, "Compiling "+e.Function+" (about a minute the first time)", "done")
		names = append(names, e.Function)
	}
	slices.Sort(names)
	for _, name := range names {
		want = append(want, "Starting "+name, "done")
	}
	if !slices.Equal(slow, want) {
		t.Errorf("said while it started: got %q, want %q", slow, want)
	}
	for _, url := range []string{run.URL, run.DynamoDB} {
		heldUp(t, strings.TrimPrefix(url, "http://"))
	}
	t.Cleanup(func() { // before those clients end
		check.OK(t, run.Close())
	})
	route := contract.ProposeDestination
	scan := `{"TableName":"events"}`
	for name, c := range map[string]struct {
		url, body   string
		host, keyID string
		headers     map[string]string
		status      int
		says        string
	}{
		"a proposal is stored":                      {run.URL + route.Path, route.SampleBody(), "", "", nil, 200, "OK"},
		"another site's page cannot propose":        {run.URL + route.Path, route.SampleBody(), "", "", map[string]string{"Origin": "https://evil.example"}, 403, contract.ProblemForbidden.Type},
		"nor can a name that leads here":            {run.URL + route.Path, route.SampleBody(), "evil.example", "", nil, 403, contract.ProblemForbidden.Type},
		"a developer's tool may read the table":     {run.DynamoDB, scan, "", "anybody", nil, 200, `"Items":[`},
		"another site's page cannot read the table": {run.DynamoDB, scan, "", "anybody", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403, "AccessDeniedException"},
		"nor can a name that leads to the engine":   {run.DynamoDB, scan, "evil.example", "anybody", nil, 403, "AccessDeniedException"},
		"there is no page":                          {run.URL, "", "", "", nil, 404, contract.ProblemNotFound.Type},
	} {
		t.Run(name, func(t *testing.T) {
			request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, c.url, strings.NewReader(c.body)))(t)
			request.Host = c.host
			request.Header.Set("Content-Type", contract.MediaTypeJSON)
			if c.keyID != "" {
				request.Header.Set("X-Amz-Target", "DynamoDB_20120810.Scan")
				request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.keyID+"/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
			}
			for header, value := range c.headers {
				request.Header.Set(header, value)
			}
			response := check.Value(http.DefaultClient.Do(request))(t)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != c.status || !strings.Contains(string(body), c.says) {
				t.Errorf("got %s %s, %v; want %d and %s", response.Status, body, err, c.status, c.says)
			}
		})
	}
	losesNoLeaf(t, run)
	if answer, err := run.Invoke(t.Context(), "none", nil); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Errorf("got %s, %v; want an error that names the function", answer, err)
	}
}

// losesNoLeaf wants every endpoint to answer its sample, and one that may write to store
// every leaf of it.
func losesNoLeaf(t *testing.T, run *local.Run) {
	t.Helper()
	db := check.Value(local.OpenDatabase(t.Context(), run.DynamoDB))(t)
	for _, e := range contract.Endpoints() {
		request := check.Value(http.NewRequestWithContext(t.Context(), e.Method, run.URL+e.SamplePath(), strings.NewReader(e.SampleBody())))(t)
		request.Header.Set("Accept", contract.MediaTypeJSON)
		response := check.Value(http.DefaultClient.Do(request))(t)
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		// What a parameter's sample names need not exist.
		found := response.StatusCode == http.StatusNotFound && strings.Contains(e.Path, "{")
		if err != nil || response.StatusCode != http.StatusOK && !found {
			t.Errorf("%s answers its sample %d %s, %v; want 200", e.Route(), response.StatusCode, answer, err)
		}
		if e.Body == nil || !slices.Contains(e.TableActions, "PutItem") && !slices.Contains(e.TableActions, "UpdateItem") {
			continue
		}
		stored := map[any]bool{}
		for event, err := range db.Store("events").All(t.Context()) {
			check.OK(t, err)
			var data any
			check.OK(t, json.Unmarshal(event.Data, &data))
			collectLeaves(data, stored)
		}
		for pointer, leaf := range e.Body.Leaves() {
			if !stored[leaf.Example] {
				t.Errorf("%s was answered 200, and the value %v of its leaf %s is in no event", e.Route(), leaf.Example, pointer)
			}
		}
	}
}

func collectLeaves(value any, into map[any]bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			collectLeaves(member, into)
		}
	case []any:
		for _, element := range v {
			collectLeaves(element, into)
		}
	default:
		into[v] = true
	}
}

// heldUp leaves a server with clients that send nothing more until the test's end. The
// run must end without them, and without an error.
func heldUp(t *testing.T, address string) {
	t.Helper()
	post := "POST /destination HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
		"X-Amz-Target: DynamoDB_20120810.PutItem\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a/20261124/us-east-1/dynamodb/aws4_request\r\n"
	for what, sent := range map[string]string{
		"nothing":         "",
		"half a header":   post,
		"half a body":     post + "Content-Length: 100\r\n\r\n{",
		"endless headers": post + "X: " + strings.Repeat("x", 100_000),
	} {
		client := check.Value(net.Dial("tcp", address))(t)
		t.Cleanup(func() { _ = client.Close() })
		check.Value(io.WriteString(client, sent))(t)
		if what != "endless headers" {
			continue
		}
		if response, err := http.ReadResponse(bufio.NewReader(client), nil); err != nil || response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: got %v, %v, want 431", address, response, err)
		}
	}
}

// The function's process is killed as it writes; the next one finds the item.
func TestACrashIsInjectedIntoTheProcessThatServes(t *testing.T) {
	t.Parallel()
	config := local.Config{Endpoints: contract.Endpoints(), Table: "events", Addr: "127.0.0.1:0", EngineAddr: "127.0.0.1:0"}
	var err error
	if config.Settings, err = settings.LoadLocal(nil); err != nil {
		t.Fatal(err)
	}
	log := check.Value(os.Create(filepath.Join(t.TempDir(), "log")))(t)
	defer log.Close()
	config.Log = log
	config.Faults = faults.New(1, nil)
	config.Faults.Use(enginetest.Sequence(faults.CrashAfter))
	run := check.Value(local.Start(t.Context(), config))(t)
	propose := func() *http.Response {
		route := contract.ProposeDestination
		request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, run.URL+route.Path, strings.NewReader(route.SampleBody())))(t)
		request.Header.Set("Content-Type", contract.MediaTypeJSON)
		request.Header.Set(contract.HeaderIdempotencyKey, "key-1")
		response := check.Value(http.DefaultClient.Do(request))(t)
		_ = response.Body.Close()
		return response
	}
	crashed, again := propose(), propose()
	if crashed.StatusCode != http.StatusServiceUnavailable || crashed.Header.Get("Retry-After") == "" {
		t.Errorf("got %s, want 503 with Retry-After", crashed.Status)
	}
	if again.StatusCode != http.StatusOK || again.Header.Get(contract.HeaderIdempotencyReplayed) != "true" {
		t.Errorf("then got %s, want a replay", again.Status)
	}
	check.OK(t, run.Close())
	logged := check.Value(os.ReadFile(log.Name()))(t)
	if id := crashed.Header.Get(contract.HeaderRequestID); !strings.Contains(string(logged), `"message":"fault injected","requestId":"`+id+`","fault":"crash","operation":"PutItem","reachedTable":true`) {
		t.Errorf("the log has no line for the crash of request %s: %s", id, string(logged))
	}
	if !strings.Contains(string(logged), "signal: killed") {
		t.Errorf("the log does not say that a process was killed: %s", string(logged))
	}
}

func TestNoFaultsAreInjectedBeforeAWS(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"https://dynamodb.eu-west-1.amazonaws.com", "http://DynamoDB.eu-west-1.api.aws.:80/"} {
		if _, err := local.Start(t.Context(), local.Config{Engine: engine, Faults: faults.New(1, nil)}); !errors.Is(err, local.ErrFaultsOnAWS) {
			t.Errorf("%s: got %v", engine, err)
		}
	}
}

func TestStartLeavesNothingBehindWhenItFails(t *testing.T) {
	t.Parallel()
	taken := check.Value(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = taken.Close() })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check.OK(t, err)
	_ = free.Close()
	_, err = local.Start(context.WithoutCancel(t.Context()), local.Config{Addr: free.Addr().String(), EngineAddr: taken.Addr().String()})
	var address *local.AddressError
	if !errors.As(err, &address) || !address.OfEngine {
		t.Errorf("got %v, want that the engine's address is taken", err)
	}
	again := check.Value(net.Listen("tcp", free.Addr().String()))(t)
	_ = again.Close()
}
