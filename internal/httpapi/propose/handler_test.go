package propose_test

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
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
)

func TestSuccess(t *testing.T) {
	t.Parallel()

	t.Run("is OK in plain text", func(t *testing.T) {
		response := newAPI(t, memory()).propose(brockholes, nil)
		wantOK(t, response)
		if _, replayed := response.Headers[contract.HeaderIdempotencyReplayed]; replayed {
			t.Errorf("a first answer is called a replay: %v", response.Headers)
		}
	})

	t.Run("is a receipt for a client that asks for JSON", func(t *testing.T) {
		const id = "01920000-0000-7000-8000-00000000000a"
		a := newAPI(t, memory())
		a.handler = propose.New(&destination.Proposer{
			Store: memory(),
			Now:   func() time.Time { return nineOClock },
			NewID: func() (eventstore.ID, error) { return eventstore.ParseID(id) },
		}, httpapi.Config{Output: a.output})
		response := a.propose(brockholes, map[string]string{"Accept": "application/json"})
		const want = `{"status":"OK","streamName":"destination-` + id + `","eventId":"` + id + `","correlationId":"` + id + `","timestamp":"2026-11-23T09:00:00.000Z"}`
		if response.StatusCode != 200 || response.Body != want || response.Headers["Content-Type"] != contract.MediaTypeJSON {
			t.Errorf("got  %d %v %s\nwant 200 %s", response.StatusCode, response.Headers, response.Body, want)
		}
	})

	t.Run("comes after the event is stored, with the request as its cause", func(t *testing.T) {
		var stored []eventstore.Event
		a := newAPI(t, func(_ context.Context, e eventstore.Event) error { stored = append(stored, e); return nil })
		event := a.event(brockholes, nil)
		wantOK(t, a.handle(event))
		if len(stored) != 1 || stored[0].CausationID != event.RequestContext.RequestID {
			t.Errorf("stored %+v, want one event caused by %s", stored, event.RequestContext.RequestID)
		}
	})

	t.Run("is repeated byte for byte, apart from the header, under the same key", func(t *testing.T) {
		for _, accept := range []string{"text/plain", "application/json"} {
			now := nineOClock
			a := newAPI(t, memory(), func(cfg *httpapi.Config) { cfg.Now = func() time.Time { return now } })
			headers := map[string]string{"Accept": accept, "Idempotency-Key": "k"}
			first := a.propose(brockholes, headers)
			for range 3 {
				now = now.Add(time.Hour) // the first answer's time is repeated too
				again := a.propose(brockholes, headers)
				if got := again.Headers[contract.HeaderIdempotencyReplayed]; got != "true" {
					t.Errorf("%s = %q, want true", contract.HeaderIdempotencyReplayed, got)
				}
				rest := maps.Clone(again.Headers)
				delete(rest, contract.HeaderIdempotencyReplayed)
				if again.StatusCode != first.StatusCode || again.Body != first.Body || !maps.Equal(rest, first.Headers) {
					t.Errorf("for %s\n got %d %v %s\nwant %d %v %s", accept,
						again.StatusCode, rest, again.Body, first.StatusCode, first.Headers, first.Body)
				}
			}
		}
	})

	t.Run("is no replay when the reply to the function's own write was lost", func(t *testing.T) {
		for _, headers := range []map[string]string{nil, {"Idempotency-Key": "k"}} {
			a := newAPI(t, func(_ context.Context, e eventstore.Event) error {
				return &eventstore.StreamExistsError{Opening: e}
			})
			response := a.propose(brockholes, headers)
			wantOK(t, response)
			if _, replayed := response.Headers[contract.HeaderIdempotencyReplayed]; replayed {
				t.Errorf("with %v the function's own write is called a replay", headers)
			}
		}
	})
}

func TestCallersDoNotShareKeys(t *testing.T) {
	t.Parallel()
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
}

func TestFailures(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		outcome string
		store   openFunc
		want    contract.ProblemType
	}{
		{"throttling asks for a retry", failing(eventstore.ErrThrottled), contract.ProblemUnavailable},
		{"a timeout asks for a retry", failing(eventstore.ErrTimeout), contract.ProblemUnavailable},
		{"an unavailable store asks for a retry", failing(eventstore.ErrUnavailable), contract.ProblemUnavailable},
		{"a request that the store calls malformed is our fault", failing(eventstore.ErrRefused), contract.ProblemInternal},
		{"a missing table is our fault", failing(eventstore.ErrNoTable), contract.ProblemInternal},
		{"a lost permission is our fault", failing(eventstore.ErrForbidden), contract.ProblemInternal},
		{"an event that is not valid is our fault", failing(eventstore.ErrInvalid), contract.ProblemInternal},
		{"any other error is our fault", failing(errors.New("secret cause")), contract.ProblemInternal},
		{"a panic is our fault", func(context.Context, eventstore.Event) error { panic("secret cause") }, contract.ProblemInternal},
		{"a runtime error's panic is our fault", func(_ context.Context, e eventstore.Event) error {
			return []error{}[e.SchemaVersion]
		}, contract.ProblemInternal},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			a := newAPI(t, c.store)
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

			failures := 0
			for _, l := range logs(a.lines()) {
				if l["level"] == "ERROR" {
					failures++
					if cause, _ := l["cause"].(string); cause == "" {
						t.Errorf("line %v does not tell the cause", l)
					}
					if l["requestId"] != event.RequestContext.RequestID || l["status"] != float64(c.want.Status) {
						t.Errorf("line %v does not tell request %s and status %d", l, event.RequestContext.RequestID, c.want.Status)
					}
				}
			}
			if failures != 1 {
				t.Errorf("the failure was logged %d times, want once", failures)
			}
		})
	}

	t.Run("the statuses are those of the contract", func(t *testing.T) {
		for _, c := range []struct {
			kind   contract.ProblemType
			status int
		}{
			{contract.ProblemInvalidBody, 400},
			{contract.ProblemInvalidKey, 400},
			{contract.ProblemTooLarge, 413},
			{contract.ProblemUnsupportedMediaType, 415},
			{contract.ProblemKeyReused, 422},
			{contract.ProblemInternal, 500},
			{contract.ProblemUnavailable, 503},
		} {
			if c.kind.Status != c.status {
				t.Errorf("%s has status %d, want %d", c.kind.Type, c.kind.Status, c.status)
			}
		}
	})

	t.Run("another proposal under a used key is refused, and the first stays", func(t *testing.T) {
		a := newAPI(t, memory())
		headers := map[string]string{"Idempotency-Key": "k"}
		wantOK(t, a.propose(brockholes, headers))
		wantProblem(t, a.propose(elsewhere, headers), contract.ProblemKeyReused)
		wantOK(t, a.propose(brockholes, headers))
	})

	t.Run("the request after a panic is answered", func(t *testing.T) {
		broken := true
		a := newAPI(t, func(context.Context, eventstore.Event) error {
			if broken {
				panic("broken")
			}
			return nil
		})
		wantProblem(t, a.propose(brockholes, nil), contract.ProblemInternal)
		broken = false
		wantOK(t, a.propose(brockholes, nil))
	})

	t.Run("a panic's stack is logged, where it happened included", func(t *testing.T) {
		a := newAPI(t, func(context.Context, eventstore.Event) error { panic("broken") })
		a.propose(brockholes, nil)
		for _, l := range logs(a.lines()) {
			if l.message() == "failed" {
				if stack, _ := l["stack"].(string); !strings.Contains(stack, "handler_test.go") || l["cause"] != "panic: broken" {
					t.Errorf("line %v does not show the panic and its stack", l)
				}
				return
			}
		}
		t.Error("no line tells the failure")
	})

	t.Run("a request that is refused never reaches the store", func(t *testing.T) {
		a := newAPI(t, func(context.Context, eventstore.Event) error { t.Error("the store was asked"); return nil })
		for _, event := range []events.APIGatewayProxyRequest{
			a.event(`{}`, nil),
			a.event(brockholes, map[string]string{"Content-Type": "text/plain"}),
			a.event(brockholes, map[string]string{"Idempotency-Key": ""}),
			a.event(strings.Repeat(" ", contract.BodyMaxBytes+1), nil),
		} {
			if response := a.handle(event); response.StatusCode < 400 || response.StatusCode > 499 {
				t.Errorf("got %d for %.80v", response.StatusCode, event)
			}
		}
	})

	t.Run("the empty event is answered", func(t *testing.T) {
		p := wantProblem(t, newAPI(t, memory()).handle(events.APIGatewayProxyRequest{}), contract.ProblemInvalidBody)
		if !strings.HasPrefix(p.Instance, "urn:uuid:") || len(p.Instance) != len("urn:uuid:")+36 {
			t.Errorf("instance = %q, want a fresh UUID", p.Instance)
		}
	})

	t.Run("an event without a request id gets the invocation's", func(t *testing.T) {
		ctx := inInvocation(t.Context(), "11111111-2222-3333-4444-555555555555")
		p := problem(t, newAPI(t, memory()).handleContext(ctx, events.APIGatewayProxyRequest{}))
		if p.Instance != "urn:uuid:11111111-2222-3333-4444-555555555555" {
			t.Errorf("instance = %q", p.Instance)
		}
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()

	// hanging is a store that does not answer before its context ends.
	hanging := func(ctx context.Context, _ eventstore.Event) error {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", eventstore.ErrTimeout, ctx.Err())
	}

	t.Run("leaves half a second to answer when the store hangs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, hanging)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			began := time.Now()
			wantProblem(t, a.handleContext(ctx, a.event(brockholes, nil)), contract.ProblemUnavailable)
			if took := time.Since(began); took != 9500*time.Millisecond {
				t.Errorf("answered after %v, want 9.5s", took)
			}
		})
	})

	t.Run("answers at once when less than that is left", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, hanging)
			ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
			defer cancel()
			began := time.Now()
			wantProblem(t, a.handleContext(ctx, a.event(brockholes, nil)), contract.ProblemUnavailable)
			if took := time.Since(began); took != 0 {
				t.Errorf("answered after %v, want at once", took)
			}
		})
	})

	t.Run("ends the store's work when the invocation ends without a deadline", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := newAPI(t, hanging)
		wantProblem(t, a.handleContext(ctx, a.event(brockholes, nil)), contract.ProblemUnavailable)
	})

	t.Run("measures the time that the operation takes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, func(context.Context, eventstore.Event) error { time.Sleep(12 * time.Millisecond); return nil })
			wantOK(t, a.propose(brockholes, nil))
			if got := metrics(a.lines())[0][contract.MetricOperationLatency]; got != 12.0 {
				t.Errorf("%s = %v, want 12", contract.MetricOperationLatency, got)
			}
		})
	})
}

func TestCORS(t *testing.T) {
	t.Parallel()
	origins := func(list ...string) func(*httpapi.Config) {
		return func(cfg *httpapi.Config) { cfg.CORSOrigins = list }
	}

	for _, c := range []struct {
		outcome, origin string
		configured      []string
		allowed         bool
	}{
		{"a configured origin may read answers", "https://editors.example", []string{"https://admin.example", "https://editors.example"}, true},
		{"another origin may not", "https://evil.example", []string{"https://editors.example"}, false},
		{"an origin that only begins like it may not", "https://editors.example.evil.example", []string{"https://editors.example"}, false},
		{"the same host over http may not", "http://editors.example", []string{"https://editors.example"}, false},
		{"the null origin may not", "null", []string{"https://editors.example"}, false},
		{"none may when none is configured", "https://editors.example", nil, false},
		{"a request without an origin gets no such header", "", []string{"https://editors.example", ""}, false},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			a := newAPI(t, memory(), origins(c.configured...))
			headers := map[string]string{}
			if c.origin != "" {
				headers["origin"] = c.origin
			}
			for what, body := range map[string]string{"success": brockholes, "problem": `{}`} {
				response := a.propose(body, headers)
				got, found := response.Headers["Access-Control-Allow-Origin"]
				if found != c.allowed || c.allowed && (got != c.origin || response.Headers["Vary"] != "Origin") {
					t.Errorf("%s: headers %v for origin %q, want allowed %t", what, response.Headers, c.origin, c.allowed)
				}
				// Without it a page could not see that an answer is a replay, or when to retry.
				if got, found := response.Headers["Access-Control-Expose-Headers"]; found != c.allowed || c.allowed && got != "Idempotency-Replayed, Retry-After" {
					t.Errorf("%s: exposes %q for origin %q, want allowed %t", what, got, c.origin, c.allowed)
				}
			}
		})
	}
}

func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	const requests = 64
	a := newAPI(t, memory())
	proposals := make([]events.APIGatewayProxyRequest, requests)
	for i := range proposals {
		proposals[i] = a.event(fmt.Sprintf(`{"name":"Place %d","geolocation":{"latitude":1,"longitude":2}}`, i/2),
			map[string]string{"Accept": "application/json", "Idempotency-Key": fmt.Sprint("key-", i/2)})
	}
	receipts := make([]contract.Receipt, requests)
	var group sync.WaitGroup
	for i, event := range proposals {
		group.Go(func() {
			if err := json.Unmarshal([]byte(a.handle(event).Body), &receipts[i]); err != nil {
				t.Errorf("receipt %d: %v", i, err)
			}
		})
	}
	group.Wait()

	streams := map[string]int{}
	for i, receipt := range receipts {
		streams[receipt.StreamName]++
		if receipt != receipts[i^1] {
			t.Errorf("one key got two receipts: %+v and %+v", receipt, receipts[i^1])
		}
	}
	if len(streams) != requests/2 {
		t.Errorf("%d streams for %d keys", len(streams), requests/2)
	}
	if got := len(metrics(a.lines())); got != requests {
		t.Errorf("%d metric lines for %d requests", got, requests)
	}
}
