package propose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
)

const (
	brockholes = `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`
	elsewhere  = `{"name":"Elsewhere","geolocation":{"latitude":53.77,"longitude":-2.63}}`
)

// openFunc is a store that is one function.
type openFunc func(ctx context.Context, opening eventstore.Event) error

func (f openFunc) Open(ctx context.Context, opening eventstore.Event) error { return f(ctx, opening) }

// failing is a store that always gives err, as the adapter would.
func failing(err error) openFunc {
	return func(context.Context, eventstore.Event) error { return fmt.Errorf("put in table secret-table: %w", err) }
}

// memory is a store that keeps openings in a map.
func memory() openFunc {
	var mu sync.Mutex
	stored := map[eventstore.StreamName]eventstore.Event{}
	return func(_ context.Context, opening eventstore.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if existing, exists := stored[opening.StreamName]; exists {
			return &eventstore.StreamExistsError{Opening: existing}
		}
		stored[opening.StreamName] = opening
		return nil
	}
}

// api is a handler, its output, and the number of its requests.
type api struct {
	t       *testing.T
	handler *httpapi.Handler
	output  *bytes.Buffer // read it between requests only
	asked   int
}

// nineOClock is when everything happens.
var nineOClock = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func newAPI(t *testing.T, store openFunc, change ...func(*httpapi.Config)) *api {
	t.Helper()
	output := &bytes.Buffer{}
	cfg := httpapi.Config{
		Now:          func() time.Time { return nineOClock },
		Output:       output,
		FunctionName: "propose-destination",
	}
	for _, apply := range change {
		apply(&cfg)
	}
	p := destination.NewProposer(store)
	p.Now = cfg.Now
	return &api{t: t, handler: propose.New(p, cfg), output: output}
}

// event returns a proxy event that proposes body. Each has a request id of its own.
func (a *api) event(body string, headers map[string]string) events.APIGatewayProxyRequest {
	a.asked++
	multi := map[string][]string{"Content-Type": {"application/json"}}
	for name, value := range headers {
		multi[name] = []string{value}
	}
	return events.APIGatewayProxyRequest{
		Resource:          "/destination",
		Path:              "/destination",
		HTTPMethod:        "POST",
		MultiValueHeaders: multi,
		Body:              body,
		RequestContext: events.APIGatewayProxyRequestContext{
			RequestID:         fmt.Sprintf("9f3c1c52-8f0e-4a1b-9a44-%012d", a.asked),
			ExtendedRequestID: fmt.Sprintf("extended%07d=", a.asked),
		},
	}
}

func (a *api) handle(event events.APIGatewayProxyRequest) events.APIGatewayProxyResponse {
	a.t.Helper()
	return a.handleContext(a.t.Context(), event)
}

func (a *api) handleContext(ctx context.Context, event events.APIGatewayProxyRequest) events.APIGatewayProxyResponse {
	a.t.Helper()
	response, err := a.handler.Handle(ctx, event)
	if err != nil {
		a.t.Fatalf("Handle: %v; every failure must become an answer", err)
	}
	return response
}

// propose sends body with headers, besides a JSON content type.
func (a *api) propose(body string, headers map[string]string) events.APIGatewayProxyResponse {
	a.t.Helper()
	return a.handle(a.event(body, headers))
}

// line is one line of the output.
type line map[string]any

func (l line) message() string { text, _ := l["message"].(string); return text }

// lines returns what was written since the last call, and checks that all of it
// is JSON, one object a line.
func (a *api) lines() []line {
	a.t.Helper()
	var lines []line
	for text := range strings.Lines(a.output.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			a.t.Fatalf("output line %q is not a JSON object: %v", text, err)
		}
		lines = append(lines, l)
	}
	a.output.Reset()
	return lines
}

// logs returns the log lines among lines, metrics the others.
func logs(lines []line) []line {
	return slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l["_aws"] != nil })
}

func metrics(lines []line) []line {
	return slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l["_aws"] == nil })
}

// problem decodes a response's problem and checks what every problem has.
func problem(t *testing.T, response events.APIGatewayProxyResponse) contract.Problem {
	t.Helper()
	if got := response.Headers["Content-Type"]; got != contract.MediaTypeProblem {
		t.Errorf("Content-Type = %q, want %q; body %s", got, contract.MediaTypeProblem, response.Body)
	}
	decoder := json.NewDecoder(strings.NewReader(response.Body))
	decoder.DisallowUnknownFields()
	var p contract.Problem
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("body %q is not a problem: %v", response.Body, err)
	}
	if p.Status != response.StatusCode || p.Type == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("status %d with problem %+v; want its status, and a type, title and detail", response.StatusCode, p)
	}
	return p
}

// wantProblem checks that a response is a problem of that kind.
func wantProblem(t *testing.T, response events.APIGatewayProxyResponse, kind contract.ProblemType) contract.Problem {
	t.Helper()
	p := problem(t, response)
	if response.StatusCode != kind.Status || p.Type != kind.Type || p.Title != kind.Title {
		t.Errorf("got %d %s %q, want %d %s %q; detail %s", response.StatusCode, p.Type, p.Title, kind.Status, kind.Type, kind.Title, p.Detail)
	}
	return p
}

// wantOK checks that a response is the plain success.
func wantOK(t *testing.T, response events.APIGatewayProxyResponse) {
	t.Helper()
	if response.StatusCode != 200 || response.Body != "OK" || response.Headers["Content-Type"] != "text/plain" {
		t.Errorf("got %d %v %q, want 200 text/plain OK", response.StatusCode, response.Headers, response.Body)
	}
}

func withHeader(headers map[string]string, name, value string) map[string]string {
	headers = maps.Clone(headers)
	if headers == nil {
		headers = map[string]string{}
	}
	headers[name] = value
	return headers
}

// inInvocation returns a context of the Lambda invocation with that id.
func inInvocation(ctx context.Context, id string) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: id})
}
