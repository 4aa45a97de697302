package eventstore

import (
	"fmt"
	"time"
)

// timeLayout always has three decimals, so timestamps sort as text.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is the moment of an event, in UTC, to the millisecond.
type Time struct {
	t time.Time
}

// NewTime returns t in UTC, truncated to the millisecond.
func NewTime(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// ParseTime is the inverse of String. Its errors wrap ErrInvalid. Other spellings, some
// of which time.Parse accepts (9:00:00,000), are errors: they would not sort as text.
func ParseTime(s string) (Time, error) {
	t, err := time.Parse(timeLayout, s)
	if err != nil || t.Format(timeLayout) != s {
		return Time{}, fmt.Errorf("%w: %q is not a time like %s", ErrInvalid, s, timeLayout)
	}
	return Time{t}, nil
}

// IsZero reports whether the time was never set.
func (t Time) IsZero() bool { return t.t.IsZero() }

// String returns the stored form, such as 2026-11-23T09:00:00.000Z.
func (t Time) String() string { return t.t.Format(timeLayout) }

// MarshalText implements encoding.TextMarshaler, as String does.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
