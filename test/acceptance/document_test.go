package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"visitplannr/test/generated"
)

// The document holds what each target shows, so that a gap is seen in a review.
func TestTableOfBehavioursIsUpToDate(t *testing.T) {
	t.Parallel()
	generated.CheckPart(t, "../../docs/acceptance.md", "behaviours", table(t))
}

// table has a row for each behaviour, a column for each target, and the reasons for
// what is missing below.
func table(t *testing.T) string {
	t.Helper()
	targets := []target{localOpen, localGateway, localDev, localProd, emulatorDev, emulatorProd, emulatorIAM, deployed}
	var text strings.Builder
	text.WriteString("| What is shown |")
	for _, target := range targets {
		fmt.Fprintf(&text, " %s |", target.name)
	}
	text.WriteString("\n|---|" + strings.Repeat("---|", len(targets)) + "\n")
	var reasons []string
	used := map[string]bool{}
	for _, b := range behaviours() {
		fmt.Fprintf(&text, "| %s |", b.says)
		shown := false
		for _, target := range targets {
			cell := "yes"
			for _, n := range b.needs {
				reason := target.lacks[n]
				if reason == "" {
					continue
				}
				if !slices.Contains(reasons, reason) {
					reasons = append(reasons, reason)
				}
				used[target.name+string(n)] = true
				cell = fmt.Sprintf("– (%d)", slices.Index(reasons, reason)+1)
			}
			shown = shown || cell == "yes"
			fmt.Fprintf(&text, " %s |", cell)
		}
		text.WriteString("\n")
		if !shown {
			t.Errorf("no target shows %q", b.says)
		}
	}
	for _, target := range targets {
		for n := range target.lacks {
			if target.lacks[n] != "" && !used[target.name+string(n)] {
				t.Errorf("%s lacks %q, which no behaviour needs", target.name, n)
			}
		}
	}
	text.WriteString("\nWhat a target does not show, and why:\n\n")
	for i, reason := range reasons {
		fmt.Fprintf(&text, "%d. %s.\n", i+1, strings.ToUpper(reason[:1])+reason[1:])
	}
	return text.String()
}
