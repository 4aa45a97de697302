package destination_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/test/check"
)

// memory is a store that keeps openings in a map.
type memory struct {
	mu     sync.Mutex
	events map[eventstore.StreamName]eventstore.Event

	// loseReply makes every write that happens be tried again, as the client of a
	// real store does when the reply to its write is lost.
	loseReply bool

	// fail, if set, is what every call gives.
	fail error
}

var _ destination.EventStore = (*memory)(nil)

func (m *memory) Open(ctx context.Context, opening eventstore.Event) error {
	if m.fail != nil {
		return m.fail
	}
	if err := opening.Validate(); err != nil { // as every store does
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events == nil {
		m.events = map[eventstore.StreamName]eventstore.Event{}
	}
	stored, exists := m.events[opening.StreamName]
	if !exists {
		m.events[opening.StreamName] = opening
		if !m.loseReply {
			return nil
		}
		stored = opening
	}
	return fmt.Errorf("put: %w", &eventstore.StreamExistsError{Opening: stored, Foreign: exists})
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// proposer returns a Proposer whose clock advances a second with every command.
func proposer(store destination.EventStore) *destination.Proposer {
	var (
		mu    sync.Mutex
		ticks int
	)
	return &destination.Proposer{
		Store: store,
		Now: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			ticks++
			return time.Date(2026, 11, 23, 9, 0, ticks, 0, time.UTC)
		},
		NewID: eventstore.NewID,
	}
}

func proposal(t *testing.T, name, latitude, longitude string) destination.Proposal {
	t.Helper()
	var (
		p    destination.Proposal
		errs [3]error
	)
	p.Name, errs[0] = destination.NewName(name)
	p.Latitude, errs[1] = destination.ParseLatitude(latitude)
	p.Longitude, errs[2] = destination.ParseLongitude(longitude)
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatalf("proposal %s at %s, %s: %v", name, latitude, longitude, err)
	}
	return p
}

func brockholes(t *testing.T) destination.Proposal {
	t.Helper()
	return proposal(t, "Brockholes", "53.77", "-2.63")
}

func key(text string) *eventstore.IdempotencyKey {
	return &eventstore.IdempotencyKey{Caller: "editor", Route: "POST /destination", Key: text}
}

func propose(t *testing.T, p *destination.Proposer, cmd destination.Command) destination.Outcome {
	t.Helper()
	outcome, err := p.Propose(t.Context(), cmd)
	if err != nil {
		t.Fatalf("Propose(%+v): %v", cmd, err)
	}
	return outcome
}

func TestPropose(t *testing.T) {
	t.Parallel()

	t.Run("stores the event that says what was proposed", func(t *testing.T) {
		id := check.Value(eventstore.ParseID("01920000-0000-7000-8000-00000000000a"))(t)
		store := &memory{}
		p := &destination.Proposer{
			Store: store,
			Now:   func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 123_456_789, time.UTC) },
			NewID: func() (eventstore.ID, error) { return id, nil },
		}
		outcome := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1"})
		got, err := json.Marshal(outcome.Event)
		const want = `{"StreamName":"destination-01920000-0000-7000-8000-00000000000a",` +
			`"EventId":"01920000-0000-7000-8000-00000000000a","EventType":"destinationProposed","SchemaVersion":1,` +
			`"Timestamp":"2026-11-23T09:00:00.123Z","CorrelationId":"01920000-0000-7000-8000-00000000000a",` +
			`"CausationId":"request-1","Data":{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}}`
		if err != nil || string(got) != want {
			t.Errorf("event\n got %s, %v\nwant %s", got, err, want)
		}
		if outcome.Replayed {
			t.Error("a first command is called a replay")
		}
		stored, err := json.Marshal(store.events[outcome.Event.StreamName])
		if err != nil || string(stored) != want {
			t.Errorf("stored\n got %s, %v\nwant %s", stored, err, want)
		}
	})

	t.Run("makes every command without a key a proposal of its own", func(t *testing.T) {
		store := &memory{}
		p := proposer(store)
		cmd := destination.Command{Proposal: brockholes(t), RequestID: "request-1"}
		first, second := propose(t, p, cmd), propose(t, p, cmd)
		if first.Event.StreamName == second.Event.StreamName || second.Replayed || store.count() != 2 {
			t.Errorf("got streams %s and %s, replayed %t, %d stored; want two of their own",
				first.Event.StreamName, second.Event.StreamName, second.Replayed, store.count())
		}
	})

	data := func(text string) func(*eventstore.Event) {
		return func(e *eventstore.Event) { e.Data = json.RawMessage(text) }
	}
	for outcome, c := range map[string]struct {
		name, latitude, longitude string
		change                    func(stored *eventstore.Event)
		want                      error // nil: the first command's event, as a replay
	}{
		"the same proposal is a replay":                        {"Brockholes", "53.77", "-2.63", nil, nil},
		"another spelling of it is one too":                    {" Brockholes\n", "5.377E1", "-0.263E1", nil, nil},
		"another name is refused":                              {"brockholes", "53.77", "-2.63", nil, destination.ErrKeyReused},
		"another latitude is refused":                          {"Brockholes", "53.77000000000001", "-2.63", nil, destination.ErrKeyReused}, // the next float64
		"another longitude is refused":                         {"Brockholes", "53.77", "2.63", nil, destination.ErrKeyReused},
		"an event of another type is not a proposal":           {"Brockholes", "53.77", "-2.63", func(e *eventstore.Event) { e.Type = "destinationRejected" }, destination.ErrKeyReused},
		"an event whose name is a number is refused":           {"Brockholes", "53.77", "-2.63", data(`{"name":5}`), destination.ErrKeyReused},
		"an event without a geolocation is refused":            {"Brockholes", "53.77", "-2.63", data(`{"name":"Brockholes"}`), destination.ErrKeyReused},
		"an event whose data is not JSON is refused":           {"Brockholes", "53.77", "-2.63", data(`{`), destination.ErrKeyReused},
		"an event of somewhere nearby is another proposal":     {"Brockholes", "53.77", "-2.63", data(`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.64}}`), destination.ErrKeyReused},
		"an event of a later schema version is not judged":     {"Brockholes", "53.77", "-2.63", func(e *eventstore.Event) { e.SchemaVersion = destination.ProposedSchemaVersion + 1 }, destination.ErrLaterVersion},
		"an event with a member of a later release is neither": {"Brockholes", "53.77", "-2.63", data(`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63},"later":1}`), destination.ErrLaterVersion},
	} {
		t.Run("under a key that was used, "+outcome, func(t *testing.T) {
			store := &memory{}
			p := proposer(store)
			first := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: key("k")})
			if c.change != nil {
				stored := first.Event
				c.change(&stored)
				store.events[stored.StreamName] = stored
			}
			got, err := p.Propose(t.Context(), destination.Command{Proposal: proposal(t, c.name, c.latitude, c.longitude), RequestID: "request-2", Key: key("k")})
			if !errors.Is(err, c.want) || eventstore.Retryable(err) || first.Replayed || store.count() != 1 {
				t.Errorf("got %v (first a replay: %t), %d stored; want %v and 1 stored", err, first.Replayed, store.count(), c.want)
			}
			if is, was := got.Event, first.Event; c.want == nil && (!got.Replayed || is.ID != was.ID || is.Timestamp != was.Timestamp || is.CausationID != "request-1") {
				t.Errorf("got %+v, want a replay of %+v", got, was)
			}
		})
	}

	for outcome, k := range map[string]*eventstore.IdempotencyKey{
		"takes its own write for success when the reply was lost":            nil,
		"takes its own write for success, not a replay, with a key likewise": key("k"),
	} {
		t.Run(outcome, func(t *testing.T) {
			store := &memory{loseReply: true}
			got := propose(t, proposer(store), destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: k})
			if got.Replayed || store.count() != 1 || got.Event.CausationID != "request-1" {
				t.Errorf("replayed %t, %d stored, caused by %s; want false, 1, request-1", got.Replayed, store.count(), got.Event.CausationID)
			}
		})
	}

	t.Run("takes a repeated request with a key for a replay, even under the same request id", func(t *testing.T) {
		p := proposer(&memory{})
		cmd := destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: key("k")}
		propose(t, p, cmd)
		if again := propose(t, p, cmd); !again.Replayed {
			t.Error("not called a replay")
		}
	})

	t.Run("keeps equal keys of two callers, and for two routes, apart", func(t *testing.T) {
		store := &memory{}
		p := proposer(store)
		for i, k := range []eventstore.IdempotencyKey{
			{Caller: "editor", Route: "POST /destination", Key: "k"},
			{Caller: "another editor", Route: "POST /destination", Key: "k"},
			{Caller: "editor", Route: "POST /trip", Key: "k"},
			{Caller: "editorP", Route: "OST /destination", Key: "k"}, // the same when joined
		} {
			if got := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request", Key: &k}); got.Replayed {
				t.Errorf("%+v met an earlier key", k)
			}
			if store.count() != i+1 {
				t.Errorf("%d stored after %+v, want %d", store.count(), k, i+1)
			}
		}
	})

	for _, cause := range []error{
		eventstore.ErrThrottled, eventstore.ErrTimeout, eventstore.ErrUnavailable,
		eventstore.ErrRefused, eventstore.ErrNoTable, eventstore.ErrForbidden, context.Canceled,
	} {
		t.Run(fmt.Sprintf("passes on %v as it is", cause), func(t *testing.T) {
			store := &memory{fail: fmt.Errorf("put in table t: %w", cause)}
			got, err := proposer(store).Propose(t.Context(), destination.Command{Proposal: brockholes(t), RequestID: "request-1"})
			if !errors.Is(err, cause) || eventstore.Retryable(err) != eventstore.Retryable(cause) {
				t.Errorf("got %+v, %v; want an error that is %v", got, err, cause)
			}
		})
	}

	t.Run("fails for good when a fresh id is taken by another's event", func(t *testing.T) {
		id := check.Value(eventstore.NewID())(t)
		p := proposer(&memory{})
		p.NewID = func() (eventstore.ID, error) { return id, nil }
		propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1"})
		got, err := p.Propose(t.Context(), destination.Command{Proposal: proposal(t, "Elsewhere", "1", "2"), RequestID: "request-2"})
		var exists *eventstore.StreamExistsError
		if !errors.As(err, &exists) || errors.Is(err, destination.ErrKeyReused) || eventstore.Retryable(err) {
			t.Errorf("got %+v, %v; want a StreamExistsError that no retry mends", got, err)
		}
	})

	t.Run("fails without asking the store if it cannot make an id", func(t *testing.T) {
		noRandomness := errors.New("no randomness")
		store := &memory{}
		p := proposer(store)
		p.NewID = func() (eventstore.ID, error) { return eventstore.ID{}, noRandomness }
		if got, err := p.Propose(t.Context(), destination.Command{Proposal: brockholes(t), RequestID: "request-1"}); !errors.Is(err, noRandomness) || store.count() != 0 {
			t.Errorf("got %+v, %v, %d stored; want %v, 0", got, err, store.count(), noRandomness)
		}
	})

	t.Run("refuses a command without a request id", func(t *testing.T) {
		store := &memory{}
		got, err := proposer(store).Propose(t.Context(), destination.Command{Proposal: brockholes(t)})
		if !errors.Is(err, eventstore.ErrInvalid) || store.count() != 0 {
			t.Errorf("got %+v, %v, %d stored; want ErrInvalid, 0", got, err, store.count())
		}
	})
}
