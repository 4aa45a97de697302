package apigateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
	"visitplannr/test/generated"
)

const goldenDir = "testdata/golden"

// golden is an answer of the gateway's own, as a file holds it.
type golden struct {
	Status  int               `json:"status,omitempty"` // 0: whichever the gateway has
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

const goldenID = "00000000-0000-4000-8000-000000000000"

// The files hold what the deployed templates must render for the request goldenID.
// go generate ./test/generated writes them anew.
//
// Not parallel: other tests read the files.
func TestGoldenAnswersAreUpToDate(t *testing.T) {
	var files []string
	for _, response := range contract.GatewayResponses() {
		file := response.Type + ".json"
		files = append(files, file)
		t.Run(response.Type, func(t *testing.T) {
			body := strings.ReplaceAll(response.Template(), "$context.requestId", goldenID)
			want := golden{Headers: map[string]string{"Content-Type": contract.MediaTypeProblem}, Body: json.RawMessage(body)}
			if !response.KeepsStatus() {
				want.Status = response.Problem.Status
			}
			if response.Problem.RetryAfter > 0 {
				want.Headers["Retry-After"] = "2"
			}
			text := indent(t, want)
			generated.Check(t, filepath.Join(goldenDir, file), string(text))

			// The local gateway's answer, to the byte.
			api := check.Value(New(Config{Logger: slog.New(slog.DiscardHandler)}))(t)
			recorder := httptest.NewRecorder()
			recorder.Header().Set(contract.HeaderRequestID, goldenID)
			api.refuse(recorder, response.Type, errors.New("a test"))
			checkGolden(t, response.Type, recorder.Result(), recorder.Body.String(), goldenID)
		})
	}
	t.Run("no file is left over", func(t *testing.T) {
		paths := check.Value(filepath.Glob(filepath.Join(goldenDir, "*")))(t)
		for _, path := range paths {
			if !slices.Contains(files, filepath.Base(path)) {
				t.Errorf("%s is of no type of gateway response; delete it", path)
			}
		}
	})
}

// checkGolden compares an answer of the local gateway to a request of that id
// with the type's file.
func checkGolden(t *testing.T, responseType string, response *http.Response, body, id string) {
	t.Helper()
	text := check.Value(os.ReadFile(filepath.Join(goldenDir, responseType+".json")))(t)
	var want golden
	check.OK(t, json.Unmarshal(text, &want))
	if want.Status != 0 && response.StatusCode != want.Status {
		t.Errorf("got status %d, want %d", response.StatusCode, want.Status)
	}
	for _, name := range []string{"Content-Type", "Retry-After"} {
		if got := response.Header.Get(name); got != want.Headers[name] {
			t.Errorf("got %s %q, want %q", name, got, want.Headers[name])
		}
	}
	var compact bytes.Buffer
	check.OK(t, json.Compact(&compact, want.Body))
	if wantBody := strings.ReplaceAll(compact.String(), goldenID, id); body != wantBody {
		t.Errorf("got body %s, want %s", body, wantBody)
	}
}

func indent(t *testing.T, v any) []byte {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	check.OK(t, encoder.Encode(v))
	return text.Bytes()
}

func TestGatewayAnswersByItself(t *testing.T) {
	t.Parallel()
	const route = "/destination"
	ok := func(context.Context, []byte) ([]byte, error) {
		return []byte(`{"statusCode":200,"body":"OK"}`), nil
	}
	waits := func(ctx context.Context, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	fails := func(context.Context, []byte) ([]byte, error) {
		return nil, errors.New("function ended with exit status 2")
	}
	answers := func(answer string) invokerFunc {
		return func(context.Context, []byte) ([]byte, error) { return []byte(answer), nil }
	}
	large := strings.Repeat(" ", MaxBodyBytes+1)
	for name, test := range map[string]struct {
		method, target, body string
		function             invokerFunc
		want                 string // type of gateway response
	}{
		"unknown path":                 {"POST", "/destinations", "{}", ok, contract.GatewayMissingToken},
		"root":                         {"GET", "/", "", ok, contract.GatewayMissingToken},
		"path below the route":         {"POST", route + "/1", "{}", ok, contract.GatewayMissingToken},
		"path in another case":         {"POST", "/Destination", "{}", ok, contract.GatewayMissingToken},
		"GET":                          {"GET", route, "", ok, contract.GatewayMissingToken},
		"PUT":                          {"PUT", route, "{}", ok, contract.GatewayMissingToken},
		"DELETE":                       {"DELETE", route, "", ok, contract.GatewayMissingToken},
		"OPTIONS":                      {"OPTIONS", route, "", ok, contract.GatewayMissingToken},
		"method in lower case":         {"post", route, "{}", ok, contract.GatewayMissingToken},
		"method that nobody knows":     {"BREW", route, "{}", ok, contract.GatewayMissingToken},
		"body over 10 MiB":             {"POST", route, large, ok, contract.GatewayRequestTooLarge},
		"empty body":                   {"POST", route, "", ok, contract.GatewayBadRequestBody},
		"body that breaks the schema":  {"POST", route, "{}", ok, contract.GatewayBadRequestBody},
		"function that takes too long": {"POST", route, goodBody, waits, contract.GatewayIntegrationTimeout},
		"function that fails":          {"POST", route, goodBody, fails, contract.GatewayIntegrationFailure},

		"answer empty":                 {"POST", route, goodBody, answers(""), contract.GatewayIntegrationFailure},
		"answer null":                  {"POST", route, goodBody, answers("null"), contract.GatewayIntegrationFailure},
		"answer a string":              {"POST", route, goodBody, answers(`"OK"`), contract.GatewayIntegrationFailure},
		"answer no JSON":               {"POST", route, goodBody, answers("OK"), contract.GatewayIntegrationFailure},
		"answer and another":           {"POST", route, goodBody, answers(`{"statusCode":200}{"statusCode":200}`), contract.GatewayIntegrationFailure},
		"answer without statusCode":    {"POST", route, goodBody, answers(`{"body":"OK"}`), contract.GatewayIntegrationFailure},
		"answer with unknown members":  {"POST", route, goodBody, answers(`{"statusCode":200,"message":"OK"}`), contract.GatewayIntegrationFailure},
		"answer with a status of text": {"POST", route, goodBody, answers(`{"statusCode":"OK"}`), contract.GatewayIntegrationFailure},
		"answer with status 99":        {"POST", route, goodBody, answers(`{"statusCode":99}`), contract.GatewayIntegrationFailure},
		"answer with status 600":       {"POST", route, goodBody, answers(`{"statusCode":600}`), contract.GatewayIntegrationFailure},
		"answer with an object body":   {"POST", route, goodBody, answers(`{"statusCode":200,"body":{}}`), contract.GatewayIntegrationFailure},
		"answer with broken base64":    {"POST", route, goodBody, answers(`{"statusCode":200,"body":"!","isBase64Encoded":true}`), contract.GatewayIntegrationFailure},
	} {
		t.Run(test.want+" to "+name, func(t *testing.T) {
			var called bool
			logs := &logBuffer{}
			// Only the function that waits for it ever meets the timeout.
			timeout := IntegrationTimeout
			if test.want == contract.GatewayIntegrationTimeout {
				timeout = 1
			}
			server := serve(t, Config{ValidateBodies: true, Timeout: timeout, Logger: slog.New(slog.NewJSONHandler(logs, nil)),
				Endpoints: contract.Endpoints(), Functions: only(invokerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
					called = true
					return test.function(ctx, event)
				}))})
			request := check.Value(http.NewRequestWithContext(t.Context(), test.method, server.URL+test.target, strings.NewReader(test.body)))(t)
			response, body := do(t, server, request)
			id := response.Header.Get("x-amzn-RequestId")
			checkGolden(t, test.want, response, body, id)
			if status := response.StatusCode; called != (status >= 500) {
				t.Errorf("function called: %t, status %d", called, status)
			}
			line := logs.onlyLine(t)
			if line["requestId"] != id || line["responseType"] != test.want || line["cause"] == "" {
				t.Errorf("got log line %v, want the type %s, the id %s and a cause", line, test.want, id)
			}
		})
	}
}

const goodBody = `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`

// invokerFunc is a function of a test's own.
type invokerFunc func(ctx context.Context, event []byte) ([]byte, error)

func (f invokerFunc) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// logBuffer keeps what is logged before a response is read.
type logBuffer struct{ bytes.Buffer }

func (b *logBuffer) onlyLine(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	decoder := json.NewDecoder(&b.Buffer)
	check.OK(t, decoder.Decode(&line))
	if _, err := decoder.Token(); err != io.EOF {
		t.Errorf("logged more than one line: %s", b.String())
	}
	return line
}
