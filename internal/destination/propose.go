package destination

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"visitplannr/internal/eventstore"
)

// EventStore is what proposing needs from a store.
type EventStore interface {
	// Open stores the opening event of a stream, once. If the stream exists, it returns
	// an *eventstore.StreamExistsError and changes nothing. Other errors are those of
	// package eventstore.
	Open(ctx context.Context, opening eventstore.Event) error
}

// Command asks for one proposal to be recorded.
type Command struct {
	Proposal  Proposal
	RequestID string                     // becomes the event's CausationId; must not be empty
	Key       *eventstore.IdempotencyKey // nil: every command is a new proposal
}

// Outcome is the event that records a command, and whether an earlier command with the
// same key had already recorded it.
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

// NewProposer returns a Proposer that takes the time from the clock and makes its ids
// with eventstore.NewID.
func NewProposer(store EventStore) *Proposer {
	return &Proposer{Store: store, Now: time.Now, NewID: eventstore.NewID}
}

// Propose stores the command's event and returns it. If it returns no error, the event
// is durably stored exactly once.
//
// If the command's key was used before for the same proposal, Propose returns the event
// stored then, whichever version of this program stored it. For a different proposal it
// fails with ErrKeyReused; if only a later version can compare them, with
// ErrLaterVersion. All other errors are the store's: after an eventstore.Retryable
// error the event may or may not be stored, and only a key makes it safe to try again.
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
	said, unreadable := decode(stored)
	switch {
	case errors.Is(unreadable, ErrLaterVersion):
		return Outcome{}, unreadable
	case unreadable == nil && said == cmd.Proposal.data():
	case cmd.Key == nil:
		return Outcome{}, fmt.Errorf("fresh event id %s was taken: %w", id, err)
	case unreadable != nil:
		return Outcome{}, fmt.Errorf("%w: %w", ErrKeyReused, unreadable)
	default:
		return Outcome{}, fmt.Errorf("%w: %s", ErrKeyReused, stored.StreamName)
	}
	// An event that this command wrote is not a replay: the store's client wrote it,
	// lost the reply, and tried again. A request id alone proves nothing, since a client
	// may choose it (ADR 26).
	own := !exists.Foreign && stored.CausationID == event.CausationID && stored.Timestamp == event.Timestamp
	return Outcome{Event: stored, Replayed: !own}, nil
}

func (p *Proposer) id(key *eventstore.IdempotencyKey) (eventstore.ID, error) {
	if key == nil {
		return p.NewID()
	}
	return key.ID(), nil
}
