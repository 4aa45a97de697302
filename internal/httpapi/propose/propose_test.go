package propose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/test/check"
)

const (
	id         = "01920000-0000-7000-8000-00000000000a"
	cause      = "9f3c1c52-8f0e-4a1b-9a44-000000000001"
	brockholes = `{"name":" Brockholes ","geolocation":{"latitude":53.77,"longitude":-2.63}}`
)

// openFunc is a store that is one function.
type openFunc func(ctx context.Context, opening eventstore.Event) error

func (f openFunc) Open(ctx context.Context, opening eventstore.Event) error { return f(ctx, opening) }

// ask sends a proposal that asks for a receipt.
func ask(t *testing.T, store openFunc, body string, headers map[string]string) events.APIGatewayProxyResponse {
	t.Helper()
	handler := propose.New(&destination.Proposer{
		Store: store,
		Now:   func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) },
		NewID: func() (eventstore.ID, error) { return eventstore.ParseID(id) },
	}, httpapi.Config{Output: io.Discard})
	event := events.APIGatewayProxyRequest{Body: body, Headers: headers, RequestContext: events.APIGatewayProxyRequestContext{RequestID: cause}}
	response := check.Value(handler.Handle(t.Context(), event))(t)
	return response
}

func TestAReceiptComesAfterTheEventIsStored(t *testing.T) {
	t.Parallel()
	var stored []eventstore.Event
	store := func(_ context.Context, e eventstore.Event) error { stored = append(stored, e); return nil }
	response := ask(t, store, brockholes, map[string]string{"Accept": "application/json"})
	const want = `{"status":"OK","streamName":"destination-` + id + `","eventId":"` + id + `","correlationId":"` + id + `","timestamp":"2026-11-23T09:00:00.000Z"}`
	if response.StatusCode != http.StatusOK || response.Body != want || len(stored) != 1 || stored[0].CausationID != cause {
		t.Errorf("got %d %s, stored %+v\nwant 200 %s, and one event that %s caused", response.StatusCode, response.Body, stored, want, cause)
	}
}

func TestTheStoredEventDecides(t *testing.T) {
	t.Parallel()
	for outcome, c := range map[string]struct {
		change   func(stored *eventstore.Event)
		key      string
		status   int
		replayed bool
	}{
		"the function's own write, whose reply was lost, is not a replay": {func(*eventstore.Event) {}, "k", 200, false},
		"nor is it without a key":                                    {func(*eventstore.Event) {}, "", 200, false},
		"another request's event with the same proposal is a replay": {func(e *eventstore.Event) { e.CausationID = id }, "k", 200, true},
		"another proposal's event means that the key is used": {func(e *eventstore.Event) {
			e.Data = json.RawMessage(`{"name":"Elsewhere","geolocation":{"latitude":1,"longitude":2}}`)
		}, "k", 422, false},
		"an event that a later version wrote is for that version to answer": {func(e *eventstore.Event) { e.SchemaVersion++ }, "k", 503, false},
	} {
		t.Run(outcome, func(t *testing.T) {
			headers := map[string]string{contract.HeaderIdempotencyKey: c.key}
			if c.key == "" {
				headers = nil
			}
			got := ask(t, func(_ context.Context, e eventstore.Event) error {
				c.change(&e)
				return fmt.Errorf("put: %w", &eventstore.StreamExistsError{Opening: e})
			}, brockholes, headers)
			if replayed := got.Headers[contract.HeaderIdempotencyReplayed] == "true"; got.StatusCode != c.status || replayed != c.replayed {
				t.Errorf("got %d %v %s, want %d, replayed %t", got.StatusCode, got.Headers, got.Body, c.status, c.replayed)
			}
		})
	}
}
