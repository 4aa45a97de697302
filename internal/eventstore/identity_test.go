package eventstore_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/eventstore"
	"visitplannr/test/check"
)

func mustParseID(t *testing.T, s string) eventstore.ID {
	t.Helper()
	id, err := eventstore.ParseID(s)
	if err != nil {
		t.Fatalf("ParseID(%q): %v", s, err)
	}
	return id
}

func newID(t *testing.T) eventstore.ID {
	t.Helper()
	id := check.Value(eventstore.NewID())(t)
	return id
}

func TestNewID(t *testing.T) {
	t.Parallel()

	t.Run("gives lower-case UUIDs of version 7", func(t *testing.T) {
		text := newID(t).String()
		if len(text) != 36 || text[14] != '7' || text != strings.ToLower(text) {
			t.Errorf("NewID() = %q, want a lower-case UUIDv7", text)
		}
	})

	t.Run("gives ids that sort as text in the order they were made", func(t *testing.T) {
		var ids []string
		for range 5000 { // many within one millisecond
			ids = append(ids, newID(t).String())
		}
		if !slices.IsSorted(ids) {
			t.Error("ids are not in order")
		}
		if unique := slices.Compact(slices.Clone(ids)); len(unique) != len(ids) {
			t.Errorf("got %d different ids of %d", len(unique), len(ids))
		}
	})
}

func TestDeriveID(t *testing.T) {
	t.Parallel()

	// Idempotency keys do not expire, so the derivation may never change. These
	// values were computed by another implementation.
	t.Run("gives the id it has always given", func(t *testing.T) {
		for _, c := range []struct {
			parts []string
			want  string
		}{
			{[]string{"arn:aws:iam::000000000000:user/editor", "POST /destination", "brockholes-1"}, "00000000-0000-86d0-aa8a-16b8e65e29f8"},
			{nil, "00000000-0000-83b0-8442-98fc1c149afb"},
			{[]string{"a", "bc"}, "00000000-0000-8faf-a1cf-2f19a7c1129b"},
			{[]string{"ab", "c"}, "00000000-0000-801d-9476-e2ccfe2c87a2"},
		} {
			if got := eventstore.DeriveID(c.parts...).String(); got != c.want {
				t.Errorf("DeriveID(%q) = %s, want %s", c.parts, got, c.want)
			}
		}
	})

	t.Run("keeps different parts apart", func(t *testing.T) {
		seen := map[eventstore.ID][]string{}
		for _, parts := range [][]string{
			{}, {""}, {"", ""}, {"a", "b", "c"}, {"ab", "c", ""}, {"", "ab", "c"}, {"abc"}, {"a", "bc"},
			{"a\x00b", "c"}, {"a", "\x00bc"}, {"a", "b", "c", ""},
		} {
			id := eventstore.DeriveID(parts...)
			if other, taken := seen[id]; taken {
				t.Errorf("DeriveID(%q) = DeriveID(%q) = %s", parts, other, id)
			}
			seen[id] = parts
		}
	})

	t.Run("sorts before every id that is made, since it opens its stream", func(t *testing.T) {
		fresh := newID(t).String()
		for i := range 100 {
			derived := eventstore.DeriveID("caller", "route", fmt.Sprint(i)).String()
			if !strings.HasPrefix(derived, "00000000-0000-8") {
				t.Errorf("DeriveID(…, %d) = %s, want a UUIDv8 with a zero timestamp", i, derived)
			}
			if derived >= fresh {
				t.Errorf("derived %s does not sort before fresh %s", derived, fresh)
			}
		}
	})

	t.Run("gives an id that can be read back", func(t *testing.T) {
		id := eventstore.DeriveID("caller", "route", "key")
		if got := mustParseID(t, id.String()); got != id {
			t.Errorf("ParseID(String()) = %s, want %s", got, id)
		}
	})
}

func TestParseID(t *testing.T) {
	t.Parallel()

	t.Run("reads back what String writes", func(t *testing.T) {
		id := newID(t)
		if got := mustParseID(t, id.String()); got != id {
			t.Errorf("ParseID(String()) = %s, want %s", got, id)
		}
	})

	for outcome, s := range map[string]string{
		"refuses no text":             "",
		"refuses upper case":          "01920000-0000-7000-8000-00000000000A",
		"refuses the nil UUID":        "00000000-0000-0000-0000-000000000000",
		"refuses no hyphens":          "0192000000007000800000000000000a",
		"refuses braces":              "{01920000-0000-7000-8000-00000000000a}",
		"refuses a URN":               "urn:uuid:01920000-0000-7000-8000-00000000000a",
		"refuses white space":         "01920000-0000-7000-8000-00000000000a ",
		"refuses a letter after f":    "01920000-0000-7000-8000-00000000000g",
		"refuses misplaced hyphens":   "0192000-00000-7000-8000-00000000000a",
		"refuses other kinds of text": "brockholes",
	} {
		t.Run(outcome, func(t *testing.T) {
			if id, err := eventstore.ParseID(s); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("ParseID(%q) = %s, %v; want an error that is ErrInvalid", s, id, err)
			}
		})
	}
}

func TestStreamName(t *testing.T) {
	t.Parallel()
	const uuid = "01920000-0000-7000-8000-00000000000a"

	t.Run("is the category, a hyphen and the id", func(t *testing.T) {
		name := check.Value(eventstore.NewStreamName("destination", mustParseID(t, uuid)))(t)
		if got, want := name.String(), "destination-"+uuid; got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
		if name.Category() != "destination" || name.ID().String() != uuid {
			t.Errorf("Category(), ID() = %q, %s", name.Category(), name.ID())
		}
	})

	for outcome, category := range map[string]string{
		"takes one letter":         "a",
		"takes camel case":         "dayTrip",
		"takes digits":             "trip2",
		"takes 64 characters":      strings.Repeat("a", 64),
		"takes destination itself": "destination",
	} {
		t.Run(outcome, func(t *testing.T) {
			name := check.Value(eventstore.NewStreamName(category, mustParseID(t, uuid)))(t)
			if got, err := eventstore.ParseStreamName(name.String()); got != name || err != nil {
				t.Errorf("ParseStreamName(%q) = %v, %v; want the name back", name, got, err)
			}
		})
	}

	for outcome, category := range map[string]string{
		"refuses no category":               "",
		"refuses a capital first":           "Destination",
		"refuses a digit first":             "2trip",
		"refuses a hyphen":                  "day-trip", // the first hyphen ends the category
		"refuses other letters":             "ausflugsgröße",
		"refuses white space":               "day trip",
		"refuses a 65th character":          strings.Repeat("a", 65),
		"refuses what breaks logs and URLs": "a\n",
	} {
		t.Run(outcome, func(t *testing.T) {
			if name, err := eventstore.NewStreamName(category, mustParseID(t, uuid)); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("NewStreamName(%q) = %v, %v; want an error that is ErrInvalid", category, name, err)
			}
			if name, err := eventstore.ParseStreamName(category + "-" + uuid); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("ParseStreamName(%q) = %v, %v; want an error that is ErrInvalid", category+"-"+uuid, name, err)
			}
		})
	}

	t.Run("needs an id", func(t *testing.T) {
		if name, err := eventstore.NewStreamName("destination", eventstore.ID{}); !errors.Is(err, eventstore.ErrInvalid) {
			t.Errorf("NewStreamName without an id = %v, %v; want an error that is ErrInvalid", name, err)
		}
		for _, s := range []string{"", "destination", "destination-", "-" + uuid, "destination-" + strings.ToUpper(uuid), uuid} {
			if name, err := eventstore.ParseStreamName(s); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("ParseStreamName(%q) = %v, %v; want an error that is ErrInvalid", s, name, err)
			}
		}
	})
}
