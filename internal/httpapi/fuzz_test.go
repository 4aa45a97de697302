package httpapi

import (
	"regexp"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

// FuzzParseKey compares the parser with the pattern that the API's description
// gives, and the two forms of a key with each other.
func FuzzParseKey(f *testing.F) {
	for _, value := range []string{"", "a", "a b", `"a"`, `"`, `""`, `"a\"b"`, `"a\\b"`, `"a\b"`, `"a"b`, `a"b`, "é", "\x7f",
		strings.Repeat("k", 255), strings.Repeat("k", 256), `"` + strings.Repeat(`\"`, 255) + `"`} {
		f.Add(value)
	}
	pattern := regexp.MustCompile(contract.IdempotencyKeyPattern)
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	f.Fuzz(func(t *testing.T, value string) {
		key, ok := parseKey(value)
		if want := pattern.MatchString(value); ok != want {
			t.Fatalf("%q: accepted %t, matches the pattern %t", value, ok, want)
		}
		if !ok {
			return
		}
		if len(key) < 1 || len(key) > contract.IdempotencyKeyMaxBytes {
			t.Errorf("%q: got a key of %d bytes", value, len(key))
		}
		if again, ok := parseKey(`"` + quote.Replace(key) + `"`); !ok || again != key {
			t.Errorf("%q: got key %q, and %q (%t) when it is quoted", value, key, again, ok)
		}
	})
}

// FuzzAccept wants weights that are weights, of whatever a client accepts.
func FuzzAccept(f *testing.F) {
	for _, accept := range []string{"", "*/*", "application/json", "application/json;q=0", "text/*;q=0.3, application/json;q=NaN", ",,;=", `a/b;q="1"`} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		for _, mediaType := range []string{contract.MediaTypeJSON, contract.MediaTypeText} {
			if weight, named := quality(accept, mediaType); !(weight >= 0 && weight <= 1) || named && !strings.Contains(strings.ToLower(accept), mediaType) {
				t.Errorf("%q gives %s the weight %v (named: %t)", accept, mediaType, weight, named)
			}
		}
	})
}
