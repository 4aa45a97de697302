// Package corpus holds request bodies, good, bad and borderline, each with what
// must become of it. The tests of all who judge a body read it: the gateway's
// schema, the function, the local gateway in front of the function, and the
// fuzzers. Only tests import it.
package corpus

import (
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"visitplannr/internal/contract"
)

// Verdict is what becomes of a body.
type Verdict string

// The verdicts. There is none for a body that the gateway refuses and the
// function would accept: that must not be.
const (
	// Accepted by the gateway's schema and by the function.
	Accepted Verdict = "accepted"

	// RefusedByGateway and by the function, should the body come past the gateway.
	RefusedByGateway Verdict = "refused by gateway and function"

	// RefusedByFunction alone: JSON Schema cannot say it, or a JSON parser hides
	// it from the validator.
	RefusedByFunction Verdict = "refused by function only"
)

// Body is one request body and what must become of it.
//
// Where the gateway is named, the gateway of this repository is meant. How the
// parser of API Gateway itself reads a malformed document is not documented;
// whatever it lets through, the function refuses.
type Body struct {
	Title   string // unique
	Bytes   string
	Verdict Verdict

	Stored Proposal // of one that is accepted

	// Of one that is refused: the function's problem, and the pointers of its
	// errors in order. A body that is no JSON has none.
	Problem  contract.ProblemType
	Pointers []string
}

// Proposal is what the event says after a body was accepted.
type Proposal struct {
	Name      string
	Latitude  float64
	Longitude float64
}

// text holds the bodies, a line each. A body is a string; or {"base64": …} where it is
// not UTF-8; or a list of strings and of {"text": …, "times": …} where it is long.
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

// spell returns the bytes of a body in one of its forms.
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
