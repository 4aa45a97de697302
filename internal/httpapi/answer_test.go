package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/test/check"
)

func TestSuccess(t *testing.T) {
	t.Parallel()

	t.Run("comes from the operation, which learns the request's id", func(t *testing.T) {
		a := newAPI(t, memory())
		event := a.event(brockholes, map[string]string{"Accept": "application/json"})
		want := fmt.Sprintf(`{"Name":"Brockholes","Request":%q}`, event.RequestContext.RequestID)
		if response := a.handle(event); response.Body != want || isReplay(response) {
			t.Errorf("got %d %v %s, want %s", response.StatusCode, response.Headers, response.Body, want)
		}
	})

	t.Run("is repeated byte for byte, apart from the header, under the same key", func(t *testing.T) {
		for _, accept := range []string{"text/plain", "application/json"} {
			a, headers := newAPI(t, memory()), map[string]string{"Accept": accept, "Idempotency-Key": "k"}
			first := a.post(brockholes, headers)
			for range 3 {
				again := a.post(brockholes, headers)
				rest := maps.Clone(again.Headers)
				delete(rest, contract.HeaderIdempotencyReplayed)
				if !isReplay(again) || again.Body != first.Body || !maps.Equal(rest, first.Headers) {
					t.Errorf("got %d %v %s\nwant %d %v %s", again.StatusCode, again.Headers, again.Body, first.StatusCode, first.Headers, first.Body)
				}
			}
		}
	})

	t.Run("of one caller's key has nothing to do with another's", func(t *testing.T) {
		a := newAPI(t, memory())
		as := func(arn, body string) events.APIGatewayProxyResponse {
			event := a.event(body, map[string]string{"Idempotency-Key": "k"})
			event.RequestContext.Identity.UserArn = arn
			return a.handle(event)
		}
		wantOK(t, as("arn:aws:iam::000000000000:user/one", brockholes))
		wantOK(t, as("arn:aws:iam::000000000000:user/two", elsewhere))
		wantOK(t, as("", `{"name":"Third","geolocation":{"latitude":1,"longitude":2}}`))
		wantProblem(t, as("arn:aws:iam::000000000000:user/one", elsewhere), contract.ProblemKeyReused)
		wantOK(t, as("arn:aws:iam::000000000000:user/one", brockholes))
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for outcome, c := range map[string]struct {
		do   store
		want contract.ProblemType
	}{
		"throttling asks for a retry":                           {failing(eventstore.ErrThrottled), contract.ProblemUnavailable},
		"a timeout asks for a retry":                            {failing(eventstore.ErrTimeout), contract.ProblemUnavailable},
		"an unavailable store asks for a retry":                 {failing(eventstore.ErrUnavailable), contract.ProblemUnavailable},
		"a request that the store calls malformed is our fault": {failing(eventstore.ErrRefused), contract.ProblemInternal},
		"a missing table is our fault":                          {failing(eventstore.ErrNoTable), contract.ProblemInternal},
		"a lost permission is our fault":                        {failing(eventstore.ErrForbidden), contract.ProblemInternal},
		"an event that is not valid is our fault":               {failing(eventstore.ErrInvalid), contract.ProblemInternal},
		"any other error is our fault":                          {failing(errors.New("secret cause")), contract.ProblemInternal},
		"a panic is our fault":                                  {func(context.Context, place) (httpapi.Answer, error) { panic("secret cause") }, contract.ProblemInternal},
		"a runtime error's panic is our fault": {func(_ context.Context, p place) (httpapi.Answer, error) {
			return httpapi.Answer{}, []error{}[len(p.name)]
		}, contract.ProblemInternal},
		"a problem of the operation's own is what it is mapped to": {failing(errReused), contract.ProblemKeyReused},
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, c.do)
			event := a.event(brockholes, nil)
			response := a.handle(event)
			p := wantProblem(t, response, c.want)
			if p.Detail != c.want.Detail || strings.Contains(response.Body, "secret") {
				t.Errorf("body %s lets the cause out; want the fixed text", response.Body)
			}
			if want := "urn:uuid:" + event.RequestContext.RequestID; p.Instance != want {
				t.Errorf("instance = %q, want %q", p.Instance, want)
			}
			retryAfter, found := response.Headers["Retry-After"]
			if want := c.want.RetryAfter > 0; found != want || found && retryAfter != fmt.Sprint(c.want.RetryAfter) {
				t.Errorf("Retry-After = %q (%t), want %d", retryAfter, found, c.want.RetryAfter)
			}
			got := logs(a.lines())
			if len(got) != 2 || got[1]["cause"] == "" || got[1]["requestId"] != event.RequestContext.RequestID || got[1]["status"] != float64(c.want.Status) {
				t.Errorf("logged %v; want the failure once, with its cause, request and status", got)
			}
			if stack, _ := got[1]["stack"].(string); strings.Contains(outcome, "panic") != strings.Contains(stack, "answer_test.go") {
				t.Errorf("stack is %q; want the place of a panic", stack)
			}
		})
	}

	t.Run("do not keep the next request from its answer", func(t *testing.T) {
		do := store(panicking)
		a := newAPI(t, func(ctx context.Context, p place) (httpapi.Answer, error) { return do(ctx, p) })
		wantProblem(t, a.post(brockholes, nil), contract.ProblemInternal)
		do = memory()
		wantOK(t, a.post(brockholes, nil))
	})

	t.Run("of requests that are refused never reach the store", func(t *testing.T) {
		a := newAPI(t, func(context.Context, place) (httpapi.Answer, error) {
			t.Error("the store was asked")
			return httpapi.Answer{}, nil
		})
		wantProblem(t, a.post(`{}`, nil), contract.ProblemInvalidBody)
		wantProblem(t, a.post(brockholes, map[string]string{"Content-Type": "text/plain"}), contract.ProblemUnsupportedMediaType)
		wantProblem(t, a.post(brockholes, map[string]string{"Idempotency-Key": ""}), contract.ProblemInvalidKey)
		wantProblem(t, a.post(strings.Repeat(" ", contract.BodyMaxBytes+1), nil), contract.ProblemTooLarge)
	})

	t.Run("name a fresh request where the event has none", func(t *testing.T) {
		p := wantProblem(t, newAPI(t, memory()).handle(events.APIGatewayProxyRequest{}), contract.ProblemInvalidBody)
		if !strings.HasPrefix(p.Instance, "urn:uuid:") || len(p.Instance) != len("urn:uuid:")+36 {
			t.Errorf("instance = %q, want a fresh UUID", p.Instance)
		}
	})

	t.Run("name the invocation where the event has no request id", func(t *testing.T) {
		const id = "11111111-2222-3333-4444-555555555555"
		p := wantProblem(t, newAPI(t, memory()).handleContext(inInvocation(t.Context(), id), events.APIGatewayProxyRequest{}), contract.ProblemInvalidBody)
		if p.Instance != "urn:uuid:"+id {
			t.Errorf("instance = %q", p.Instance)
		}
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	// hanging is a store that does not answer before its context ends.
	hanging := func(ctx context.Context, _ place) (httpapi.Answer, error) {
		<-ctx.Done()
		return httpapi.Answer{}, fmt.Errorf("%w: %w", eventstore.ErrTimeout, ctx.Err())
	}
	for outcome, c := range map[string]struct{ left, took time.Duration }{
		"leaves half a second to answer when the store hangs": {10 * time.Second, 9500 * time.Millisecond},
		"answers at once when less than that is left":         {400 * time.Millisecond, 0},
		"ends the store's work when the invocation has ended": {-time.Second, 0},
	} {
		t.Run(outcome, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, hanging)
				ctx, cancel := context.WithTimeout(t.Context(), c.left)
				defer cancel()
				began := time.Now()
				wantProblem(t, a.handleContext(ctx, a.event(brockholes, nil)), contract.ProblemUnavailable)
				if took := time.Since(began); took != c.took {
					t.Errorf("answered after %v, want %v", took, c.took)
				}
			})
		})
	}

	t.Run("is not needed: without one the store's work ends with the invocation", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := newAPI(t, hanging)
		wantProblem(t, a.handleContext(ctx, a.event(brockholes, nil)), contract.ProblemUnavailable)
	})
}

func TestCORS(t *testing.T) {
	t.Parallel()
	for outcome, c := range map[string]struct {
		origin     string
		configured []string
		allowed    bool
	}{
		"a configured origin may read answers":            {"https://editors.example", []string{"https://admin.example", "https://editors.example"}, true},
		"another origin may not":                          {"https://evil.example", []string{"https://editors.example"}, false},
		"an origin that only begins like it may not":      {"https://editors.example.evil.example", []string{"https://editors.example"}, false},
		"the same host over http may not":                 {"http://editors.example", []string{"https://editors.example"}, false},
		"the null origin may not":                         {"null", []string{"https://editors.example"}, false},
		"none may when none is configured":                {"https://editors.example", nil, false},
		"a request without an origin gets no such header": {"", []string{"https://editors.example", ""}, false},
	} {
		t.Run(outcome, func(t *testing.T) {
			a := newAPI(t, memory(), func(cfg *httpapi.Config) { cfg.CORSOrigins = c.configured })
			headers := map[string]string{}
			if c.origin != "" {
				headers["origin"] = c.origin
			}
			want := map[string]string{}
			if c.allowed { // without the exposed ones a page could not see that an answer is a replay, or when to retry
				want = map[string]string{"Access-Control-Allow-Origin": c.origin, "Access-Control-Expose-Headers": "Idempotency-Replayed, Retry-After", "Vary": "Origin"}
			}
			for _, body := range []string{brockholes, `{}`} {
				got := a.post(body, headers).Headers
				delete(got, "Content-Type")
				if !maps.Equal(got, want) {
					t.Errorf("%s: got headers %v, want %v", body, got, want)
				}
			}
		})
	}
}

func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	const requests = 64
	a := newAPI(t, memory())
	receipts := make([]receipt, requests)
	var group sync.WaitGroup
	for i := range receipts {
		event := a.event(fmt.Sprintf(`{"name":"Place %d","geolocation":{"latitude":1,"longitude":2}}`, i/2),
			map[string]string{"Accept": "application/json", "Idempotency-Key": fmt.Sprint("key-", i/2)})
		group.Go(func() { check.OK(t, json.Unmarshal([]byte(a.handle(event).Body), &receipts[i])) })
	}
	group.Wait()
	for i, r := range receipts {
		if r != receipts[i^1] || r.Name != fmt.Sprint("Place ", i/2) {
			t.Errorf("key %d got the receipts %+v and %+v", i/2, r, receipts[i^1])
		}
	}
	if got := len(metrics(a.lines())); got != requests {
		t.Errorf("%d metric lines for %d requests", got, requests)
	}
}
