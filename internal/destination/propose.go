package destination

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"visitplannr/internal/eventstore"
)

// Identity of the event that records a proposal.
const (
	Category              = "destination" // of the stream
	EventProposed         = "destinationProposed"
	ProposedSchemaVersion = 1
)

// proposed is the Data of a destinationProposed event, schema version 1.
type proposed struct {
	Name        string      `json:"name"`
	Geolocation geolocation `json:"geolocation"`
}

type geolocation struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

func (p Proposal) data() proposed {
	return proposed{p.Name.text, geolocation{p.Latitude.degrees, p.Longitude.degrees}}
}

// EventStore is what proposing needs of a store.
type EventStore interface {
	// Open stores the opening event of a stream, once. When the stream exists
	// it returns an *eventstore.StreamExistsError and changes nothing; its other
	// errors are those of package eventstore.
	Open(ctx context.Context, opening eventstore.Event) error
}

// IdempotencyKey is an editor's name for one proposal, in the scope where it has
// to be unique: keys of two callers, or for two routes, never meet.
type IdempotencyKey struct {
	Caller string
	Route  string
	Key    string
}

// Command asks for one proposal to be recorded.
type Command struct {
	Proposal  Proposal
	RequestID string          // becomes the event's CausationId; must not be empty
	Key       *IdempotencyKey // nil: every command is a proposal of its own
}

// Outcome is the event that records a command, and whether an earlier command
// with the same key had recorded it already.
type Outcome struct {
	Event    eventstore.Event
	Replayed bool
}

// ErrKeyReused says that the command's key belongs to a different proposal.
var ErrKeyReused = errors.New("idempotency key belongs to a different proposal")

// Proposer records proposals as events.
type Proposer struct {
	Store EventStore
	Now   func() time.Time
	NewID func() (eventstore.ID, error)
}

// Propose stores the command's event and returns it. When it returns no error
// the event is durably stored, exactly once.
//
// A command with a key that was used before for the same proposal returns the
// event stored then; for a different one it fails with ErrKeyReused. All other
// errors are those of the store: after one that is eventstore.Retryable the
// event may be stored or not, and only a key makes it safe to try again.
func (p *Proposer) Propose(ctx context.Context, cmd Command) (Outcome, error) {
	id, err := p.id(cmd.Key)
	if err != nil {
		return Outcome{}, err
	}
	data, err := json.Marshal(cmd.Proposal.data())
	if err != nil {
		return Outcome{}, fmt.Errorf("encode proposal: %w", err)
	}
	event, err := eventstore.Opening(Category, id, EventProposed, ProposedSchemaVersion, p.Now(), cmd.RequestID, data)
	if err != nil {
		return Outcome{}, err
	}

	err = p.Store.Open(ctx, event)
	var exists *eventstore.StreamExistsError
	switch {
	case err == nil:
		return Outcome{Event: event}, nil
	case !errors.As(err, &exists):
		return Outcome{}, fmt.Errorf("record proposal: %w", err)
	}
	stored := exists.Opening
	if !records(stored, cmd.Proposal) {
		if cmd.Key == nil {
			return Outcome{}, fmt.Errorf("fresh event id %s was taken: %w", id, err)
		}
		return Outcome{}, fmt.Errorf("%w: %s", ErrKeyReused, stored.StreamName)
	}
	// An event that this very command wrote is no replay: the store's client
	// wrote it, lost the reply, and tried again.
	own := stored.CausationID == event.CausationID && stored.Timestamp == event.Timestamp
	return Outcome{Event: stored, Replayed: !own}, nil
}

func (p *Proposer) id(key *IdempotencyKey) (eventstore.ID, error) {
	if key == nil {
		return p.NewID()
	}
	return eventstore.DeriveID(key.Caller, key.Route, key.Key), nil
}

// records reports whether e says just what p proposes. When and why it was
// recorded does not matter.
func records(e eventstore.Event, p Proposal) bool {
	if e.Type != EventProposed || e.SchemaVersion != ProposedSchemaVersion {
		return false
	}
	var stored proposed
	if err := json.Unmarshal(e.Data, &stored); err != nil {
		return false
	}
	return stored == p.data()
}
