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

	t.Run("answers a key's second command with the first one's event", func(t *testing.T) {
		store := &memory{}
		p := proposer(store)
		first := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: key("k")})
		second := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-2", Key: key("k")})
		if first.Replayed || !second.Replayed {
			t.Errorf("replayed: first %t, second %t; want false, true", first.Replayed, second.Replayed)
		}
		if got, want := second.Event, first.Event; got.ID != want.ID || got.Timestamp != want.Timestamp || got.CausationID != "request-1" {
			t.Errorf("second event %+v, want the first %+v", got, want)
		}
		if store.count() != 1 {
			t.Errorf("%d events stored, want 1", store.count())
		}
	})

	t.Run("takes two spellings of one proposal for the same", func(t *testing.T) {
		p := proposer(&memory{})
		propose(t, p, destination.Command{Proposal: proposal(t, "Null Island", "0", "10"), RequestID: "request-1", Key: key("k")})
		again := propose(t, p, destination.Command{Proposal: proposal(t, " Null Island\n", "-0.0", "1.0E1"), RequestID: "request-2", Key: key("k")})
		if !again.Replayed {
			t.Error("not called a replay")
		}
	})

	for outcome, other := range map[string]func(*testing.T) destination.Proposal{
		"refuses a key's second command with another name": func(t *testing.T) destination.Proposal {
			return proposal(t, "brockholes", "53.77", "-2.63")
		},
		"refuses a key's second command with another latitude": func(t *testing.T) destination.Proposal {
			return proposal(t, "Brockholes", "53.77000000000001", "-2.63") // the next float64
		},
		"refuses a key's second command with another longitude": func(t *testing.T) destination.Proposal {
			return proposal(t, "Brockholes", "53.77", "2.63")
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			store := &memory{}
			p := proposer(store)
			propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: key("k")})
			got, err := p.Propose(t.Context(), destination.Command{Proposal: other(t), RequestID: "request-2", Key: key("k")})
			if !errors.Is(err, destination.ErrKeyReused) {
				t.Errorf("got %+v, %v; want ErrKeyReused", got, err)
			}
			if eventstore.Retryable(err) || store.count() != 1 {
				t.Errorf("retryable %t, %d stored; want false, 1", eventstore.Retryable(err), store.count())
			}
		})
	}

	for outcome, change := range map[string]func(*eventstore.Event){
		"refuses a key whose event is of another type":           func(e *eventstore.Event) { e.Type = "destinationRejected" },
		"refuses a key whose event says something else":          func(e *eventstore.Event) { e.Data = json.RawMessage(`{"name":5}`) },
		"refuses a key whose event lacks what a proposal has":    func(e *eventstore.Event) { e.Data = json.RawMessage(`{"name":"Brockholes"}`) },
		"refuses a key whose event has no data that can be read": func(e *eventstore.Event) { e.Data = json.RawMessage(`{`) },
		"refuses a key whose event was proposed somewhere nearby": func(e *eventstore.Event) {
			e.Data = json.RawMessage(`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.64}}`)
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			store := &memory{}
			p := proposer(store)
			first := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: key("k")})
			changed := first.Event
			change(&changed)
			store.events[changed.StreamName] = changed
			if got, err := p.Propose(t.Context(), destination.Command{Proposal: brockholes(t), RequestID: "request-2", Key: key("k")}); !errors.Is(err, destination.ErrKeyReused) {
				t.Errorf("got %+v, %v; want ErrKeyReused", got, err)
			}
		})
	}

	for outcome, change := range map[string]func(*eventstore.Event){
		"does not judge an event of a later schema version": func(e *eventstore.Event) { e.SchemaVersion = destination.ProposedSchemaVersion + 1 },
		"does not judge an event with a member that a later release added": func(e *eventstore.Event) {
			e.Data = json.RawMessage(`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63},"later":1}`)
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			store := &memory{}
			p := proposer(store)
			stored := propose(t, p, destination.Command{Proposal: brockholes(t), RequestID: "request-1", Key: key("k")}).Event
			change(&stored)
			store.events[stored.StreamName] = stored
			got, err := p.Propose(t.Context(), destination.Command{Proposal: brockholes(t), RequestID: "request-2", Key: key("k")})
			if !errors.Is(err, destination.ErrLaterVersion) || errors.Is(err, destination.ErrKeyReused) {
				t.Errorf("got %+v, %v; want ErrLaterVersion", got, err)
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

	t.Run("gives one of many concurrent commands with a key the event and all others its replay, even under one request id", func(t *testing.T) {
		const commands = 50
		store := &memory{}
		p := proposer(store)
		p.Now = func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }
		outcomes := make([]destination.Outcome, commands)
		var group sync.WaitGroup
		for i := range commands {
			cmd := destination.Command{Proposal: brockholes(t), RequestID: "the client's", Key: key("k")}
			group.Go(func() {
				var err error
				if outcomes[i], err = p.Propose(t.Context(), cmd); err != nil {
					t.Errorf("Propose: %v", err)
				}
			})
		}
		group.Wait()
		fresh := 0
		for _, outcome := range outcomes {
			if !outcome.Replayed {
				fresh++
			}
			if outcome.Event.ID != outcomes[0].Event.ID {
				t.Errorf("events %s and %s for one key", outcome.Event.ID, outcomes[0].Event.ID)
			}
		}
		if fresh != 1 || store.count() != 1 {
			t.Errorf("%d fresh, %d stored; want 1, 1", fresh, store.count())
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
		if !errors.Is(err, eventstore.ErrStreamExists) || errors.Is(err, destination.ErrKeyReused) || eventstore.Retryable(err) {
			t.Errorf("got %+v, %v; want ErrStreamExists that no retry mends", got, err)
		}
	})

	t.Run("fails without asking the store when there is no id to be had", func(t *testing.T) {
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
