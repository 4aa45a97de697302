package dynamo

// This file is the suite of behaviours that the event store must have on every engine.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"visitplannr/internal/eventstore"
	"visitplannr/test/check"
)

// subject is a store and what the suite needs to examine it.
type subject struct {
	*Store // empty

	// Append stores an event that does not open its stream. The store under test
	// need not be able to.
	Append func(ctx context.Context, event eventstore.Event) error

	// NoTable is a store whose table is not there.
	NoTable *Store
}

// runSuite runs the suite. open returns a fresh subject each time.
func runSuite(t *testing.T, open func(t *testing.T) subject) {
	s := suite{open}
	t.Run("opening", s.opening)
	t.Run("refusals", s.refusals)
	t.Run("reading", s.reading)
	t.Run("data", s.data)
	t.Run("no table", s.noTable)
	t.Run("ended contexts", s.endedContexts)
}

type suite struct {
	open func(t *testing.T) subject
}

func (s suite) opening(t *testing.T) {
	t.Parallel()

	t.Run("stores the event that opens a stream", func(t *testing.T) {
		store := s.open(t)
		event := opening(t, `{"name":"Brockholes"}`)
		mustOpen(t, store.Store, event)
		wantEvents(t, store.Stream(t.Context(), event.StreamName), event)
	})

	t.Run("refuses a second one with the event that was first, and keeps that", func(t *testing.T) {
		store := s.open(t)
		first := opening(t, `{"name":"First"}`)
		mustOpen(t, store.Store, first)
		second := first
		second.CausationID, second.Data = "another request", json.RawMessage(`{"name":"Second"}`)
		second.Timestamp = eventstore.NewTime(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
		wantExists(t, store.Open(t.Context(), second), first)
		wantEvents(t, store.Stream(t.Context(), first.StreamName), first)
	})

	t.Run("refuses the same event again, so that its writer can recognise it", func(t *testing.T) {
		store := s.open(t)
		event := opening(t, `{"name":"Brockholes"}`)
		mustOpen(t, store.Store, event)
		wantExists(t, store.Open(t.Context(), event), event)
	})

	t.Run("lets exactly one of many writers open a stream, and tells the others who it was", func(t *testing.T) {
		const writers = 20
		store := s.open(t)
		template := opening(t, `{"n":1}`)
		var (
			group  sync.WaitGroup
			errs   [writers]error
			events [writers]eventstore.Event
		)
		for i := range writers {
			events[i] = template
			events[i].CausationID = fmt.Sprint("request ", i)
			events[i].Data = json.RawMessage(fmt.Sprintf(`{"writer":%d}`, i))
			group.Go(func() { errs[i] = store.Open(t.Context(), events[i]) })
		}
		group.Wait()
		winner := slices.Index(errs[:], nil)
		if winner < 0 {
			t.Fatalf("nobody opened the stream: %v", errors.Join(errs[:]...))
		}
		for i, err := range errs {
			if i != winner {
				wantExists(t, err, events[winner])
			}
		}
		wantEvents(t, store.Stream(t.Context(), template.StreamName), events[winner])
	})

	t.Run("opens many streams side by side", func(t *testing.T) {
		const streams = 40
		store := s.open(t)
		var group sync.WaitGroup
		var events []eventstore.Event
		for i := range streams {
			event := opening(t, fmt.Sprintf(`{"name":"Place %d"}`, i))
			events = append(events, event)
			group.Go(func() {
				if err := store.Open(t.Context(), event); err != nil {
					t.Errorf("open %s: %v", event.StreamName, err)
				}
			})
		}
		group.Wait()
		wantEvents(t, sorted(store.All(t.Context())), events...) // ids sort in the order they were made
	})
}

func (s suite) refusals(t *testing.T) {
	t.Parallel()

	t.Run("an event that is not valid", func(t *testing.T) {
		store := s.open(t)
		event := opening(t, `{"n":1}`)
		event.Data = json.RawMessage(`[]`)
		wantError(t, store.Open(t.Context(), event), eventstore.ErrInvalid)
		wantEvents(t, store.All(t.Context()))
	})

	// Its key would be free although the stream exists.
	t.Run("an event that does not open its stream", func(t *testing.T) {
		store := s.open(t)
		first := opening(t, `{"n":1}`)
		mustOpen(t, store.Store, first)
		wantError(t, store.Open(t.Context(), later(t, first, `{"n":2}`)), eventstore.ErrInvalid)
		wantEvents(t, store.Stream(t.Context(), first.StreamName), first)
	})

	for outcome, c := range map[string]struct {
		data    string
		refused bool
	}{
		"an item over 400 KB":           {fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 400<<10)), true},
		"a number over DynamoDB's":      {`{"number":1e126}`, true},
		"a number of too many digits":   {`{"number":0.123456789012345678901234567890123456789}`, true},
		"nothing that is just in range": {fmt.Sprintf(`{"text":%q,"number":9.9e125}`, strings.Repeat("x", 399<<10)), false},
	} {
		t.Run(outcome, func(t *testing.T) {
			store := s.open(t)
			event := opening(t, c.data)
			err := store.Open(t.Context(), event)
			if !c.refused {
				check.OK(t, err)
				wantEvents(t, store.All(t.Context()), event)
				return
			}
			wantError(t, err, eventstore.ErrRefused)
			if eventstore.Retryable(err) {
				t.Errorf("%v is called retryable", err)
			}
			wantEvents(t, store.All(t.Context()))
		})
	}
}

func (s suite) reading(t *testing.T) {
	t.Parallel()

	t.Run("gives nothing for a stream that was never opened", func(t *testing.T) {
		store := s.open(t)
		mustOpen(t, store.Store, opening(t, `{"n":1}`))
		wantEvents(t, store.Stream(t.Context(), opening(t, `{"n":1}`).StreamName))
	})

	t.Run("gives nothing from an empty table", func(t *testing.T) {
		wantEvents(t, s.open(t).All(t.Context()))
	})

	t.Run("gives a stream's events in the order they were made, and no other's", func(t *testing.T) {
		store := s.open(t)
		// A derived id opens a stream that fresh ids go on.
		derived := check.Value(eventstore.Opening("destination", eventstore.DeriveID("a", "b", t.Name()), "destinationProposed", 1, time.Now(), "request", json.RawMessage(`{"n":0}`)))(t)
		want := []eventstore.Event{derived}
		for n := range 10 {
			want = append(want, later(t, derived, fmt.Sprintf(`{"n":%d}`, n+1)))
		}
		mustOpen(t, store.Store, opening(t, `{"n":-1}`))
		mustOpen(t, store.Store, derived)
		for _, event := range slices.Backward(want[1:]) { // order of writing must not matter
			mustAppend(t, store, event)
		}
		wantEvents(t, store.Stream(t.Context(), derived.StreamName), want...)
	})

	// A page of DynamoDB's holds 1 MB.
	t.Run("goes on over pages", func(t *testing.T) {
		store := s.open(t)
		large := fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 300<<10))
		first := opening(t, large)
		mustOpen(t, store.Store, first)
		want := []eventstore.Event{first}
		for range 3 {
			event := later(t, first, large)
			mustAppend(t, store, event)
			want = append(want, event)
		}
		wantEvents(t, store.Stream(t.Context(), first.StreamName), want...)
		wantEvents(t, sorted(store.All(t.Context())), want...)

		t.Run("until it is told to stop", func(t *testing.T) {
			for got, err := range store.Stream(t.Context(), first.StreamName) {
				if err != nil || got.ID != first.ID {
					t.Errorf("got %s, %v; want %s", got.ID, err, first.ID)
				}
				break
			}
		})

		t.Run("as often as it is asked", func(t *testing.T) {
			stream, all := store.Stream(t.Context(), first.StreamName), store.All(t.Context())
			for range 2 {
				wantEvents(t, stream, want...)
				wantEvents(t, sorted(all), want...)
			}
		})
	})
}

func (s suite) data(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"accents":                 `{"name":"Café Żółć – Nant y Pandy ŷ"}`,
		"combining accents":       `{"name":"Cafe\u0301"}`,
		"astral characters":       `{"name":"🦆 \ud83d\udc69\u200d\ud83d\udc67 𝒳"}`,
		"right to left":           `{"name":"حديقة","note":"גן"}`,
		"white space and marks":   `{"name":"a\tb\r\n\u0000\u2028\ufeff"}`,
		"markup":                  `{"name":"<b>&amp;</b> \"quoted\" \\ / 'x'"}`,
		"empty strings":           `{"name":"","nested":{"name":""},"list":["",""]}`,
		"truth values":            `{"yes":true,"no":false,"none":null}`,
		"nested lists":            `{"list":[[1,[2,[3]]],{"a":[{"b":null}]}]}`,
		"odd names":               `{"":1," ":2,"a.b":3,"#":4,":v":5,"Name":6,"é":7,"S":{"S":"x"},"$ref":8}`,
		"integers":                `{"n":[0,1,-1,90,-180,9007199254740993]}`,
		"small numbers":           `{"n":[-0.000001,1e-7,1E-130,4.2e-15]}`,
		"exponents":               `{"n":[1e1,1E+1,10e-1,9.9e125]}`,
		"zeros":                   `{"n":[0,-0,0.0,0e5,-0.0e-5]}`,
		"trailing zeros":          `{"n":[53.770,2.00]}`,
		"exact digits":            `{"n":[53.77,0.1,12345678901234567890123456789012345678,-1.2345678901234567890123456789012345678]}`,
		"every digit of a double": `{"n":[53.769999999999996,-2.6299999999999999,0.30000000000000004,1.7976931348623157e100]}`,
		"empty shapes":            `{"object":{},"list":[],"nested":[[],{}]}`,
		"no members":              `{}`,
		"a long text":             fmt.Sprintf(`{"text":%q}`, strings.Repeat("é🦆", 20000)),
	}
	for name, data := range texts {
		t.Run("keeps "+name, func(t *testing.T) {
			store := s.open(t)
			event := opening(t, data)
			mustOpen(t, store.Store, event)
			wantEvents(t, store.Stream(t.Context(), event.StreamName), event)
			wantExists(t, store.Open(t.Context(), event), event) // by the other way of reading
		})
	}
}

func (s suite) noTable(t *testing.T) {
	t.Parallel()
	event := opening(t, `{"n":1}`)
	for call, do := range map[string]func(*Store) error{
		"open":   func(store *Store) error { return store.Open(t.Context(), event) },
		"stream": func(store *Store) error { return errorOf(store.Stream(t.Context(), event.StreamName)) },
		"all":    func(store *Store) error { return errorOf(store.All(t.Context())) },
	} {
		t.Run("is told by "+call, func(t *testing.T) {
			err := do(s.open(t).NoTable)
			wantError(t, err, eventstore.ErrNoTable)
			if eventstore.Retryable(err) {
				t.Errorf("%v is called retryable", err)
			}
		})
	}
}

func (s suite) endedContexts(t *testing.T) {
	t.Parallel()
	for outcome, c := range map[string]struct {
		end  func(context.Context) (context.Context, context.CancelFunc)
		want []error
	}{
		"that were cancelled end every call": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx, cancel
			}, []error{context.Canceled}},
		"whose deadline has passed end every call with a timeout": {
			func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithDeadline(ctx, time.Unix(0, 0))
			}, []error{context.DeadlineExceeded, eventstore.ErrTimeout}},
	} {
		t.Run(outcome, func(t *testing.T) {
			store := s.open(t)
			event := opening(t, `{"n":1}`)
			ctx, cancel := c.end(t.Context())
			defer cancel()
			for call, err := range map[string]error{
				"open":   store.Open(ctx, event),
				"stream": errorOf(store.Stream(ctx, event.StreamName)),
				"all":    errorOf(store.All(ctx)),
			} {
				for _, want := range c.want {
					if !errors.Is(err, want) {
						t.Errorf("%s: got %v, want an error that is %v", call, err, want)
					}
				}
			}
			wantEvents(t, store.All(t.Context()))
		})
	}
}

func opening(t *testing.T, data string) eventstore.Event {
	t.Helper()
	id := check.Value(eventstore.NewID())(t)
	at := time.Date(2026, 11, 23, 9, 0, 0, 7_000_000, time.UTC)
	return check.Value(eventstore.Opening("destination", id, "destinationProposed", 1, at, "request of "+t.Name(), json.RawMessage(data)))(t)
}

// later returns an event that goes on the stream of first.
func later(t *testing.T, first eventstore.Event, data string) eventstore.Event {
	t.Helper()
	id := check.Value(eventstore.NewID())(t)
	event := first
	event.ID, event.Type, event.SchemaVersion, event.Data = id, "destinationRenamed", 2, json.RawMessage(data)
	return event
}

func mustOpen(t *testing.T, store *Store, event eventstore.Event) {
	t.Helper()
	if err := store.Open(t.Context(), event); err != nil {
		t.Fatalf("Open(%s): %v", event.StreamName, err)
	}
}

func mustAppend(t *testing.T, subject subject, event eventstore.Event) {
	t.Helper()
	if err := subject.Append(t.Context(), event); err != nil {
		t.Fatalf("Append(%s, %s): %v", event.StreamName, event.ID, err)
	}
}

func wantError(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want one that is %v", got, want)
	}
}

func wantExists(t *testing.T, err error, want eventstore.Event) {
	t.Helper()
	var exists *eventstore.StreamExistsError
	if !errors.As(err, &exists) {
		t.Errorf("got %v, want a *StreamExistsError", err)
		return
	}
	wantEvent(t, exists.Opening, want)
}

func wantEvents(t *testing.T, seq iter.Seq2[eventstore.Event, error], want ...eventstore.Event) {
	t.Helper()
	var got []eventstore.Event
	for event, err := range seq {
		if err != nil {
			t.Errorf("after %d events: %v", len(got), err)
			return
		}
		got = append(got, event)
	}
	if len(got) != len(want) {
		t.Errorf("got %d events, want %d", len(got), len(want))
		return
	}
	for i := range got {
		wantEvent(t, got[i], want[i])
	}
}

func wantEvent(t *testing.T, got, want eventstore.Event) {
	t.Helper()
	gotData, wantData := got.Data, want.Data
	got.Data, want.Data = nil, nil
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("event\n got %+v\nwant %+v", got, want)
	}
	if bytes.Equal(gotData, wantData) {
		return
	}
	if g, w := canonical(t, gotData), canonical(t, wantData); g != w {
		t.Errorf("data of %s\n got %.300s\nwant %.300s", want.ID, g, w)
	}
}

// canonical writes JSON with its members sorted and its numbers as exact
// fractions, so that texts of one value are one text.
func canonical(t *testing.T, data json.RawMessage) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Errorf("data %.100s: %v", data, err)
		return ""
	}
	encoded, err := json.Marshal(exact(t, value))
	if err != nil {
		t.Errorf("data %.100s: %v", data, err)
	}
	return string(encoded)
}

func exact(t *testing.T, value any) any {
	switch v := value.(type) {
	case json.Number:
		n, ok := new(big.Rat).SetString(v.String())
		if !ok {
			t.Errorf("%s is not a number", v)
			return nil
		}
		return "number " + n.RatString()
	case []any:
		for i := range v {
			v[i] = exact(t, v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = exact(t, v[name])
		}
	}
	return value
}

// sorted yields events by their ids.
func sorted(seq iter.Seq2[eventstore.Event, error]) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		var events []eventstore.Event
		for event, err := range seq {
			if err != nil {
				yield(event, err)
				return
			}
			events = append(events, event)
		}
		slices.SortFunc(events, func(a, b eventstore.Event) int { return strings.Compare(a.ID.String(), b.ID.String()) })
		for _, event := range events {
			if !yield(event, nil) {
				return
			}
		}
	}
}

func errorOf(seq iter.Seq2[eventstore.Event, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}
