package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/test/check"
)

// secret marks every value that no log line may show.
const secret = "S3CRET"

// laden adds everything that may hold a secret to an event.
func laden(event events.APIGatewayProxyRequest) events.APIGatewayProxyRequest {
	event.Headers = map[string]string{}
	for i, name := range []string{
		"Authorization", "authorization", "Proxy-Authorization", "Cookie", "cookie", "Set-Cookie", "X-Api-Key", "x-api-key",
		"X-Amz-Security-Token", "x-amz-security-token", "X-Auth-Token", "X-Csrf-Token", "Access_token", "X-Whatever-They-Call-It",
		"Referer", "X-Amz-Signature", "Amz-Sdk-Invocation-Id",
	} {
		event.MultiValueHeaders[name] = []string{fmt.Sprint(secret, i), secret + " again"}
		event.Headers[name] = secret
	}
	event.QueryStringParameters = map[string]string{"access_token": secret, "X-Amz-Signature": secret}
	event.MultiValueQueryStringParameters = map[string][]string{"access_token": {secret, secret}, "X-Amz-Signature": {secret}}
	event.PathParameters = map[string]string{"token": secret}
	event.StageVariables = map[string]string{"password": secret}
	event.RequestContext.Authorizer = map[string]any{"principalId": secret, "claims": map[string]any{"token": secret}}
	event.RequestContext.Identity.APIKey = secret
	event.RequestContext.Identity.APIKeyID = secret
	event.RequestContext.Identity.AccessKey = secret
	event.RequestContext.Identity.CognitoAuthenticationProvider = secret
	return event
}

func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	key := map[string]string{"Idempotency-Key": secret + "-key"}
	as := func(contentType string) map[string]string {
		return map[string]string{"Idempotency-Key": secret + "-key", "Content-Type": contentType}
	}
	for outcome, c := range map[string]struct {
		do      store
		bodies  []string // sent one after the other
		headers map[string]string
		status  int // of the last answer
	}{
		"of a place":                     {memory(), []string{brockholes}, nil, 200},
		"of a replay":                    {memory(), []string{brockholes, brockholes}, key, 200},
		"of a key that is used again":    {memory(), []string{elsewhere, brockholes}, key, 422},
		"of a key that is malformed":     {memory(), []string{brockholes}, map[string]string{"idempotency-key": secret + " key"}, 400},
		"of a key in a broken quote":     {memory(), []string{brockholes}, map[string]string{"IDEMPOTENCY-KEY": `"` + secret}, 400},
		"of a body that is malformed":    {memory(), []string{`{`}, key, 400},
		"of a body with problems":        {memory(), []string{`{}`}, key, 400},
		"of a member that is unknown":    {memory(), []string{`{"name":"B","token":"` + secret + `","geolocation":{"latitude":1,"longitude":2,"key":["` + secret + `"]}}`}, key, 400},
		"of a member of another type":    {memory(), []string{`{"name":{"token":"` + secret + `"},"geolocation":["` + secret + `"]}`}, key, 400},
		"of a number that is a string":   {memory(), []string{`{"name":"B","geolocation":{"latitude":"` + secret + `","longitude":2}}`}, key, 400},
		"of a member in other capitals":  {memory(), []string{`{"Name":"` + secret + `"}`}, key, 400},
		"of a body that is a string":     {memory(), []string{`"` + secret + `"`}, key, 400},
		"of a body that is a form":       {memory(), []string{"token=" + secret}, as("application/x-www-form-urlencoded"), 415},
		"of a body that ends too early":  {memory(), []string{`{"name":"B","token":"` + secret}, key, 400},
		"of two values in a body":        {memory(), []string{brockholes + `{"token":"` + secret + `"}`}, key, 400},
		"of a large body with a token":   {memory(), []string{`{"token":"` + secret + strings.Repeat(" ", contract.BodyMaxBytes) + `"}`}, key, 413},
		"of another content type":        {memory(), []string{brockholes}, as("text/plain"), 415},
		"of a store that is unavailable": {failing(eventstore.ErrUnavailable), []string{brockholes}, key, 503},
		"of a store that breaks":         {panicking, []string{brockholes}, key, 500},
	} {
		t.Run(outcome, func(t *testing.T) {
			a, status := newAPI(t, c.do), 0
			for _, body := range c.bodies {
				status = a.handle(laden(a.event(body, c.headers))).StatusCode
			}
			if logged := a.output.String(); status != c.status || logged == "" || strings.Contains(logged, secret) {
				t.Errorf("got status %d, want %d; logged %s", status, c.status, logged)
			}
		})
	}
}

func TestReceivedEventIsLogged(t *testing.T) {
	t.Parallel()

	received := func(t *testing.T, a *api) map[string]any {
		t.Helper()
		for _, l := range a.lines() {
			if l.message() == "received" {
				event, _ := l["event"].(map[string]any)
				return event
			}
		}
		t.Fatal("no line tells what was received")
		return nil
	}

	t.Run("with what is harmless, and the names of the rest", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, map[string]string{"user-agent": "curl/8", "Authorization": "Bearer " + secret})
		event.QueryStringParameters = map[string]string{"token": secret}
		event.RequestContext.Identity.SourceIP = "192.0.2.1"
		event.RequestContext.Identity.UserArn = "arn:aws:iam::000000000000:user/editor"
		event.RequestContext.Stage = "dev"
		a.handle(event)
		want := map[string]any{
			"resource": "/places", "path": "/places", "httpMethod": "POST", "stage": "dev",
			"sourceIp": "192.0.2.1", "userArn": "arn:aws:iam::000000000000:user/editor",
			"headers": map[string]any{
				"Content-Type":  []any{"application/json"},
				"User-Agent":    []any{"curl/8"},
				"Authorization": []any{"[redacted]"},
			},
			"multiValueQueryStringParameters": map[string]any{"token": []any{"[redacted]"}},
			"body":                            map[string]any{"#/name": "Brockholes", "#/geolocation/latitude": "53.77", "#/geolocation/longitude": "-2.63"},
			"isBase64Encoded":                 false,
		}
		if got := received(t, a); !reflect.DeepEqual(got, want) {
			t.Errorf("event\n got %v\nwant %v", got, want)
		}
	})

	t.Run("in one short line, whatever the client sends", func(t *testing.T) {
		long := strings.Repeat("x", 100_000)
		for title, c := range map[string]struct {
			change func(*events.APIGatewayProxyRequest)
			left   string // what the line says of the rest
		}{
			"20,000 headers": {func(e *events.APIGatewayProxyRequest) {
				for i := range 20_000 {
					e.MultiValueHeaders[fmt.Sprintf("X-%d", i)] = []string{"1"}
				}
			}, "and 19951 more"},
			"20,000 parameters": {func(e *events.APIGatewayProxyRequest) {
				e.QueryStringParameters = map[string]string{}
				for i := range 20_000 {
					e.QueryStringParameters[fmt.Sprint(i)] = "1"
				}
			}, "and 19950 more"},
			"20,000 values": {func(e *events.APIGatewayProxyRequest) { e.MultiValueHeaders["Accept"] = make([]string, 20_000) }, ""},
			"a long value":  {func(e *events.APIGatewayProxyRequest) { e.MultiValueHeaders["User-Agent"] = []string{long} }, ""},
			"a long name":   {func(e *events.APIGatewayProxyRequest) { e.MultiValueHeaders[long] = []string{"1"} }, ""},
			"a long path":   {func(e *events.APIGatewayProxyRequest) { e.Path = "/" + long }, ""},
			"1,500 members": {func(e *events.APIGatewayProxyRequest) {
				members := make([]string, 1500)
				for i := range members {
					members[i] = fmt.Sprintf(`"%d":1`, i)
				}
				e.Body = "{" + strings.Join(members, ",") + "}"
			}, "and 1450 more"},
			"a long problem": {func(e *events.APIGatewayProxyRequest) { e.Body = `{"` + long[:16_000] + `":1}` }, ""},
		} {
			t.Run(title, func(t *testing.T) {
				a := newAPI(t, memory())
				event := a.event(brockholes, nil)
				c.change(&event)
				a.handle(event)
				for text := range strings.Lines(a.output.String()) {
					if len(text) > 20_000 {
						t.Errorf("a line has %d bytes, want at most 20,000: %.200s…", len(text), text)
					}
				}
				if !strings.Contains(a.output.String(), c.left) {
					t.Errorf("no line says %q", c.left)
				}
			})
		}
	})

	for outcome, c := range map[string]struct {
		body string
		want any
	}{
		"with the size of a body that is too large": {strings.Repeat("é", contract.BodyMaxBytes), "[32768 bytes]"},
		"with the size of a body that is not JSON":  {"token=1", "[7 bytes]"},
		"with the names of unknown members":         {`{"name":"B","nmae":"C"}`, map[string]any{"#/name": "B", "#/nmae": "[redacted]"}},
		"with the number as it was written":         {`{"geolocation":{"latitude":1.50}}`, map[string]any{"#/geolocation/latitude": "1.50"}},
		"with a long name cut between characters":   {`{"name":"x` + strings.Repeat("🦆", 300) + `"}`, map[string]any{"#/name": "x" + strings.Repeat("🦆", 249)}},
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, memory())
			a.post(c.body, nil)
			if got := received(t, a)["body"]; !reflect.DeepEqual(got, c.want) {
				t.Errorf("body\n got %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestLogLines(t *testing.T) {
	t.Parallel()

	t.Run("are received, then one outcome, each with time, level and request id", func(t *testing.T) {
		a := newAPI(t, memory())
		for _, c := range []struct {
			event          events.APIGatewayProxyRequest
			level, outcome string
		}{
			{a.event(brockholes, nil), "INFO", "accepted"},
			{a.event(`{}`, nil), "WARN", "rejected"},
		} {
			a.handle(c.event)
			got := logs(a.lines())
			if len(got) != 2 || got[0].message() != "received" || got[1].message() != c.outcome || got[1]["level"] != c.level {
				t.Fatalf("lines %v, want received and %s %s", got, c.level, c.outcome)
			}
			for _, l := range got {
				if ids := c.event.RequestContext; l["requestId"] != ids.RequestID || l["extendedRequestId"] != ids.ExtendedRequestID {
					t.Errorf("line %v, want requestId %s and extendedRequestId %s", l, ids.RequestID, ids.ExtendedRequestID)
				}
				stamp, _ := l["timestamp"].(string)
				if _, err := time.Parse("2006-01-02T15:04:05.000Z", stamp); err != nil {
					t.Errorf("timestamp %q: %v", stamp, err)
				}
			}
		}
	})

	t.Run("tell what the operation says, and whether it is a replay", func(t *testing.T) {
		a := newAPI(t, memory())
		for _, replayed := range []bool{false, true} {
			a.post(brockholes, map[string]string{"Idempotency-Key": "k"})
			if got := logs(a.lines())[1]; got["place"] != "Brockholes" || got["replayed"] != replayed {
				t.Errorf("line %v, want that of Brockholes, replayed %t", got, replayed)
			}
		}
	})

	t.Run("tell why a request was refused", func(t *testing.T) {
		a := newAPI(t, memory())
		a.post(`{"name":" ","geolocation":{"latitude":91,"longitude":2}}`, nil)
		got := logs(a.lines())[1]
		cause, _ := got["cause"].(string)
		if got["problem"] != contract.ProblemInvalidBody.Type || !strings.Contains(cause, "#/name") {
			t.Errorf("line %v does not tell the problem and its place", got)
		}
	})

	t.Run("call the first one alone a cold start", func(t *testing.T) {
		a := newAPI(t, memory())
		a.post(brockholes, nil)
		a.post(`{}`, nil)
		a.post(brockholes, nil)
		for i, l := range a.lines() {
			if cold := l["coldStart"] == true; cold != (i == 0) {
				t.Errorf("line %d: coldStart is %v", i, l["coldStart"])
			}
		}
	})

	t.Run("name the invocation", func(t *testing.T) {
		a := newAPI(t, memory())
		ctx := inInvocation(t.Context(), "invocation-1")
		a.handleContext(ctx, a.event(brockholes, nil))
		if got := a.lines()[0]["lambdaRequestId"]; got != "invocation-1" {
			t.Errorf("lambdaRequestId = %v, want invocation-1", got)
		}
	})

	t.Run("are those of the level that Lambda sets, and metrics always", func(t *testing.T) {
		all := []string{"received", "accepted", "received", "rejected", "received", "failed"}
		for level, want := range map[string][]string{
			"": all, "TRACE": all, "DEBUG": all, "INFO": all, "no such level": all,
			"WARN": {"rejected", "failed"}, "ERROR": {"failed"}, "FATAL": nil,
		} {
			a := newAPI(t, memory(), func(c *httpapi.Config) { c.LogLevel = level })
			broken := newAPI(t, failing(eventstore.ErrNoTable), func(c *httpapi.Config) { c.LogLevel = level })
			a.post(brockholes, nil)
			a.post(`{}`, nil)
			broken.post(brockholes, nil)
			lines := append(a.lines(), broken.lines()...)
			var got []string
			for _, l := range logs(lines) {
				got = append(got, l.message())
			}
			if !slices.Equal(got, want) || len(metrics(lines)) != 3 {
				t.Errorf("%q: got %q and %d metrics, want %q and 3", level, got, len(metrics(lines)), want)
			}
		}
	})

	t.Run("stay lines when the body has line breaks", func(t *testing.T) {
		a := newAPI(t, memory())
		a.post("{\n\"level\":\"ERROR\"\r\n\u2028}", nil)
		if got := len(a.lines()); got != 3 { // received, rejected, metrics
			t.Errorf("%d lines, want 3", got)
		}
	})
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	key := map[string]string{"Idempotency-Key": "k"}
	for outcome, c := range map[string]struct {
		do      store
		bodies  []string // the last one is counted
		headers map[string]string
		want    string
		latency bool
	}{
		"count what is accepted":           {memory(), []string{brockholes}, key, contract.MetricAccepted, true},
		"count a replay":                   {memory(), []string{brockholes, brockholes}, key, contract.MetricReplayed, true},
		"count a rejected body":            {memory(), []string{`{}`}, nil, contract.MetricRejected, false},
		"count a key that is used again":   {memory(), []string{elsewhere, brockholes}, key, contract.MetricRejected, true},
		"count a failure of the store":     {failing(eventstore.ErrThrottled), []string{brockholes}, nil, contract.MetricFailed, true},
		"count a failure of ours":          {failing(eventstore.ErrNoTable), []string{brockholes}, nil, contract.MetricFailed, true},
		"count a panic, without a latency": {panicking, []string{brockholes}, nil, contract.MetricFailed, false},
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, c.do)
			var event events.APIGatewayProxyRequest
			for _, body := range c.bodies {
				a.lines()
				event = a.event(body, c.headers)
				a.handle(event)
			}
			got := metrics(a.lines())
			if len(got) != 1 {
				t.Fatalf("%d metric lines, want 1", len(got))
			}
			names, want := embeddedMetrics(t, got[0]), []string{c.want}
			if c.latency {
				want = append(want, contract.MetricOperationLatency)
			}
			if !slices.Equal(names, want) || got[0][c.want] != 1.0 {
				t.Errorf("metrics %v with %s = %v, want %v with 1", names, c.want, got[0][c.want], want)
			}
			if got[0]["requestId"] != event.RequestContext.RequestID || got[0]["extendedRequestId"] != event.RequestContext.ExtendedRequestID || got[0][contract.MetricDimensionFunction] != "add-place" {
				t.Errorf("line %v, want the request's id and the function's name", got[0])
			}
		})
	}

	t.Run("measure the time that the operation takes, at its moment", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, func(context.Context, place) (httpapi.Answer, error) {
				time.Sleep(12 * time.Millisecond)
				return httpapi.Answer{}, nil
			})
			a.post(brockholes, nil)
			got := metrics(a.lines())[0]
			if header, _ := got["_aws"].(map[string]any); got[contract.MetricOperationLatency] != 12.0 || header["Timestamp"] != 1_800_000_000_005.0 {
				t.Errorf("got %v, want 12 ms, and the milliseconds since 1970", got)
			}
		})
	})
}

// embeddedMetrics checks a line against the specification of the embedded metric
// format and returns the names of its metrics.
func embeddedMetrics(t *testing.T, l line) []string {
	t.Helper()
	encoded := check.Value(json.Marshal(l["_aws"]))(t)
	var header struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(encoded)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&header); err != nil {
		t.Fatalf("_aws is %s: %v", encoded, err)
	}
	if header.Timestamp <= 0 || len(header.CloudWatchMetrics) != 1 {
		t.Fatalf("_aws is %s, want a timestamp and one directive", encoded)
	}
	directive := header.CloudWatchMetrics[0]
	if directive.Namespace != contract.MetricNamespace {
		t.Errorf("namespace %q, want %q", directive.Namespace, contract.MetricNamespace)
	}
	for _, set := range directive.Dimensions {
		if len(set) > 30 {
			t.Errorf("%d dimensions, at most 30 are allowed", len(set))
		}
		for _, name := range set {
			if value, ok := l[name].(string); !ok || value == "" || len(value) > 1024 {
				t.Errorf("dimension %s is %v, want a text at the root", name, l[name])
			}
		}
	}
	var names []string
	for _, metric := range directive.Metrics {
		if _, ok := l[metric.Name].(float64); !ok {
			t.Errorf("metric %s is %v, want a number at the root", metric.Name, l[metric.Name])
		}
		if metric.Unit != "Count" && metric.Unit != "Milliseconds" {
			t.Errorf("metric %s has unit %q", metric.Name, metric.Unit)
		}
		names = append(names, metric.Name)
	}
	return names
}
