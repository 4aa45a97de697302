// Package corpus holds good, bad and borderline request bodies, each with its expected
// result. It is used to test everything that judges a body: the gateway's schema, the
// function, and the local gateway in front of the function. It also seeds the fuzzers.
package corpus

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"visitplannr/internal/contract"
)

// Verdict is the expected result for a body.
type Verdict string

// The verdicts. There is none for a body that the gateway refuses and the function
// accepts: that must not happen.
const (
	// Accepted means by the gateway's schema and by the function.
	Accepted Verdict = "accepted"

	// RefusedByGateway means by the gateway, and by the function if the body reaches
	// it.
	RefusedByGateway Verdict = "refused by gateway and function"

	// RefusedByFunction means by the function alone: JSON Schema cannot express the
	// rule, or a JSON parser hides the fault from the validator.
	RefusedByFunction Verdict = "refused by function only"
)

// Body is one request body and its expected result.
//
// "Gateway" means this repository's local gateway. AWS does not document how API
// Gateway parses a malformed document; the function refuses whatever it lets through.
type Body struct {
	Title   string // unique
	Bytes   string
	Verdict Verdict

	Stored Proposal // if accepted

	// If refused: the function's problem, and the pointers of its errors in order. A
	// body that is not JSON has no pointers.
	Problem  contract.ProblemType
	Pointers []string
}

// Proposal is what the event says once a body is accepted.
type Proposal struct {
	Name      string
	Latitude  float64
	Longitude float64
}

// text holds the bodies, one per line. A body is a string; or {"base64": …} if it is
// not UTF-8; or a list of strings and {"text": …, "times": …} if it is long.
//
//go:embed bodies.json
var text []byte

// Bodies returns the corpus.
func Bodies() []Body {
	var lines []struct {
		Title, Problem string
		Body           json.RawMessage
		Verdict        Verdict
		Stored         Proposal
		Pointers       []string
	}
	if err := json.Unmarshal(text, &lines); err != nil {
		panic(fmt.Errorf("bodies.json: %w", err))
	}
	bodies := make([]Body, len(lines))
	for i, line := range lines {
		bodies[i] = Body{Title: line.Title, Bytes: spell(line.Body), Verdict: line.Verdict, Stored: line.Stored, Pointers: line.Pointers}
		for _, problem := range contract.ProblemTypes() {
			if problem.Type == line.Problem {
				bodies[i].Problem = problem
			}
		}
	}
	return bodies
}

// spell returns the bytes of a body written in any of these forms.
func spell(body json.RawMessage) string {
	var (
		plain   string
		encoded struct{ Base64 string }
		parts   []json.RawMessage
		run     struct {
			Text  string
			Times int
		}
	)
	if json.Unmarshal(body, &plain) == nil {
		return plain
	}
	if json.Unmarshal(body, &parts) == nil {
		for _, part := range parts {
			plain += spell(part)
		}
		return plain
	}
	if json.Unmarshal(body, &run) == nil && run.Times > 0 {
		return strings.Repeat(run.Text, run.Times)
	}
	if err := json.Unmarshal(body, &encoded); err != nil {
		panic(fmt.Errorf("bodies.json: %s: %w", body, err))
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded.Base64)
	if err != nil {
		panic(fmt.Errorf("bodies.json: %s: %w", body, err))
	}
	return string(decoded)
}
