package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/httpapi"
	"visitplannr/test/check"
)

// The handler serves any endpoint: these are not in the contract.
var (
	showVersion = contract.Endpoint{Function: "show-version", Method: "GET", Path: "/version"}
	readStream  = contract.Endpoint{Function: "read-stream", Method: "GET", Path: "/streams/{name}", TableActions: []string{"Query"}}
	renameIt    = contract.Endpoint{
		Function: "rename-it", Method: "POST", Path: "/names",
		Body: new(contract.Object("A new name.", map[string]contract.Schema{
			"name":  {Type: contract.TypeString, Description: "must be a name", Example: "B"},
			"since": {Type: contract.TypeString, Description: "must be a date", Example: "1066"},
		}, "since")),
	}
)

var errNoStream = errors.New("no such stream")

func handle[C any](t *testing.T, e contract.Endpoint, operation httpapi.Operation[C], event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, string) {
	t.Helper()
	var output bytes.Buffer
	response := check.Value(httpapi.New(e, operation, httpapi.Config{Output: &output, FunctionName: e.Function}).Handle(t.Context(), event))(t)
	return response, output.String()
}

func nothing(*httpapi.Request) struct{} { return struct{}{} }

func text(s string) (string, error) {
	if s == "" {
		return "", errors.New("must not be empty")
	}
	return s, nil
}

func TestAnEndpointWithoutABody(t *testing.T) {
	t.Parallel()
	version := httpapi.Operation[struct{}]{
		Decode: nothing,
		Do: func(context.Context, struct{}) (httpapi.Answer, error) {
			return httpapi.Answer{JSON: map[string]string{"version": "1"}, Log: []slog.Attr{slog.String("shown", "1")}}, nil
		},
	}
	t.Run("ignores content type, body and key, and answers JSON", func(t *testing.T) {
		response, logs := handle(t, showVersion, version, events.APIGatewayProxyRequest{Body: "{", Headers: map[string]string{
			"Content-Type": "text/csv", "Accept": "text/plain", contract.HeaderIdempotencyKey: "not a key"}})
		if response.StatusCode != http.StatusOK || response.Body != `{"version":"1"}` || response.Headers["Content-Type"] != contract.MediaTypeJSON {
			t.Errorf("got %d %v %s", response.StatusCode, response.Headers, response.Body)
		}
		if !strings.Contains(logs, `"shown":"1"`) || strings.Contains(logs, "replayed") || strings.Contains(logs, contract.MetricOperationLatency) {
			t.Errorf("logged %s; want what the operation says, nothing of replays and no latency of a store that it does not use", logs)
		}
	})
	t.Run("reads the parameters of its path, and gives its errors their problems", func(t *testing.T) {
		stream := httpapi.Operation[string]{
			Decode: func(r *httpapi.Request) string { return r.Parameters["name"] },
			Do: func(_ context.Context, name string) (httpapi.Answer, error) {
				if name != "a" {
					return httpapi.Answer{}, fmt.Errorf("read %s: %w", name, errNoStream)
				}
				return httpapi.Answer{JSON: name}, nil
			},
			Problems: map[error]contract.ProblemType{errNoStream: contract.ProblemNotFound},
		}
		response, logs := handle(t, readStream, stream, events.APIGatewayProxyRequest{PathParameters: map[string]string{"name": "a"}})
		if response.StatusCode != http.StatusOK || response.Body != `"a"` || !strings.Contains(logs, contract.MetricOperationLatency) {
			t.Errorf("got %d %s, logged %s; want 200, and the latency of the store", response.StatusCode, response.Body, logs)
		}
		response, logs = handle(t, readStream, stream, events.APIGatewayProxyRequest{PathParameters: map[string]string{"name": "b"}})
		wantProblem(t, response, contract.ProblemNotFound)
		if !strings.Contains(logs, "read b: no such stream") {
			t.Errorf("logged %s, want the cause", logs)
		}
	})
}

func TestAnOperationThatDisagreesWithItsEndpointsProblemsDoesNotStart(t *testing.T) {
	t.Parallel()
	own := contract.ProblemType{Type: "urn:own", Status: 404}
	problems := map[error]contract.ProblemType{errNoStream: own}
	withOwn := readStream
	withOwn.Problems = []contract.ProblemType{own}
	for _, c := range []struct {
		endpoint contract.Endpoint
		problems map[error]contract.ProblemType
		want     string
	}{
		{withOwn, problems, "<nil>"},
		{withOwn, nil, "GET /streams/{name} never answers with urn:own"},
		{readStream, problems, "GET /streams/{name} answers with urn:own: add it to Problems"},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, c.want) {
					t.Errorf("got %s, want %s", got, c.want)
				}
			}()
			httpapi.New(c.endpoint, httpapi.Operation[string]{Problems: c.problems}, httpapi.Config{Output: io.Discard})
		}()
	}
}

func TestLeavesCannotBeLost(t *testing.T) {
	t.Parallel()
	done := false
	do := func(context.Context, string) (httpapi.Answer, error) { done = true; return httpapi.Answer{}, nil }
	for outcome, decode := range map[string]func(*httpapi.Request) string{
		"a leaf of the schema that the operation does not read fails every request": func(r *httpapi.Request) string {
			return httpapi.Leaf(r, "#/name", text)
		},
		"a leaf that the operation reads and the schema does not have fails every request": func(r *httpapi.Request) string {
			return httpapi.Leaf(r, "#/name", text) + httpapi.Leaf(r, "#/since", text) + httpapi.Leaf(r, "#/until", text)
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			for _, body := range []string{`{"name":"B"}`, `{"name":"B","since":"1066"}`, `{}`} {
				response, logs := handle(t, renameIt, httpapi.Operation[string]{Decode: decode, Do: do}, events.APIGatewayProxyRequest{Body: body})
				wantProblem(t, response, contract.ProblemInternal)
				if done || !strings.Contains(logs, "#/since") && !strings.Contains(logs, "#/until") {
					t.Errorf("%s: done %t, logged %s; want nothing done, and the leaf named", body, done, logs)
				}
			}
		})
	}
	t.Run("an optional leaf may be absent", func(t *testing.T) {
		decode := func(r *httpapi.Request) string {
			return httpapi.Leaf(r, "#/name", text) + httpapi.Leaf(r, "#/since", text)
		}
		got := ""
		do := func(_ context.Context, command string) (httpapi.Answer, error) {
			got = command
			return httpapi.Answer{JSON: command}, nil
		}
		for body, want := range map[string]string{`{"name":"B"}`: "B", `{"name":"B","since":"1066"}`: "B1066"} {
			if response, _ := handle(t, renameIt, httpapi.Operation[string]{Decode: decode, Do: do}, events.APIGatewayProxyRequest{Body: body}); response.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s: got %d %s, command %q; want 200, %q", body, response.StatusCode, response.Body, got, want)
			}
		}
		response, _ := handle(t, renameIt, httpapi.Operation[string]{Decode: decode, Do: do}, events.APIGatewayProxyRequest{Body: `{"since":""}`})
		if errs := wantProblem(t, response, contract.ProblemInvalidBody).Errors; len(errs) != 2 {
			t.Errorf("got errors %v, want that name is missing and since empty", errs)
		}
	})
}
