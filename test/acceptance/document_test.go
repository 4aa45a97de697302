package acceptance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The document holds what each target shows, so that a gap is seen in a review.
// UPDATE_SNAPS=true go test ./test/acceptance writes it anew.
func TestDocumentSaysWhatEachTargetShows(t *testing.T) {
	t.Parallel()
	const path = "../../docs/acceptance.md"
	const begin, end = "<!-- behaviours -->\n", "<!-- /behaviours -->\n"
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(stored), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has no %s… %s", path, begin, end)
	}
	want := before + begin + table(t) + end + after
	if os.Getenv("UPDATE_SNAPS") == "true" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(stored) {
		t.Errorf("%s does not hold what the targets show. Run: UPDATE_SNAPS=true go test ./test/acceptance", path)
	}
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
