package propose_test

import (
	"fmt"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

// The corpus says which bodies are refused; this says what an editor reads.
func TestMalformedBodiesSayWhere(t *testing.T) {
	t.Parallel()
	const whole = `{"name":"A","geolocation":{"latitude":1,"longitude":2}}` // 55 bytes
	for body, want := range map[string]string{
		"":                             "The body is empty.",
		" \r\n":                        "The body is empty.",
		"{":                            "it ends too early.",
		`{"name":"A"`:                  "it ends too early.",
		`{"name":"A`:                   "it ends too early.",
		`{"name":tru`:                  "it ends too early.",
		`{"name":"A",`:                 "it ends too early.",
		"Brockholes":                   "from line 1, byte 1.",
		"{\"name\":\n  'A'}":           "from line 2, byte 3.",
		"{\r\n\"name\":\r\n\r\n,":      "from line 4, byte 1.",
		`{"name":"Café","x":.5}`:       "from line 1, byte 21.", // é has two bytes
		"{\"name\":\"Caf\xe9\"}":       "from line 1, byte 13.",
		`{"name":"a\ud800"}`:           "from line 1, byte 11.",
		`{"name":"A",}`:                "from line 1, byte 12.",
		whole + whole:                  "from line 1, byte 56.",
		whole + " \t true":             "from line 1, byte 59.",
		whole + "\n\n" + whole:         "from line 3, byte 1.",
		whole + "\n\n x":               "from line 3, byte 2.",
		whole + "}":                    "from line 1, byte 56.",
		strings.Repeat("[", 16<<10):    "",
		strings.Repeat(" ", 100) + "x": "from line 1, byte 101.",
	} {
		t.Run(fmt.Sprintf("%.40q", body), func(t *testing.T) {
			refused := wantProblem(t, newAPI(t, memory()).propose(body, nil), contract.ProblemInvalidBody)
			if len(refused.Errors) != 0 {
				t.Errorf("got the errors %v, want none", refused.Errors)
			}
			if !strings.Contains(refused.Detail, want) {
				t.Errorf("got %q, want it to say %q", refused.Detail, want)
			}
			for _, leak := range []string{"jsontext", "invalid character", "EOF", "offset"} {
				if strings.Contains(refused.Detail, leak) {
					t.Errorf("got %q, which has the parser's own words", refused.Detail)
				}
			}
		})
	}
}
