package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/test/check"
)

// addPlace is an endpoint with all that a handler can do: a key, an answer in text, a
// table, and a body with leaves at two levels.
var addPlace = contract.Endpoint{
	Function: "add-place", Method: "POST", Path: "/places", TakesKey: true, Text: contract.StatusOK, TableActions: []string{"PutItem"},
	Body: new(contract.Object("A place.", map[string]contract.Schema{
		"name":        {Type: contract.TypeString, Description: ruleName},
		"geolocation": contract.Object("Where it is.", map[string]contract.Schema{"latitude": {Type: contract.TypeNumber, Description: ruleNumber}, "longitude": {Type: contract.TypeNumber, Description: ruleNumber}}),
	})),
}

const (
	brockholes = `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`
	elsewhere  = `{"name":"Elsewhere","geolocation":{"latitude":53.77,"longitude":-2.63}}`
	ruleName   = "must not be blank"
	ruleNumber = "must be a number"
)

// place is addPlace's command, and store what carries it out.
type (
	place struct {
		name, latitude, longitude, request string
		key                                *eventstore.IdempotencyKey
	}
	store func(context.Context, place) (httpapi.Answer, error)
)

var errReused = errors.New("the key belongs to another place")

// failing is a store that always gives err, as the adapter would.
func failing(err error) store {
	return func(context.Context, place) (httpapi.Answer, error) {
		return httpapi.Answer{}, fmt.Errorf("put in table secret-table: %w", err)
	}
}

func panicking(context.Context, place) (httpapi.Answer, error) { panic("broken") }

// receipt is what memory answers.
type receipt struct{ Name, Request string }

// memory is a store that keeps the places of keys in a map.
func memory() store {
	var mu sync.Mutex
	stored := map[eventstore.IdempotencyKey]place{}
	return func(_ context.Context, p place) (httpapi.Answer, error) {
		mu.Lock()
		defer mu.Unlock()
		first, replayed := p, false
		if p.key != nil {
			if first, replayed = stored[*p.key]; !replayed {
				stored[*p.key], first = p, p
			}
		}
		if first.name != p.name {
			return httpapi.Answer{}, errReused
		}
		return httpapi.Answer{JSON: receipt{first.name, first.request}, Replayed: replayed, Log: []slog.Attr{slog.String("place", first.name)}}, nil
	}
}

// api is a handler, its output, and the number of its requests.
type api struct {
	t       *testing.T
	handler *httpapi.Handler
	output  *bytes.Buffer // read it between requests only
	asked   int
}

func newAPI(t *testing.T, do store, change ...func(*httpapi.Config)) *api {
	t.Helper()
	a := &api{t: t, output: &bytes.Buffer{}}
	cfg := httpapi.Config{Output: a.output, FunctionName: "add-place", Now: func() time.Time { return time.Unix(1_800_000_000, 5e6) }}
	for _, apply := range change {
		apply(&cfg)
	}
	number := func(s string) (string, error) {
		if !json.Valid([]byte(s)) {
			return "", errors.New(ruleNumber)
		}
		return s, nil
	}
	a.handler = httpapi.New(addPlace, httpapi.Operation[place]{
		Decode: func(r *httpapi.Request) place {
			return place{
				name: httpapi.Leaf(r, "#/name", func(s string) (string, error) {
					if s = strings.TrimSpace(s); s == "" {
						return "", errors.New(ruleName)
					}
					return s, nil
				}),
				latitude: httpapi.Leaf(r, "#/geolocation/latitude", number), longitude: httpapi.Leaf(r, "#/geolocation/longitude", number),
				request: r.ID, key: r.Key,
			}
		},
		Do:       do,
		Problems: map[error]contract.ProblemType{errReused: contract.ProblemKeyReused},
	}, cfg)
	return a
}

// event returns a proxy event that adds a place. Each has a request id of its own.
func (a *api) event(body string, headers map[string]string) events.APIGatewayProxyRequest {
	a.asked++
	multi := map[string][]string{"Content-Type": {"application/json"}}
	for name, value := range headers {
		multi[name] = []string{value}
	}
	return events.APIGatewayProxyRequest{
		Resource: "/places", Path: "/places", HTTPMethod: "POST", MultiValueHeaders: multi, Body: body,
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
	response := check.Value(a.handler.Handle(ctx, event))(a.t)
	return response
}

// post sends body with headers, besides a JSON content type.
func (a *api) post(body string, headers map[string]string) events.APIGatewayProxyResponse {
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
		check.OK(a.t, json.Unmarshal([]byte(text), &l))
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

// wantProblem checks that a response is a problem of that kind, with all that a problem has.
func wantProblem(t *testing.T, response events.APIGatewayProxyResponse, kind contract.ProblemType) contract.Problem {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(response.Body))
	decoder.DisallowUnknownFields()
	var p contract.Problem
	if err := decoder.Decode(&p); err != nil || response.Headers["Content-Type"] != contract.MediaTypeProblem || p.Detail == "" ||
		response.StatusCode != kind.Status || p.Status != kind.Status || p.Type != kind.Type || p.Title != kind.Title {
		t.Errorf("got %d %v %s (%v), want a problem %d %s", response.StatusCode, response.Headers, response.Body, err, kind.Status, kind.Type)
	}
	return p
}

// wantOK checks that a response is the plain success.
func wantOK(t *testing.T, response events.APIGatewayProxyResponse) {
	t.Helper()
	if response.StatusCode != http.StatusOK || response.Body != "OK" || response.Headers["Content-Type"] != "text/plain" {
		t.Errorf("got %d %v %q, want 200 text/plain OK", response.StatusCode, response.Headers, response.Body)
	}
}

func isReplay(response events.APIGatewayProxyResponse) bool {
	return response.StatusCode == http.StatusOK && response.Headers[contract.HeaderIdempotencyReplayed] == "true"
}

// inInvocation returns a context of the Lambda invocation with that id.
func inInvocation(ctx context.Context, id string) context.Context {
	return lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: id})
}
