// Package e2e tests the whole system over HTTP: the local gateway, the function,
// the store's adapter, and an engine behind a proxy that injects faults.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/faults"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

const brockholes = `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`

// sideBySide is how many tests run at once. They wait for pauses and processes far
// more than they compute, so the number of processors is no measure.
const sideBySide = "8"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// tables numbers the tables, so that tests can share an engine.
var tables atomic.Int64

// storeOn returns the store of a table at an endpoint.
func storeOn(t *testing.T, endpoint, table string) *dynamo.Store {
	t.Helper()
	client := check.Value(dynamo.NewClient(func(name string) string { return environment(endpoint, table)[name] }))(t)
	return dynamo.New(client, table)
}

// environment is what the function finds in its environment.
func environment(endpoint, table string) map[string]string {
	return map[string]string{
		contract.EnvEventsTable: table,
		"AWS_REGION":            "local",
		"AWS_ACCESS_KEY_ID":     "local",
		"AWS_SECRET_ACCESS_KEY": "local",
		dynamo.EnvEndpoint:      endpoint,
	}
}

// system is the system under test.
type system struct {
	t      *testing.T
	url    string // of POST /destination
	table  string
	proxy  *faults.Proxy // between the function and its engine
	direct *dynamo.Store // past the proxy
	logs   *lockedBuffer // of the function and the gateway

	requestID string // that clients choose; "": none

	// expire ends the time of the invocations that are under way.
	expire func()
}

// timeout is an invocation's, of handlers in this process. It is not what ends
// them in these tests, however slow the machine; expire is.
const timeout = time.Minute

// newSystem starts the system on an engine's URL, with the handler in this process.
func newSystem(t *testing.T, engine string, plan faults.Plan) *system {
	t.Helper()
	s := behindProxy(t, engine, plan)
	proposer := destination.NewProposer(storeOn(t, s.proxy.URL(), s.table))
	handler := propose.New(proposer, httpapi.Config{Output: s.logs, FunctionName: "e2e"})
	var (
		mu      sync.Mutex
		expired = make(chan struct{})
	)
	s.expire = func() {
		mu.Lock()
		defer mu.Unlock()
		close(expired)
		expired = make(chan struct{})
	}
	s.serve(invokerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		mu.Lock()
		limited := limitedContext{ctx, expired}
		mu.Unlock()
		var request events.APIGatewayProxyRequest
		if err := json.Unmarshal(event, &request); err != nil {
			return nil, err
		}
		response, err := handler.Handle(limited, request)
		if err != nil {
			return nil, err
		}
		return json.Marshal(response)
	}))
	return s
}

// invokerFunc is a function in this process.
type invokerFunc func(context.Context, []byte) ([]byte, error)

func (f invokerFunc) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// limitedContext is a context whose deadline passes when a channel is closed.
type limitedContext struct {
	context.Context
	expired chan struct{}
}

func (c limitedContext) Done() <-chan struct{} { return c.expired }

func (c limitedContext) Err() error {
	select {
	case <-c.expired:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// behindProxy makes the table on an engine and puts a proxy in front of it.
func behindProxy(t *testing.T, engine string, plan faults.Plan) *system {
	t.Helper()
	table := fmt.Sprint("events-", tables.Add(1))
	s := &system{t: t, table: table, direct: storeOn(t, engine, table), logs: &lockedBuffer{}}
	check.Value(s.direct.CreateTable(t.Context()))(t)
	s.proxy = enginetest.Behind(t, engine, plan)
	return s
}

// serve serves the API with a function.
func (s *system) serve(function apigateway.Invoker) {
	s.t.Helper()
	api, err := apigateway.New(apigateway.Config{
		Endpoints: contract.Endpoints(),
		Functions: map[string]apigateway.Invoker{contract.ProposeDestination.Function: function},
		Logger:    apigateway.NewLogger(s.logs),
	})
	check.OK(s.t, err)
	server := httptest.NewServer(api)
	s.t.Cleanup(server.Close)
	s.url = server.URL + contract.ProposeDestination.Path
}

// answer is the API's answer to one request.
type answer struct {
	status     int
	requestID  string
	replayed   bool
	retryAfter string
	body       string
}

// post sends one request, and repeats nothing.
func (s *system) post(body, key string) (answer, error) {
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	if s.requestID != "" {
		request.Header.Set(contract.HeaderRequestID, s.requestID)
	}
	if key != "" {
		request.Header.Set(contract.HeaderIdempotencyKey, key)
		// net/http repeats requests with this header on its own when a kept
		// connection breaks; here every attempt is counted.
		request.GetBody = nil
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{
		status:     response.StatusCode,
		requestID:  response.Header.Get(contract.HeaderRequestID),
		replayed:   response.Header.Get(contract.HeaderIdempotencyReplayed) == "true",
		retryAfter: response.Header.Get("Retry-After"),
		body:       string(text),
	}, err
}

var client = func() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	return &http.Client{Transport: transport}
}()

func (s *system) mustPost(body, key string) answer {
	s.t.Helper()
	got := check.Value(s.post(body, key))(s.t)
	return got
}

// wantStored checks an answer of success and returns its receipt.
func (s *system) wantStored(got answer, replayed bool) contract.Receipt {
	s.t.Helper()
	var receipt contract.Receipt
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.body), &receipt) != nil || receipt.Status != contract.StatusOK {
		s.t.Fatalf("got %d %s, want 200 and a receipt; logs:\n%s", got.status, got.body, s.logs)
	}
	if got.replayed != replayed {
		s.t.Errorf("%s is %t, want %t", contract.HeaderIdempotencyReplayed, got.replayed, replayed)
	}
	return receipt
}

// wantProblem checks an answer of failure.
func (s *system) wantProblem(got answer, want contract.ProblemType) {
	s.t.Helper()
	var problem contract.Problem
	if err := json.Unmarshal([]byte(got.body), &problem); err != nil || got.status != want.Status || problem.Type != want.Type {
		s.t.Errorf("got %d %s, want %d %s; logs:\n%s", got.status, got.body, want.Status, want.Type, s.logs)
	}
	if problem.Instance != contract.Instance(got.requestID) {
		s.t.Errorf("instance is %q, want that of request %s", problem.Instance, got.requestID)
	}
	if asked := got.retryAfter != ""; asked != (want.RetryAfter > 0) {
		s.t.Errorf("Retry-After is %q, want %d", got.retryAfter, want.RetryAfter)
	}
}

// stored returns every event of the table.
func (s *system) stored() []eventstore.Event {
	s.t.Helper()
	var events []eventstore.Event
	for event, err := range s.direct.All(context.WithoutCancel(s.t.Context())) {
		check.OK(s.t, err)
		events = append(events, event)
	}
	return events
}

func (s *system) wantEvents(want int) {
	s.t.Helper()
	if got := len(s.stored()); got != want {
		s.t.Errorf("%d events are stored, want %d", got, want)
	}
}

// failures returns the causes of the failures that the function logged.
func (s *system) failures() []string {
	s.t.Helper()
	var causes []string
	for text := range strings.Lines(s.logs.String()) {
		var line struct{ Level, Message, Cause string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			s.t.Fatalf("log line %q: %v", text, err)
		}
		if line.Level == "ERROR" {
			causes = append(causes, line.Message+": "+line.Cause)
		}
	}
	return causes
}

// lockedBuffer is a buffer for many writers.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
