package apigateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
)

// ask sends a request to a gateway whose function answers OK, and tells what the
// function saw.
func ask(t *testing.T, g *Gateway, r *http.Request) (*http.Response, *events.APIGatewayProxyRequest) {
	t.Helper()
	recorder := httptest.NewRecorder()
	var seen *events.APIGatewayProxyRequest
	g.config.Functions = map[string]Invoker{contract.ProposeDestination.Function: invokerFunc(func(_ context.Context, event []byte) ([]byte, error) {
		seen = new(events.APIGatewayProxyRequest)
		return []byte(`{"statusCode":200,"body":"OK"}`), json.Unmarshal(event, seen)
	})}
	g.ServeHTTP(recorder, r)
	return recorder.Result(), seen
}

func gatewayWith(t *testing.T, cfg Config) *Gateway {
	t.Helper()
	cfg.Endpoints, cfg.Logger = contract.Endpoints(), slog.New(slog.DiscardHandler)
	return check.Value(New(cfg))(t)
}

func request(method, path string) *http.Request {
	return httptest.NewRequest(method, path, strings.NewReader(goodBody))
}

func TestSignedRequestsReachTheFunctionWithTheirCaller(t *testing.T) {
	t.Parallel()
	g := gatewayWith(t, Config{Principals: []Principal{editor, stranger}})
	g.now = func() time.Time { return signedAt }
	response, seen := ask(t, g, signed(t, editor))
	if response.StatusCode != http.StatusOK || seen == nil || seen.RequestContext.Identity.UserArn != editor.ARN {
		t.Fatalf("got %d and the event %+v, want 200 and the caller %s", response.StatusCode, seen, editor.ARN)
	}
	response, seen = ask(t, g, signed(t, stranger))
	if response.StatusCode != http.StatusForbidden || seen != nil || response.Header.Get("x-amzn-ErrorType") != "AccessDeniedException" {
		t.Errorf("got %d %v, and the function ran: %t; want 403 without it", response.StatusCode, response.Header, seen != nil)
	}
}

// The status is AWS's and the body that of DEFAULT_4XX, which has none.
func TestMalformedAuthorizationIs403EverywhereButOnAnOpenRoute(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg  Config
		path string
		want int
	}{
		"where requests are signed": {Config{Principals: []Principal{editor}}, "/destination", 403},
		"on an unknown path":        {Config{}, "/other", 403},
		"on an open route":          {Config{}, "/destination", 200},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(http.MethodPost, test.path)
			r.Header.Set("Authorization", "Bearer x")
			response, _ := ask(t, gatewayWith(t, test.cfg), r)
			if response.StatusCode != test.want {
				t.Fatalf("got %d, want %d", response.StatusCode, test.want)
			}
			if test.want == 200 {
				return
			}
			var problem contract.Problem
			err := json.NewDecoder(response.Body).Decode(&problem)
			if err != nil || problem.Type != contract.ProblemInvalidRequest.Type || problem.Status != 0 || response.Header.Get("x-amzn-ErrorType") != "IncompleteSignatureException" {
				t.Errorf("got %+v (%v) and %v, want the problem of DEFAULT_4XX", problem, err, response.Header)
			}
		})
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	// At this rate the bucket does not fill while the test runs.
	g := gatewayWith(t, Config{ThrottleRate: 0.0001, ThrottleBurst: 2, Principals: []Principal{editor}})
	g.now = func() time.Time { return signedAt }
	for range 5 { // refused before the rate counts
		if response, _ := ask(t, g, request(http.MethodPost, "/destination")); response.StatusCode != http.StatusNotFound {
			t.Fatalf("unsigned: got %d, want 404", response.StatusCode)
		}
	}
	for i, want := range []int{200, 200, 429, 429} {
		response, _ := ask(t, g, signed(t, editor))
		if response.StatusCode != want {
			t.Errorf("request %d: got %d, want %d", i+1, response.StatusCode, want)
		}
		if want == 429 && (response.Header.Get("Retry-After") == "" || response.Header.Get("x-amzn-ErrorType") != "TooManyRequestsException") {
			t.Errorf("request %d: got headers %v, want Retry-After and the error's type", i+1, response.Header)
		}
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	one, two := "https://one.example", "https://two.example"
	for name, test := range map[string]struct {
		allowed []string
		origin  string
		path    string
		status  int
		want    string // the origin that may read
		errors  string // the origin that may read the gateway's own answers
	}{
		"of an allowed origin":           {[]string{one}, one, "/destination", 204, one, one},
		"of the second of two":           {[]string{one, two}, two, "/destination", 204, two, "*"},
		"of another origin":              {[]string{one, two}, "https://evil.example", "/destination", 204, one, "*"},
		"of an unknown path":             {[]string{one}, one, "/other", 404, one, one},
		"of an API without such origins": {nil, one, "/destination", 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := gatewayWith(t, Config{CORSOrigins: test.allowed, Principals: []Principal{editor}})
			r := request(http.MethodOptions, test.path)
			r.Header.Set("Origin", test.origin)
			response, seen := ask(t, g, r)
			if response.StatusCode != test.status || response.Header.Get("Access-Control-Allow-Origin") != test.want || seen != nil {
				t.Errorf("got %d %v, want %d for %q", response.StatusCode, response.Header, test.status, test.want)
			}
			if test.status == 204 && (response.Header.Get("Access-Control-Allow-Methods") != "POST" || response.Header.Get("Access-Control-Max-Age") != "3600") {
				t.Errorf("got %v, want POST for an hour", response.Header)
			}
			refused, _ := ask(t, g, request(http.MethodPost, "/destination"))
			if got := refused.Header.Get("Access-Control-Allow-Origin"); got != test.errors {
				t.Errorf("an answer of the gateway's own may be read by %q, want %q", got, test.errors)
			}
		})
	}
}

func TestAnswersCarryBothIDs(t *testing.T) {
	t.Parallel()
	extended := regexp.MustCompile(`^[A-Za-z0-9+/]{15}=$`)
	var log bytes.Buffer
	g := gatewayWith(t, Config{})
	g.config.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	const chosen = "6c4a1f3e-2b7d-4e0c-9a58-d1f0b3c2e4a6"
	for _, path := range []string{"/destination", "/other"} {
		r := request(http.MethodPost, path)
		r.Header.Set(contract.HeaderRequestID, chosen)
		response, seen := ask(t, g, r)
		id := response.Header.Get(headerExtendedID)
		if !extended.MatchString(id) || response.Header.Get(contract.HeaderRequestID) != chosen {
			t.Errorf("%s: got headers %v, want both ids", path, response.Header)
		}
		if path == "/other" {
			line, body := log.String(), new(strings.Builder)
			if _, err := io.Copy(body, response.Body); err != nil || !strings.Contains(body.String(), contract.Instance(chosen)) {
				t.Errorf("got the problem %s (%v), want the request's id as its instance", body, err)
			}
			if !strings.Contains(line, `"requestId":"`+chosen+`"`) || !strings.Contains(line, `"extendedRequestId":"`+id+`"`) {
				t.Errorf("got the line %s, want both ids", line)
			}
		}
		if seen != nil && seen.RequestContext.ExtendedRequestID != id {
			t.Errorf("the event has the extended id %q, the answer %q", seen.RequestContext.ExtendedRequestID, id)
		}
	}
}

func TestHeadersAndURLAreLimited(t *testing.T) {
	t.Parallel()
	g := gatewayWith(t, Config{})
	plain := headerBytes(request(http.MethodPost, "/destination"))
	one, many := maxHeaderBytes-plain-len("X-Large: \r\n"), (maxHeaderBytes-plain)/len("X-Large: \r\n")
	for name, c := range map[string]struct {
		values []string // of the header X-Large
		url    int
		want   int
	}{
		"headers at the limit":       {[]string{strings.Repeat("x", one)}, 0, http.StatusOK},
		"headers above it":           {[]string{strings.Repeat("x", one+1)}, 0, http.StatusRequestHeaderFieldsTooLarge},
		"many headers without value": {make([]string, many), 0, http.StatusOK},
		"one more of these":          {make([]string, many+1), 0, http.StatusRequestHeaderFieldsTooLarge},
		"a URL at the limit":         {nil, maxURLBytes, http.StatusOK},
		"a URL above it":             {nil, maxURLBytes + 1, http.StatusRequestURITooLong},
	} {
		r := request(http.MethodPost, "/destination")
		if c.url > 0 {
			r = request(http.MethodPost, "/destination?x="+strings.Repeat("y", c.url-len("/destination?x=")))
		}
		for _, value := range c.values {
			r.Header.Add("X-Large", value)
		}
		if response, _ := ask(t, g, r); response.StatusCode != c.want {
			t.Errorf("%s: got %d, want %d", name, response.StatusCode, c.want)
		}
	}
}

// The preflight's answer is the stack's: test/api_test.go holds the template to the
// same values.
func TestPreflightAnswersAreMadeOfTheContract(t *testing.T) {
	t.Parallel()
	got := preflightHeaders(contract.PreflightOf("POST"), []string{"https://one.example"}, "")
	want := map[string]string{
		"Access-Control-Allow-Headers": "Accept,Content-Type,Idempotency-Key,Authorization,X-Amz-Date,X-Amz-Security-Token,X-Amz-Content-Sha256",
		"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Origin": "https://one.example",
		"Access-Control-Max-Age": "3600", "Vary": "Origin",
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
