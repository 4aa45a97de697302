package eventstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"visitplannr/internal/eventstore"
	"visitplannr/test/check"
)

const (
	causation = "9f3c1c52-8f0e-4a1b-9a44-0c5f3c2b1a00"
	brockhole = `{"name":"Brockholes"}`
)

var nineOClock = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func opening(t *testing.T) eventstore.Event {
	t.Helper()
	id := mustParseID(t, "01920000-0000-7000-8000-00000000000a")
	event := check.Value(eventstore.Opening("destination", id, "destinationProposed", 1, nineOClock, causation, json.RawMessage(brockhole)))(t)
	return event
}

func TestOpening(t *testing.T) {
	t.Parallel()

	t.Run("shares its id with its stream and its correlation", func(t *testing.T) {
		event := opening(t)
		if event.StreamName.ID() != event.ID || event.CorrelationID != event.ID.String() {
			t.Errorf("stream %s, event %s, correlation %s; want one id", event.StreamName, event.ID, event.CorrelationID)
		}
	})

	t.Run("is written as JSON with its attributes' names", func(t *testing.T) {
		got, err := json.Marshal(opening(t))
		const want = `{"StreamName":"destination-01920000-0000-7000-8000-00000000000a",` +
			`"EventId":"01920000-0000-7000-8000-00000000000a","EventType":"destinationProposed","SchemaVersion":1,` +
			`"Timestamp":"2026-11-23T09:00:00.000Z","CorrelationId":"01920000-0000-7000-8000-00000000000a",` +
			`"CausationId":"9f3c1c52-8f0e-4a1b-9a44-0c5f3c2b1a00","Data":{"name":"Brockholes"}}`
		if err != nil || string(got) != want {
			t.Errorf("got  %s, %v\nwant %s", got, err, want)
		}
	})

	for outcome, open := range map[string]func() (eventstore.Event, error){
		"refuses a malformed category": func() (eventstore.Event, error) {
			return eventstore.Opening("Day trip", newID(t), "proposed", 1, nineOClock, causation, json.RawMessage(brockhole))
		},
		"refuses no id": func() (eventstore.Event, error) {
			return eventstore.Opening("destination", eventstore.ID{}, "proposed", 1, nineOClock, causation, json.RawMessage(brockhole))
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			if event, err := open(); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("got %+v, %v; want an error that is ErrInvalid", event, err)
			}
		})
	}
}

func TestEventValidate(t *testing.T) {
	t.Parallel()

	for outcome, change := range map[string]func(*eventstore.Event){
		"an event is valid":                     func(*eventstore.Event) {},
		"an empty object is data":               func(e *eventstore.Event) { e.Data = json.RawMessage(`{}`) },
		"a later event has an id of its own":    func(e *eventstore.Event) { e.ID = newID(t) },
		"any non-empty correlation may be kept": func(e *eventstore.Event) { e.CorrelationID = "elsewhere" },
	} {
		t.Run(outcome, func(t *testing.T) {
			event := opening(t)
			change(&event)
			if err := event.Validate(); err != nil {
				t.Errorf("Validate() = %v, want nil", err)
			}
		})
	}

	for outcome, change := range map[string]func(*eventstore.Event){
		"a stream is needed":         func(e *eventstore.Event) { e.StreamName = eventstore.StreamName{} },
		"an id is needed":            func(e *eventstore.Event) { e.ID = eventstore.ID{} },
		"a type is needed":           func(e *eventstore.Event) { e.Type = "" },
		"versions start at 1":        func(e *eventstore.Event) { e.SchemaVersion = 0 },
		"versions are not negative":  func(e *eventstore.Event) { e.SchemaVersion = -1 },
		"a time is needed":           func(e *eventstore.Event) { e.Timestamp = eventstore.Time{} },
		"a correlation is needed":    func(e *eventstore.Event) { e.CorrelationID = "" },
		"a causation is needed":      func(e *eventstore.Event) { e.CausationID = "" },
		"data is needed":             func(e *eventstore.Event) { e.Data = nil },
		"data is JSON":               func(e *eventstore.Event) { e.Data = json.RawMessage(`{`) },
		"data is not null":           func(e *eventstore.Event) { e.Data = json.RawMessage(`null`) },
		"data is not an array":       func(e *eventstore.Event) { e.Data = json.RawMessage(`[]`) },
		"data is not a string":       func(e *eventstore.Event) { e.Data = json.RawMessage(`"{}"`) },
		"data is one value, not two": func(e *eventstore.Event) { e.Data = json.RawMessage(`{} {}`) },
		"the zero event is refused":  func(e *eventstore.Event) { *e = eventstore.Event{} },
	} {
		t.Run(outcome, func(t *testing.T) {
			event := opening(t)
			change(&event)
			if err := event.Validate(); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("Validate() = %v, want an error that is ErrInvalid", err)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()

	t.Run("a stream that exists brings its opening", func(t *testing.T) {
		event := opening(t)
		err := fmt.Errorf("record proposal: %w", &eventstore.StreamExistsError{Opening: event})
		var exists *eventstore.StreamExistsError
		if !errors.As(err, &exists) || exists.Opening.ID != event.ID {
			t.Errorf("errors.As found %+v, want the opening %s", exists, event.ID)
		}
	})

	for _, c := range []struct {
		err  error
		want bool
	}{
		{eventstore.ErrThrottled, true},
		{eventstore.ErrTimeout, true},
		{eventstore.ErrUnavailable, true},
		{eventstore.ErrInvalid, false},
		{&eventstore.StreamExistsError{}, false},
		{eventstore.ErrRefused, false},
		{eventstore.ErrNoTable, false},
		{eventstore.ErrForbidden, false},
		{errors.New("another"), false},
		{nil, false},
	} {
		outcome := "may succeed later"
		if !c.want {
			outcome = "cannot be mended by a retry"
		}
		t.Run(fmt.Sprintf("%v %s", c.err, outcome), func(t *testing.T) {
			err := c.err
			if err != nil {
				err = fmt.Errorf("put in table t: %w", err)
			}
			if got := eventstore.Retryable(err); got != c.want {
				t.Errorf("Retryable(%v) = %t, want %t", err, got, c.want)
			}
		})
	}
}
