package certify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"visitplannr/internal/contract"
)

// A Grade is a verdict on one thing that a client must do right.
type Grade struct {
	Name     string
	Evidence string
	Failed   bool
}

// The names of the grades.
const (
	gradeAttempts   = "attempts"
	gradeKey        = "key"
	gradeRetryAfter = "retry-after"
	gradeSignature  = "signature"
	gradeStored     = "stored"
	gradeExit       = "exit"
)

// early is by how much a clock may make a wait too short.
const early = 50 * time.Millisecond

// enough is how much evidence is shown of what is right.
const enough = 4

// grade judges what was seen. A slow machine never fails a client: only a wait that is too
// short is wrong, and a signature that is used again after a second in which the client
// could have made another.
func grade(s Scenario, attempts []*attempt, stored []string, end ending) []Grade {
	if len(attempts) == 0 {
		return []Grade{{gradeAttempts, fmt.Sprintf("no %s came to API_URL; %s", contract.ProposeDestination.Route(), end.text), true}}
	}
	evidence, wrong := map[string][]string{}, map[string][]string{}
	good := func(name, format string, args ...any) {
		evidence[name] = append(evidence[name], fmt.Sprintf(format, args...))
	}
	bad := func(name, format string, args ...any) {
		wrong[name] = append(wrong[name], fmt.Sprintf(format, args...))
	}

	var proposals []string
	keys, signatures := map[string]bool{}, map[string]bool{}
	for i, a := range attempts {
		if !slices.Contains(proposals, a.said) {
			proposals = append(proposals, a.said)
		}
		good(gradeAttempts, "%s", a.outcome())
		key := strings.Join(a.keys, ", ")
		keys[key], signatures[a.signature] = true, true
		if len(a.keys) != 1 || key == "" {
			bad(gradeKey, "request %d has %d Idempotency-Keys", i+1, len(a.keys))
		}
		if a.signature == "" {
			bad(gradeSignature, "request %d is not signed", i+1)
		}
		again := slices.IndexFunc(attempts[i+1:], func(b *attempt) bool { return b.said == a.said })
		retry := slices.Contains([]int{0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable}, a.status)
		switch {
		case again < 0 && retry:
			bad(gradeAttempts, "request %d was not sent again after %s", i+1, a.outcome())
		case again >= 0 && !retry:
			bad(gradeAttempts, "request %d was sent again after %s", i+1, a.outcome())
		}
		if again < 0 {
			continue
		}
		next, number := attempts[i+1+again], i+2+again
		if !slices.Equal(next.keys, a.keys) {
			bad(gradeKey, "request %d repeats request %d with another key: %q, then %q", number, i+1, a.keys, next.keys)
		}
		pause := next.arrived.Sub(a.answered)
		if next.signature == a.signature && pause >= time.Second {
			bad(gradeSignature, "request %d has the signature of request %d, %.2f s later", number, i+1, pause.Seconds())
		}
		if a.retryAfter > 0 {
			judge := good
			if pause < a.retryAfter-early {
				judge = bad
			}
			judge(gradeRetryAfter, "request %d came %.2f s after a %d that asked for %.0f s", number, pause.Seconds(), a.status, a.retryAfter.Seconds())
		}
	}
	judge := good
	if len(keys) < len(proposals) {
		judge = bad
	}
	judge(gradeKey, "requests: %d, keys: %d, proposals: %d", len(attempts), len(keys), len(proposals))
	good(gradeSignature, "requests: %d, signatures: %d", len(attempts), len(signatures))

	want, found := 1, 0
	if s.Refuses {
		want = 0
	}
	for _, said := range proposals {
		times := 0
		for _, event := range stored {
			if event == said {
				times++
			}
		}
		if judge = good; times != want {
			judge = bad
		}
		judge(gradeStored, "%s: %d of %d", said, times, want)
		found += min(times, 1)
	}
	says := fmt.Sprintf("%s; proposals stored: %d of %d", end.text, found, len(proposals))
	switch judge = good; {
	case end.success && found < len(proposals):
		judge, says = bad, says+": it reports as done what is not stored"
	case end.untidy, end.success == s.Refuses:
		judge = bad
	}
	judge(gradeExit, "%s", says)

	return verdicts(evidence, wrong)
}

// verdicts makes a grade of each name for which there is evidence: what is wrong, or else
// what was seen.
func verdicts(evidence, wrong map[string][]string) []Grade {
	var grades []Grade
	for _, name := range []string{gradeAttempts, gradeKey, gradeRetryAfter, gradeSignature, gradeStored, gradeExit} {
		switch {
		case len(wrong[name]) > 0:
			grades = append(grades, Grade{name, strings.Join(wrong[name], "; "), true})
		case len(evidence[name]) > 0:
			shown := evidence[name]
			if more := len(shown) - enough; more > 0 {
				shown = append(shown[:enough], fmt.Sprintf("and %d more", more))
			}
			grades = append(grades, Grade{name, strings.Join(shown, ", "), false})
		}
	}
	return grades
}

// outcome says what an attempt was answered.
func (a *attempt) outcome() string {
	if a.status == 0 {
		return "no answer"
	}
	return fmt.Sprint(a.status)
}
