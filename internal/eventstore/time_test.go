package eventstore_test

import (
	"errors"
	"testing"
	"time"

	"visitplannr/internal/eventstore"
)

func TestTime(t *testing.T) {
	t.Parallel()

	for outcome, c := range map[string]struct {
		moment time.Time
		want   string
	}{
		"is written with three decimals even when they are zero": {
			time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC), "2026-11-23T09:00:00.000Z"},
		"is cut, not rounded, to the millisecond": {
			time.Date(2026, 11, 23, 9, 0, 0, 999_999_999, time.UTC), "2026-11-23T09:00:00.999Z"},
		"is written in UTC": {
			time.Date(2026, 11, 23, 0, 30, 0, 0, time.FixedZone("", 3600)), "2026-11-22T23:30:00.000Z"},
		"is cut towards the past before 1970 too": {
			time.Date(1969, 12, 31, 23, 59, 59, 999_500_000, time.UTC), "1969-12-31T23:59:59.999Z"},
	} {
		t.Run(outcome, func(t *testing.T) {
			if got := eventstore.NewTime(c.moment).String(); got != c.want {
				t.Errorf("NewTime(%v).String() = %q, want %q", c.moment, got, c.want)
			}
		})
	}

	t.Run("equals itself when it is read back", func(t *testing.T) {
		now := eventstore.NewTime(time.Now()) // with a monotonic reading, in the local zone
		got, err := eventstore.ParseTime(now.String())
		if err != nil || got != now {
			t.Errorf("ParseTime(%q) = %v, %v; want the same time", now, got, err)
		}
	})

	t.Run("is zero only when it was never set", func(t *testing.T) {
		if !(eventstore.Time{}).IsZero() {
			t.Error("Time{} is not zero")
		}
		if eventstore.NewTime(time.Unix(0, 0)).IsZero() {
			t.Error("1970 is zero")
		}
	})

	for outcome, s := range map[string]string{
		"is not read without decimals":        "2026-11-23T09:00:00Z",
		"is not read with two decimals":       "2026-11-23T09:00:00.00Z",
		"is not read with six decimals":       "2026-11-23T09:00:00.000000Z",
		"is not read with a decimal comma":    "2026-11-23T09:00:00,000Z",
		"is not read with an hour of a digit": "2026-11-23T9:00:00.000Z",
		"is not read in another zone":         "2026-11-23T09:00:00.000+01:00",
		"is not read without a zone":          "2026-11-23T09:00:00.000",
		"is not read on 30 February":          "2026-02-30T09:00:00.000Z",
		"is not read from other text":         "yesterday",
		"is not read from nothing":            "",
	} {
		t.Run(outcome, func(t *testing.T) {
			if got, err := eventstore.ParseTime(s); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("ParseTime(%q) = %v, %v; want an error that is ErrInvalid", s, got, err)
			}
		})
	}
}
