// Package eventstore defines events: their identity, their streams, the names of their
// stored attributes, and the errors of a store. It knows no database; its subpackage
// dynamo does.
package eventstore

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Attributes of a stored event. The first two are the key of the table.
const (
	AttrStreamName    = "StreamName" // partition key, string
	AttrEventID       = "EventId"    // sort key, string
	AttrEventType     = "EventType"
	AttrSchemaVersion = "SchemaVersion"
	AttrTimestamp     = "Timestamp"
	AttrCorrelationID = "CorrelationId"
	AttrCausationID   = "CausationId"
	AttrData          = "Data"
)

// Event is one immutable fact in a stream. Its JSON has the names of the attributes.
type Event struct {
	StreamName    StreamName
	ID            ID     `json:"EventId"`
	Type          string `json:"EventType"` // past tense: destinationProposed
	SchemaVersion int    // of this type's Data, from 1
	Timestamp     Time
	CorrelationID string `json:"CorrelationId"` // id of the stream's first event
	CausationID   string `json:"CausationId"`   // id of the request that caused the event
	Data          json.RawMessage
}

// Opening returns the event that opens a new stream. It has the stream's id, so a
// single conditional put creates the stream exactly once, without a second table or a
// lock.
//
// It returns an error that wraps ErrInvalid if category or id cannot name a stream. The
// store that writes the event validates the rest.
func Opening(category string, id ID, eventType string, schemaVersion int, at time.Time, causationID string, data json.RawMessage) (Event, error) {
	stream, err := NewStreamName(category, id)
	if err != nil {
		return Event{}, err
	}
	e := Event{
		StreamName:    stream,
		ID:            id,
		Type:          eventType,
		SchemaVersion: schemaVersion,
		Timestamp:     NewTime(at),
		CorrelationID: id.String(),
		CausationID:   causationID,
		Data:          data,
	}
	return e, nil
}

// Validate reports the first reason why e cannot be a stored event, wrapping
// ErrInvalid. Stores call it on what they write and on what they read.
func (e Event) Validate() error {
	switch {
	case e.StreamName == StreamName{}:
		return fmt.Errorf("%w: no %s", ErrInvalid, AttrStreamName)
	case e.ID == ID{}:
		return fmt.Errorf("%w: no %s", ErrInvalid, AttrEventID)
	case e.Type == "":
		return fmt.Errorf("%w: no %s", ErrInvalid, AttrEventType)
	case e.SchemaVersion < 1:
		return fmt.Errorf("%w: %s is %d, versions start at 1", ErrInvalid, AttrSchemaVersion, e.SchemaVersion)
	case e.Timestamp.IsZero():
		return fmt.Errorf("%w: no %s", ErrInvalid, AttrTimestamp)
	case e.CorrelationID == "":
		return fmt.Errorf("%w: no %s", ErrInvalid, AttrCorrelationID)
	case e.CausationID == "":
		return fmt.Errorf("%w: no %s", ErrInvalid, AttrCausationID)
	}
	if !bytes.HasPrefix(bytes.TrimLeft(e.Data, " \t\r\n"), []byte("{")) || !json.Valid(e.Data) {
		return fmt.Errorf("%w: %s is not a JSON object", ErrInvalid, AttrData)
	}
	return nil
}

// Compare orders events of different streams, oldest first: by time and, within a
// millisecond, by id, since a UUIDv7 counts finer. Within a stream the ids alone decide.
func Compare(a, b Event) int {
	return cmp.Or(cmp.Compare(a.Timestamp.String(), b.Timestamp.String()), cmp.Compare(a.ID.String(), b.ID.String()))
}

// Errors of a store, to be matched with errors.Is. Each is wrapped with its cause. The
// only other one is a *StreamExistsError.
var (
	// ErrInvalid: the event or the name is not well formed.
	ErrInvalid = errors.New("malformed")

	// ErrThrottled: the store had no capacity left, even after retries.
	ErrThrottled = errors.New("store throttled")

	// ErrTimeout: the store did not answer in time. A write may have happened.
	ErrTimeout = errors.New("store timed out")

	// ErrUnavailable: the store failed or could not be reached. A write may have
	// happened.
	ErrUnavailable = errors.New("store unavailable")

	// ErrRefused: the store says the request is malformed. Retrying does not help.
	ErrRefused = errors.New("store refused the request")

	// ErrNoTable: the table does not exist. Retrying does not help.
	ErrNoTable = errors.New("no such table")

	// ErrForbidden: the store does not allow this caller to do that. Retrying does not
	// help.
	ErrForbidden = errors.New("store forbids the request")
)

// StreamExistsError says that the stream has been opened before.
type StreamExistsError struct {
	Opening Event // the event that was there first

	// Foreign says that another call stored the event: this one was tried only once.
	// Otherwise an earlier attempt may have, whose reply was lost.
	Foreign bool
}

func (e *StreamExistsError) Error() string {
	return "stream exists: " + e.Opening.StreamName.String()
}

// Retryable reports whether the same request may succeed later.
func Retryable(err error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrUnavailable)
}
