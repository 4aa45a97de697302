package apigateway

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
)

// recorder is a function that keeps the last event and answers 200.
type recorder struct {
	event []byte
}

func (r *recorder) Invoke(_ context.Context, event []byte) ([]byte, error) {
	r.event = event
	return []byte(`{"statusCode":200,"body":"OK"}`), nil
}

func (r *recorder) decoded(t *testing.T) events.APIGatewayProxyRequest {
	t.Helper()
	var event events.APIGatewayProxyRequest
	decoder := json.NewDecoder(strings.NewReader(string(r.event)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&event); err != nil {
		t.Fatalf("event %s: %v", r.event, err)
	}
	return event
}

func TestEventsAreThoseOfTheProxyIntegration(t *testing.T) {
	t.Parallel()
	// send makes a request and returns the event that the function got.
	sendTo := func(t *testing.T, target, body string, headers ...string) (events.APIGatewayProxyRequest, *http.Response) {
		t.Helper()
		function := &recorder{}
		server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function)})
		request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+target, strings.NewReader(body)))(t)
		for i := 0; i < len(headers); i += 2 {
			request.Header.Add(headers[i], headers[i+1])
		}
		response, _ := do(t, server, request)
		return function.decoded(t), response
	}
	send := func(t *testing.T, query, body string, headers ...string) (events.APIGatewayProxyRequest, *http.Response) {
		t.Helper()
		return sendTo(t, "/destination"+query, body, headers...)
	}

	t.Run("route, stage and caller", func(t *testing.T) {
		before := time.Now()
		event, _ := send(t, "?x=1", goodBody, "User-Agent", "curl/8")
		for what, pair := range map[string][2]string{
			"httpMethod":                         {event.HTTPMethod, "POST"},
			"path":                               {event.Path, "/destination"},
			"resource":                           {event.Resource, "/destination"},
			"requestContext.httpMethod":          {event.RequestContext.HTTPMethod, "POST"},
			"requestContext.path":                {event.RequestContext.Path, "/local/destination"},
			"requestContext.resourcePath":        {event.RequestContext.ResourcePath, "/destination"},
			"requestContext.stage":               {event.RequestContext.Stage, Stage},
			"requestContext.protocol":            {event.RequestContext.Protocol, "HTTP/1.1"},
			"requestContext.identity.sourceIp":   {event.RequestContext.Identity.SourceIP, "127.0.0.1"},
			"requestContext.identity.userAgent":  {event.RequestContext.Identity.UserAgent, "curl/8"},
			"requestContext.identity.userArn":    {event.RequestContext.Identity.UserArn, ""},
			"headers.X-Forwarded-For":            {event.Headers["X-Forwarded-For"], "127.0.0.1"},
			"headers.X-Forwarded-Proto":          {event.Headers["X-Forwarded-Proto"], "http"},
			"headers.Host, with the domain name": {event.Headers["Host"], event.RequestContext.DomainName},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: got %q, want %q", what, pair[0], pair[1])
			}
		}
		at := time.UnixMilli(event.RequestContext.RequestTimeEpoch)
		if at.Before(before.Truncate(time.Millisecond)) || at.After(time.Now()) {
			t.Errorf("got requestTimeEpoch %v, want now", at)
		}
		if got, want := event.RequestContext.RequestTime, at.UTC().Format("02/Jan/2006:15:04:05 +0000"); got != want {
			t.Errorf("got requestTime %q, want %q", got, want)
		}
		if trace := event.Headers["X-Amzn-Trace-Id"]; !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`).MatchString(trace) {
			t.Errorf("got trace id %q", trace)
		}
	})

	// As AWS's recordings have it: https://github.com/localstack/localstack/pull/11304.
	t.Run("slashes around the path do not matter, and stay in it", func(t *testing.T) {
		for target, want := range map[string][2]string{
			"/destination/":    {"/destination/", "/local/destination/"},
			"//destination":    {"/destination", "/local//destination"},
			"///destination/?": {"/destination/", "/local///destination/"},
			"/d%65stination":   {"/d%65stination", "/local/d%65stination"},
		} {
			event, response := sendTo(t, target, goodBody)
			if got := [2]string{event.Path, event.RequestContext.Path}; got != want || event.RequestContext.ResourcePath != "/destination" || response.StatusCode != http.StatusOK {
				t.Errorf("%s: got %d and the paths %q of %s, want %q", target, response.StatusCode, got, event.RequestContext.ResourcePath, want)
			}
		}
	})

	t.Run("request id is the client's, if that is one UUID, or new", func(t *testing.T) {
		const chosen = "6c4a1f3e-2b7d-4e0c-9a58-d1f0b3c2e4a6"
		seen := map[string]bool{}
		for _, given := range [][]string{{chosen}, {strings.ToUpper(chosen)}, nil, {""}, {"forged"}, {chosen + "0"}, {"urn:uuid:" + chosen},
			{"{" + chosen + "}"}, {strings.ReplaceAll(chosen, "-", "")}, {chosen + `"`}, {chosen, chosen}} {
			var headers []string
			for _, id := range given {
				headers = append(headers, "x-amzn-RequestId", id)
			}
			event, response := send(t, "", goodBody, headers...)
			id, extended := event.RequestContext.RequestID, event.RequestContext.ExtendedRequestID
			if taken := len(given) == 1 && strings.EqualFold(given[0], chosen); taken != slices.Contains(given, id) {
				t.Errorf("%q: got request id %q, want the client's: %t", given, id, taken)
			}
			if !isUUID.MatchString(id) || seen[id] || seen[extended] || extended == "" {
				t.Errorf("%q: got request id %q and extended id %q, want a UUID and an id, not seen before", given, id, extended)
			}
			seen[id], seen[extended] = true, true
			if got := response.Header.Get("x-amzn-RequestId"); got != id {
				t.Errorf("the client sees request id %q, the function %q", got, id)
			}
		}
	})

	t.Run("headers in both forms", func(t *testing.T) {
		event, _ := send(t, "", goodBody, "X-Tag", "one", "X-Tag", "two", "Idempotency-Key", "k", "X-Amzn-Trace-Id", "Root=1-a",
			"X-Forwarded-For", "10.0.0.1")
		if got, want := event.MultiValueHeaders["X-Tag"], []string{"one", "two"}; !slices.Equal(got, want) {
			t.Errorf("got multiValueHeaders X-Tag %q, want %q", got, want)
		}
		for name, want := range map[string]string{
			"X-Tag": "two", "Idempotency-Key": "k", "X-Amzn-Trace-Id": "Root=1-a", "X-Forwarded-For": "10.0.0.1, 127.0.0.1",
		} {
			if got := event.Headers[name]; got != want {
				t.Errorf("got headers %s %q, want %q", name, got, want)
			}
		}
		if single, multi := slices.Sorted(maps.Keys(event.Headers)), slices.Sorted(maps.Keys(event.MultiValueHeaders)); !slices.Equal(single, multi) {
			t.Errorf("headers are %q, multiValueHeaders %q; want the same names", single, multi)
		}
	})

	t.Run("query in both forms, decoded", func(t *testing.T) {
		event, _ := send(t, "?a=1&a=2&b=&c=%C3%A9+x", goodBody)
		if got, want := event.MultiValueQueryStringParameters, map[string][]string{"a": {"1", "2"}, "b": {""}, "c": {"é x"}}; !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got multiValueQueryStringParameters %q, want %q", got, want)
		}
		if got, want := event.QueryStringParameters, map[string]string{"a": "2", "b": "", "c": "é x"}; !maps.Equal(got, want) {
			t.Errorf("got queryStringParameters %q, want %q", got, want)
		}
	})

	t.Run("body as it came", func(t *testing.T) {
		for _, body := range []string{"", goodBody, " \t" + goodBody + "\n", "Llŷn\x00\u2028<&>", "\ufffd", strings.Repeat("é", 100_000)} {
			event, _ := send(t, "", body, "Content-Type", "text/plain")
			if event.Body != body || event.IsBase64Encoded {
				t.Errorf("got %.40q (base64: %t), want %.40q", event.Body, event.IsBase64Encoded, body)
			}
		}
	})

	t.Run("body that is not UTF-8 in base64", func(t *testing.T) {
		for _, body := range []string{"\xff", "Caf\xe9", "\xed\xa0\x80", "\x1f\x8b\x08\x00"} {
			event, _ := send(t, "", body)
			decoded, err := base64.StdEncoding.DecodeString(event.Body)
			if err != nil || string(decoded) != body || !event.IsBase64Encoded {
				t.Errorf("got %q (base64: %t, %v), want %q", event.Body, event.IsBase64Encoded, err, body)
			}
		}
	})

	t.Run("chunked body whole", func(t *testing.T) {
		function := &recorder{}
		server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function)})
		// A reader that hides its length makes the client send chunks.
		request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/destination", io.MultiReader(strings.NewReader(goodBody[:20]), strings.NewReader(goodBody[20:]))))(t)
		do(t, server, request)
		if got := function.decoded(t).Body; got != goodBody {
			t.Errorf("got body %q, want %q", got, goodBody)
		}
	})
}

func TestAnswersOfTheFunctionReachTheClient(t *testing.T) {
	t.Parallel()
	jsonType := http.Header{"Content-Type": {"application/json"}}
	for name, test := range map[string]struct {
		answer  string
		status  int
		headers http.Header
		body    string
	}{
		"status alone": {`{"statusCode":202}`, 202, jsonType, ""},
		"a body without a type is declared as JSON": {`{"statusCode":200,"body":"<html>"}`, 200, jsonType, "<html>"},
		"type and body":       {`{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"OK"}`, 200, http.Header{"Content-Type": {"text/plain"}}, "OK"},
		"several values":      {`{"statusCode":200,"multiValueHeaders":{"X-Tag":["a","b"]}}`, 200, http.Header{"X-Tag": {"a", "b"}}, ""},
		"both forms merged":   {`{"statusCode":200,"headers":{"X-Tag":"c"},"multiValueHeaders":{"x-tag":["a","b"]}}`, 200, http.Header{"X-Tag": {"a", "b", "c"}}, ""},
		"both forms the same": {`{"statusCode":200,"headers":{"X-Tag":"a"},"multiValueHeaders":{"X-Tag":["a","b"]}}`, 200, http.Header{"X-Tag": {"a", "b"}}, ""},
		"null headers":        {`{"statusCode":200,"headers":null,"multiValueHeaders":null,"body":"OK"}`, 200, jsonType, "OK"},
		"base64":              {`{"statusCode":200,"body":"/wBD","isBase64Encoded":true}`, 200, jsonType, "\xff\x00C"},
		"failure of its own":  {`{"statusCode":503,"headers":{"Retry-After":"7"},"body":"x"}`, 503, http.Header{"Retry-After": {"7"}}, "x"},
		"no content":          {`{"statusCode":204}`, 204, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(invokerFunc(func(context.Context, []byte) ([]byte, error) { return []byte(test.answer), nil }))})
			response, body := post(t, server, goodBody)
			if response.StatusCode != test.status || body != test.body {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, body, test.status, test.body)
			}
			for name, want := range test.headers {
				if got := response.Header.Values(name); !slices.Equal(got, want) {
					t.Errorf("got %s %q, want %q", name, got, want)
				}
			}
			if _, err := uuid.Parse(response.Header.Get("x-amzn-RequestId")); err != nil {
				t.Errorf("request id: %v", err)
			}
		})
	}
}

func TestBodiesAreValidatedWhereAModelIs(t *testing.T) {
	t.Parallel()
	const bad = "{}"
	for contentType, validated := range map[string]bool{
		"":                                true, // API Gateway takes it for JSON
		"application/json":                true,
		"Application/JSON":                true,
		"application/json; charset=utf-8": true,
		"application/json;charset=latin1": true,
		"text/plain":                      false,
		"application/problem+json":        false,
		"application/jsonl":               false,
		"application/json/x":              false,
		"application/json; charset":       false,
		"multipart/form-data; boundary=x": false,
		"nonsense":                        false,
	} {
		t.Run(strconv.Quote(contentType), func(t *testing.T) {
			function := &recorder{}
			server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function), ValidateBodies: true})
			response, _ := post(t, server, bad, "Content-Type", contentType)
			if got := response.StatusCode == http.StatusBadRequest; got != validated {
				t.Errorf("got status %d, want the body validated: %t", response.StatusCode, validated)
			}
			if called := function.event != nil; called == validated {
				t.Errorf("function called: %t, body validated: %t", called, validated)
			}

			// Whatever passes for JSON here and there must be the same, or the
			// function would answer a body with 415 that the gateway judged.
			api := newFunction()
			direct := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(api.invoker())})
			response, body := post(t, direct, goodBody, "Content-Type", contentType)
			if accepted := response.StatusCode == http.StatusOK; accepted != validated {
				t.Errorf("the function answers %d: %s", response.StatusCode, body)
			}
		})
	}
}

func TestBodiesThatLambdaTakesReachTheFunction(t *testing.T) {
	t.Parallel()
	for size, reaches := range map[int]bool{5 << 20: true, 7 << 20: false, MaxBodyBytes: false} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			function := newFunction()
			server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function.invoker()), ValidateBodies: true})
			response, body := post(t, server, goodBody+strings.Repeat(" ", size-len(goodBody)))
			problem := parseProblem(t, response.StatusCode, response.Header.Get("Content-Type"), body)
			if problem.Type != contract.ProblemTooLarge.Type {
				t.Errorf("got %+v, want %s", problem, contract.ProblemTooLarge.Type)
			}
			// Only the function's own problem says the size.
			if got := strings.Contains(problem.Detail, strconv.Itoa(size)); got != reaches {
				t.Errorf("got %q, reached the function: %t, want %t", problem.Detail, got, reaches)
			}
		})
	}
}

func TestClientThatGoesWhileItSendsIsNotServed(t *testing.T) {
	t.Parallel()
	function := &recorder{}
	api := check.Value(New(Config{Endpoints: contract.Endpoints(), Functions: only(function), Logger: slog.New(slog.DiscardHandler)}))(t)
	answered := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, r)
		answered <- recorder.Code
	}))
	defer server.Close()
	conn := dial(t, server)
	fmt.Fprintf(conn, "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n%s", goodBody)
	conn.Close()
	if status := <-answered; status != http.StatusBadRequest {
		t.Errorf("got status %d, want 400", status)
	}
	if function.event != nil {
		t.Errorf("the function got the event %s of half a request", function.event)
	}
}

func TestInvocationOutlivesItsClient(t *testing.T) {
	t.Parallel()
	gone, called := make(chan struct{}), make(chan struct{})
	after := make(chan error, 1)
	api, err := New(Config{Logger: slog.New(slog.DiscardHandler), Endpoints: contract.Endpoints(), Functions: only(invokerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		close(called)
		<-gone
		after <- ctx.Err()
		return []byte(`{"statusCode":200}`), nil
	}))})
	check.OK(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		context.AfterFunc(r.Context(), func() { close(gone) })
		api.ServeHTTP(w, r)
	}))
	defer server.Close()
	conn := dial(t, server)
	fmt.Fprintf(conn, "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(goodBody), goodBody)
	<-called
	conn.Close()
	if err := <-after; err != nil {
		t.Errorf("the invocation ended with its client: %v", err)
	}
}

func TestGatewayWaits29Seconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		api, err := New(Config{Logger: slog.New(slog.DiscardHandler), Endpoints: contract.Endpoints(), Functions: only(invokerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("emulator: %w", ctx.Err())
		}))})
		check.OK(t, err)
		response := httptest.NewRecorder()
		api.ServeHTTP(response, httptest.NewRequest(http.MethodPost, "/destination", strings.NewReader(goodBody)))
		checkGolden(t, contract.GatewayIntegrationTimeout, response.Result(), response.Body.String(), response.Header().Get("x-amzn-RequestId"))
		if got := time.Since(began); got != 29*time.Second {
			t.Errorf("answered after %v, want 29s", got)
		}
	})
}

// Whatever comes over the wire, the server goes on, and calls nothing its own
// fault that is the client's.
func TestRubbishIsTheClientsFault(t *testing.T) {
	t.Parallel()
	function := newFunction()
	server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function.invoker()), ValidateBodies: true})
	length := len(goodBody)
	requests := map[string]string{
		"no HTTP":                      "hello\r\n\r\n",
		"TLS":                          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"NUL":                          "\x00\x00\x00\x00\r\n\r\n",
		"HTTP/0.9":                     "GET /destination\r\n\r\n",
		"HTTP/3":                       "POST /destination HTTP/3.0\r\nHost: x\r\n\r\n",
		"HTTP/1.0 without Host":        fmt.Sprintf("POST /destination HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", length, goodBody),
		"HTTP/1.1 without Host":        "POST /destination HTTP/1.1\r\n\r\n",
		"two Hosts":                    "POST /destination HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"asterisk":                     "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"asterisk by POST":             "POST * HTTP/1.1\r\nHost: x\r\n\r\n",
		"absolute form":                fmt.Sprintf("POST http://elsewhere/destination HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, goodBody),
		"CONNECT":                      "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
		"broken escape in the path":    "POST /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"escaped NUL in the path":      "POST /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"dots in the path":             "POST /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
		"two slashes":                  "POST //destination HTTP/1.1\r\nHost: x\r\n\r\n",
		"broken escape in the query":   fmt.Sprintf("POST /destination?%%zz=%%&;=;&%%ff HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, goodBody),
		"space in the method":          "PO ST /destination HTTP/1.1\r\nHost: x\r\n\r\n",
		"header without colon":         "POST /destination HTTP/1.1\r\nHost: x\r\nrubbish\r\n\r\n",
		"header with a NUL":            "POST /destination HTTP/1.1\r\nHost: x\r\nX-A: \x00\r\n\r\n",
		"header in Latin-1":            fmt.Sprintf("POST /destination HTTP/1.1\r\nHost: x\r\nX-A: \xe9\r\nContent-Length: %d\r\n\r\n%s", length, goodBody),
		"content type in Latin-1":      "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Type: caf\xe9\r\nContent-Length: 2\r\n\r\n{}",
		"key in Latin-1":               fmt.Sprintf("POST /destination HTTP/1.1\r\nHost: x\r\nIdempotency-Key: \xe9\r\nContent-Length: %d\r\n\r\n%s", length, goodBody),
		"Accept of commas":             fmt.Sprintf("POST /destination HTTP/1.1\r\nHost: x\r\nAccept: ,;,=;q,,\"\r\nContent-Length: %d\r\n\r\n%s", length, goodBody),
		"length that is not a number":  "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
		"negative length":              "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"two lengths":                  "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"length and chunks":            "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunks of no size":            "POST /destination HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
		"chunk of a huge size":         "POST /destination HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
		"encoding that nobody knows":   "POST /destination HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: rot13\r\n\r\n",
		"expectation that nobody has":  "POST /destination HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\nContent-Length: 2\r\n\r\n{}",
		"upgrade":                      "GET /destination HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		"body compressed as it claims": "POST /destination HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
	}
	t.Run("requests", func(t *testing.T) { // ends when all of them have
		for name, request := range requests {
			t.Run(name, func(t *testing.T) {
				conn := dial(t, server)
				check.Value(io.WriteString(conn, request))(t)
				response := check.Value(http.ReadResponse(bufio.NewReader(conn), nil))(t)
				defer response.Body.Close()
				// net/http itself says 501 to an encoding and 505 to a version it does not know.
				if status := response.StatusCode; status >= 500 && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported {
					t.Errorf("got status %d", status)
				}
			})
		}
	})
	if response, body := post(t, server, goodBody); response.StatusCode != http.StatusOK {
		t.Errorf("after all that, a good request gets %d: %s", response.StatusCode, body)
	}
}

func dial(t *testing.T, server *httptest.Server) net.Conn {
	t.Helper()
	conn := check.Value(new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String()))(t)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// What an HTTP server refuses before it has a request is no problem, here as at AWS's
// edge, and docs/api.md says so.
func TestBrokenHTTPIsRefusedBeforeTheGateway(t *testing.T) {
	t.Parallel()
	page := check.Value(os.ReadFile("../../../docs/api.md"))(t)
	_, excepted, found := strings.Cut(string(page), "The exception is what an HTTP server refuses")
	excepted, _, ended := strings.Cut(excepted, "\n\n")
	if !found || !ended {
		t.Fatal("docs/api.md does not say what is excepted from 'every failure is a problem'")
	}
	server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(newFunction().invoker())})
	for raw, want := range map[string]int{
		"POST /destination HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n":                                                   400,
		"POST /destination HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab":                        400,
		"POST /destination HTTP/1.1\r\n\r\n":                                                                               400,
		"POST /destination HTTP/1.1\r\nHost: x\r\nExpect: the-best\r\n\r\n":                                                417,
		"POST /destination HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", http.DefaultMaxHeaderBytes+8192) + "\r\n\r\n": 431,
		"POST /destination HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n":                                         501,
		"POST /destination HTTP/3.0\r\nHost: x\r\n\r\n":                                                                    505,
	} {
		conn := dial(t, server)
		go func() { _, _ = io.WriteString(conn, raw) }() // the server may hang up before it has read all
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%.80q: %v", raw, err)
			continue
		}
		if response.StatusCode != want || response.Header.Get("Content-Type") == contract.MediaTypeProblem {
			t.Errorf("%.80q: got %d %s, want %d, and no problem", raw, response.StatusCode, response.Header.Get("Content-Type"), want)
		}
		if !strings.Contains(excepted, strconv.Itoa(want)) {
			t.Errorf("docs/api.md does not name %d among what is excepted: %s", want, excepted)
		}
		conn.Close()
	}
}

func TestEncodedBodiesAreRefusedInBothModes(t *testing.T) {
	t.Parallel()
	for _, validateBodies := range []bool{true, false} {
		function := newFunction()
		server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function.invoker()), ValidateBodies: validateBodies})
		for coding, want := range map[string]int{"gzip": 415, "br": 415, "identity, gzip": 415, "identity": 200, "Identity": 200} {
			response, body := post(t, server, goodBody, "Content-Type", "application/json", "Content-Encoding", coding)
			if response.StatusCode != want {
				t.Errorf("Content-Encoding: %s, validated by the gateway %t: got %d %s, want %d", coding, validateBodies, response.StatusCode, body, want)
			}
			if want == 415 {
				parseProblem(t, response.StatusCode, response.Header.Get("Content-Type"), body)
			}
		}
	}
}
