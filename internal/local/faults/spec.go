package faults

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rate is how often a kind happens, from 0 to 1.
type Rate struct {
	Kind Kind
	Rate float64
}

// A Spec says how often each kind happens. The rates sum to at most 1: a request meets
// one fault or none.
type Spec []Rate

// A Choice is a kind that a spec may name.
type Choice struct {
	Kind      Kind
	Situation string // in AWS
}

// Choices returns the kinds that a spec may name.
func Choices() []Choice {
	return []Choice{
		{Throttled, "the table's capacity, or a partition's, is used up"},
		{InternalError, "DynamoDB fails (500), and nothing is written"},
		{Unavailable, "DynamoDB cannot be used (503), and nothing is written"},
		{DropAfter, "the item is written, and the connection breaks before the answer arrives"},
		{DropBefore, "the connection breaks before DynamoDB gets the request"},
		{Slow, "an answer takes 5 to 60 ms longer, as while a partition splits"},
		{Hang, "the item is written, and no answer ever comes: a network path is silent"},
		{PageOK, "a proxy in between answers with its login page, as 200"},
		{Denied, "the function's role has lost the permission to write"},
		{NoTable, "the table was deleted, or is in another region"},
		{Crash, "the function's process ends, as when its memory is used up: half of the time before its item is written"},
	}
}

// Parse reads a spec, such as "throttled=0.1,lost-reply=0.02". An empty text is an empty
// spec.
func Parse(text string) (Spec, error) {
	var spec Spec
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	sum := 0.0
	for part := range strings.SplitSeq(text, ",") {
		name, number, found := strings.Cut(strings.TrimSpace(part), "=")
		kind := Kind(name)
		if !slices.ContainsFunc(Choices(), func(c Choice) bool { return c.Kind == kind }) {
			var known []string
			for _, c := range Choices() {
				known = append(known, string(c.Kind))
			}
			return nil, fmt.Errorf("there is no fault %q: choose among %s", name, strings.Join(known, ", "))
		}
		rate, err := strconv.ParseFloat(number, 64)
		if !found || err != nil || !(rate >= 0 && rate <= 1) { // NaN is not
			return nil, fmt.Errorf("the rate of %s is %q: it must be a number from 0 to 1, as in %s=0.1", name, number, name)
		}
		if slices.ContainsFunc(spec, func(r Rate) bool { return r.Kind == kind }) {
			return nil, fmt.Errorf("%s is given twice: give it one rate", name)
		}
		if sum += rate; sum > 1+1e-9 { // 0.7, 0.2 and 0.1 may be a little more than 1
			return nil, fmt.Errorf("the rates sum to more than 1 (%s): a request meets one fault at most", text)
		}
		if rate > 0 {
			spec = append(spec, Rate{kind, rate})
		}
	}
	return spec, nil
}

// String returns the spec as Parse reads it.
func (s Spec) String() string {
	var parts []string
	for _, r := range s {
		parts = append(parts, fmt.Sprintf("%s=%v", r.Kind, r.Rate))
	}
	return strings.Join(parts, ",")
}
