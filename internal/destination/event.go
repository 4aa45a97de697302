package destination

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"visitplannr/internal/eventstore"
)

// Identity of the event that records a proposal. docs/events.md says how to change its
// content: events of every version are stored forever.
const (
	Category              = "destination" // of the stream
	EventProposed         = "destinationProposed"
	ProposedSchemaVersion = 1 // the version written now
)

// proposed is the Data of a destinationProposed event in the current version. Two
// values are equal if they say the same.
type proposed struct {
	Name        string      `json:"name"`
	Geolocation geolocation `json:"geolocation"`
}

type geolocation struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

func (p Proposal) data() proposed {
	return proposed{
		Name:        p.Name.text,
		Geolocation: geolocation{p.Latitude.degrees, p.Longitude.degrees},
	}
}

// upcasters[i] turns Data of version i+1 into Data of version i+2. There is one for
// each version except the current one.
var upcasters = []func(json.RawMessage) (json.RawMessage, error){}

// ErrLaterVersion says that a later version of this program wrote the event. This
// version must not guess what it means.
var ErrLaterVersion = errors.New("event written by a later version")

// decode returns what a stored event says, in the current version. Its errors wrap
// ErrLaterVersion, or eventstore.ErrInvalid if the event is not a proposal.
func decode(e eventstore.Event) (proposed, error) {
	if e.Type != EventProposed {
		return proposed{}, fmt.Errorf("%w: %s of stream %s is not %s", eventstore.ErrInvalid, e.Type, e.StreamName, EventProposed)
	}
	if e.SchemaVersion > ProposedSchemaVersion {
		return proposed{}, fmt.Errorf("%w: %s has schema version %d, known are those up to %d",
			ErrLaterVersion, e.StreamName, e.SchemaVersion, ProposedSchemaVersion)
	}
	data := e.Data
	for version := e.SchemaVersion; version < ProposedSchemaVersion; version++ {
		var err error
		if data, err = upcasters[version-1](data); err != nil {
			return proposed{}, fmt.Errorf("%w: upcast %s from version %d: %w", eventstore.ErrInvalid, e.StreamName, version, err)
		}
	}
	var said proposed
	if err := json.Unmarshal(data, &said); err != nil {
		return proposed{}, fmt.Errorf("%w: data of %s: %w", eventstore.ErrInvalid, e.StreamName, err)
	}
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&said); err != nil { // a member that was added later
		return proposed{}, fmt.Errorf("%w: data of %s: %w", ErrLaterVersion, e.StreamName, err)
	}
	return said, nil
}
