package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"visitplannr/internal/certify"
)

// aboutCertify lists the scenarios.
func aboutCertify() string {
	var text strings.Builder
	fmt.Fprint(&text, `Grades a client of the API: whether it can lose a proposal, store it twice, or report as
done what is not stored. COMMAND, a program that proposes one or more destinations, runs
once in each scenario, against a local API with an empty table. In its environment are
the endpoint's URL (API_URL), region and credentials to sign with (AWS_REGION,
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY). Nothing else of AWS's is: not your own.

  visitplannr certify -- python propose.py Brockholes 53.77 -2.63
  visitplannr certify -- sh -c 'visitplannr propose -sign -url "$API_URL" -name Brockholes -latitude 53.77 -longitude -2.63'

Each grade is a line with its evidence, from what the gateway and the table saw:

  attempts     sent again after 429, 502, 503 and no answer, and after nothing else
  key          the same Idempotency-Key on each attempt
  retry-after  the next attempt not earlier than Retry-After says
  signature    each request signed, each attempt anew
  stored       each proposal once, or not at all where the API refuses it
  exit         code 0 if every proposal is stored, another one if not, within -timeout,
               with no process left behind

The exit code is 1 if a grade failed. The scenarios:
`)
	expected := ""
	for _, s := range certify.Scenarios() {
		if s.Expected() != expected {
			expected = s.Expected()
			fmt.Fprintf(&text, "\n Expected: %s\n", expected)
		}
		fmt.Fprintf(&text, "  %-11s  %s\n", s.Name, s.Situation)
	}
	return strings.TrimSpace(text.String())
}

func runCertify(ctx context.Context, c *cli, args []string) error {
	before, command := args, []string(nil)
	if at := slices.Index(args, "--"); at >= 0 {
		before, command = args[:at], args[at+1:]
	}
	set := c.flags(aboutCertify())
	limit := set.Duration("timeout", time.Minute, "how long COMMAND may run in a scenario, a `duration`")
	only := set.String("only", "", "`names` of scenarios, separated by commas (default: all)")
	if err := c.parse(set, before, 0); err != nil {
		return err
	}
	scenarios := certify.Scenarios()
	if *only != "" {
		names := strings.Split(*only, ",")
		for _, name := range names {
			if !slices.ContainsFunc(scenarios, func(s certify.Scenario) bool { return s.Name == name }) {
				return c.misuse(set, "-only: there is no scenario %q; -h lists them", name)
			}
		}
		scenarios = slices.DeleteFunc(scenarios, func(s certify.Scenario) bool { return !slices.Contains(names, s.Name) })
	}
	if len(command) == 0 {
		return c.misuse(set, "COMMAND is missing: write it after --")
	}
	if *limit <= 0 {
		return c.misuse(set, "-timeout is %s; it must be more than 0", *limit)
	}
	grades, failed := 0, 0
	err := certify.Run(ctx, scenarios, command, *limit, c.doing, func(t certify.Trial) {
		grades += len(t.Grades)
		failed += c.printTrial(t)
	})
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d of %d grades failed", failed, grades)
	}
	_, err = fmt.Fprintf(c.stdout, "All %d grades in %d scenarios are ok.\n", grades, len(scenarios))
	return err
}

// printTrial prints a trial's grades and returns how many failed. If any did, it also
// prints the last lines of COMMAND.
func (c *cli) printTrial(t certify.Trial) (failed int) {
	fmt.Fprintf(c.stdout, "%s: %s\n", t.Name, t.Situation)
	for _, g := range t.Grades {
		verdict := "ok"
		if g.Failed {
			verdict = "FAIL"
			failed++
		}
		fmt.Fprintf(c.stdout, "  %-4s  %-11s  %s\n", verdict, g.Name, c.shown(c.stdout, g.Evidence))
	}
	if failed == 0 {
		return 0
	}
	fmt.Fprintf(c.stdout, "  expected: %s\n", t.Expected())
	lines := strings.FieldsFunc(string(t.Printed), func(c rune) bool { return c == '\n' || c == '\r' })
	for _, line := range lines[max(0, len(lines)-lastLines):] {
		fmt.Fprintf(c.stderr, "  COMMAND: %s\n", c.shown(c.stderr, line))
	}
	return failed
}

// lastLines is how much is shown of what a COMMAND printed.
const lastLines = 10
