package eventstore

import (
	"errors"
	"strings"
	"testing"

	"visitplannr/test/check"
)

// A name has one spelling: what parses is written as it was read.
func FuzzParseStreamName(f *testing.F) {
	for _, name := range []string{
		"", "-", "destination", "destination-", "destination-0192f000-0000-7000-8000-000000000000",
		"destination-0192F000-0000-7000-8000-000000000000", "destination-0192f00000007000800000000000000",
		"destination-{0192f000-0000-7000-8000-000000000000}", "destination-urn:uuid:0192f000-0000-7000-8000-000000000000",
		"destination-00000000-0000-0000-0000-000000000000", "Destination-0192f000-0000-7000-8000-000000000000",
		"a-b-0192f000-0000-7000-8000-000000000000", "a9Z-0192f000-0000-7000-8000-000000000000", "-0192f000-0000-7000-8000-000000000000",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseStreamName(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || name != (StreamName{}) {
				t.Errorf("%q: got %v and the error %v, want none and ErrInvalid", text, name, err)
			}
			return
		}
		if name.String() != text {
			t.Errorf("%q is written as %q", text, name)
		}
		again, err := NewStreamName(name.Category(), name.ID())
		if err != nil || again != name {
			t.Errorf("%q: its parts make %v (%v)", text, again, err)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, id := range []string{
		"", "0192f000-0000-7000-8000-000000000000", "0192F000-0000-7000-8000-000000000000", "0192f00000007000800000000000000",
		"{0192f000-0000-7000-8000-000000000000}", "urn:uuid:0192f000-0000-7000-8000-000000000000",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", " 0192f000-0000-7000-8000-000000000000",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseID(text)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || id != (ID{}) {
				t.Errorf("%q: got %v and the error %v, want none and ErrInvalid", text, id, err)
			}
			return
		}
		if id.String() != text || len(text) != 36 || text != strings.ToLower(text) {
			t.Errorf("%q is written as %q", text, id)
		}
	})
}

// Different parts have different ids, however they are cut.
func FuzzDeriveID(f *testing.F) {
	f.Add("arn:aws:iam::1:user/a", "POST /destination", "k", "k2")
	f.Add("a", "", "bc", "")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		id := DeriveID(a, b, c)
		if id != DeriveID(a, b, c) {
			t.Error("the same parts gave two ids")
		}
		if parsed, err := ParseID(id.String()); err != nil || parsed != id {
			t.Errorf("%s does not parse: %v", id, err)
		}
		if c != d && id == DeriveID(a, b, d) || c != "" && (id == DeriveID(a, b+c) || id == DeriveID(a+b, c)) {
			t.Errorf("parts %q, %q, %q share their id with others", a, b, c)
		}
		fresh := check.Value(NewID())(t)
		if id.String() >= fresh.String() {
			t.Errorf("the derived id %s does not sort before the fresh one %s", id, fresh)
		}
	})
}
