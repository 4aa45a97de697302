package eventstore

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// ID identifies an event: a UUID (RFC 9562) in lower case.
type ID struct {
	uuid uuid.UUID
}

// NewID returns a new UUIDv7. Later ids sort after earlier ones as text, which orders a
// stream's events without a counter. It fails only if the system cannot supply
// randomness.
func NewID() (ID, error) {
	u, err := uuid.NewV7()
	if err != nil {
		return ID{}, fmt.Errorf("new event id: %w", err)
	}
	return ID{u}, nil
}

// DeriveID returns an id for parts, always the same for the same parts: a UUIDv8 (RFC
// 9562, section 5.8) cut from their SHA-256. The 48 bits where a UUIDv7 has its time
// are zero, so a derived id sorts before every UUIDv7, as a stream's first event must;
// the other 74 free bits are the hash's.
func DeriveID(parts ...string) ID {
	h := sha256.New()
	for _, part := range parts {
		// The length prefix keeps ("a","bc") and ("ab","c") apart.
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	sum := h.Sum(nil)
	var u uuid.UUID
	copy(u[6:], sum)
	u[6] = u[6]&0x0f | 0x80 // version 8
	u[8] = u[8]&0x3f | 0x80 // the RFC's variant
	return ID{u}
}

// IdempotencyKey is a client's name for one request, with the scope in which it is
// unique: keys of different callers or routes never collide.
type IdempotencyKey struct {
	Caller string
	Route  string
	Key    string
}

// ID returns the id for the key, always the same.
func (k IdempotencyKey) ID() ID { return DeriveID(k.Caller, k.Route, k.Key) }

// ParseID returns the ID written as s, which must be a lower-case UUID in its
// 36-character form and not the nil UUID. Other forms give an error that wraps
// ErrInvalid: an id must have only one spelling, or the table's keys would differ.
func ParseID(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s || u == uuid.Nil {
		return ID{}, fmt.Errorf("%w: %q is not a lower-case UUID", ErrInvalid, s)
	}
	return ID{u}, nil
}

// String returns the 36-character form.
func (id ID) String() string { return id.uuid.String() }

// MarshalText implements encoding.TextMarshaler, as String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// StreamName names a stream: "<category>-<id>".
type StreamName struct {
	category string
	id       ID
}

// NewStreamName returns the name of the stream of that category and id. A
// category is a lower-case letter and up to 63 letters or digits, so the first
// hyphen of a name ends it; anything else gives an error that wraps ErrInvalid.
func NewStreamName(category string, id ID) (StreamName, error) {
	if !isCategory(category) {
		return StreamName{}, fmt.Errorf("%w: %q is not a stream category (such as destination)", ErrInvalid, category)
	}
	if id == (ID{}) {
		return StreamName{}, fmt.Errorf("%w: a stream needs an id", ErrInvalid)
	}
	return StreamName{category, id}, nil
}

func isCategory(s string) bool {
	for i, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || i > 0 && 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 64
}

// ParseStreamName is the inverse of String. Its errors wrap ErrInvalid.
func ParseStreamName(s string) (StreamName, error) {
	category, id, found := strings.Cut(s, "-")
	if !found {
		return StreamName{}, fmt.Errorf("%w: %q is not a stream name (<category>-<id>)", ErrInvalid, s)
	}
	parsed, err := ParseID(id)
	if err != nil {
		return StreamName{}, fmt.Errorf("stream name %q: %w", s, err)
	}
	return NewStreamName(category, parsed)
}

// Category returns the part before the first hyphen.
func (n StreamName) Category() string { return n.category }

// ID returns the part after the first hyphen.
func (n StreamName) ID() ID { return n.id }

// String returns "<category>-<id>".
func (n StreamName) String() string { return n.category + "-" + n.id.String() }

// MarshalText implements encoding.TextMarshaler, as String does.
func (n StreamName) MarshalText() ([]byte, error) { return []byte(n.String()), nil }
