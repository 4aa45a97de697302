package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"visitplannr/test/check"
)

// A fact is a row of docs/aws.md: something that this system relies on in AWS.
type fact struct {
	says, ours, evidence, grade string
	shownBy                     []string // what behaviours say; nil: the suite cannot ask
}

// ledger reads docs/aws.md.
func ledger(t *testing.T) []fact {
	t.Helper()
	text := check.Value(os.ReadFile("../../docs/aws.md"))(t)
	var facts []fact
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == "AWS" {
			continue
		}
		if len(cells) != 5 {
			t.Fatalf("%d cells, want 5: %s", len(cells), line)
		}
		f := fact{says: cells[0], ours: cells[1], evidence: cells[2], grade: cells[3]}
		if !strings.HasPrefix(cells[4], "– ") { // a reason
			f.shownBy = strings.Split(cells[4], "; ")
		}
		facts = append(facts, f)
	}
	return facts
}

// measured says which facts a run measured. A fact is measured if all behaviours that
// show it were shown, and refuted if one was.
func measured(facts []fact, outcomes map[string]outcome) string {
	var rows strings.Builder
	count := 0
	for _, f := range facts {
		says := "not asked"
		switch has := func(o outcome) bool {
			return slices.ContainsFunc(f.shownBy, func(b string) bool { return outcomes[b] == o })
		}; {
		case has(refuted):
			says = "REFUTED"
		case f.shownBy != nil && !has(unseen) && !has(""):
			says = "measured"
			count++
		}
		fmt.Fprintf(&rows, "%-9s  %s (was: %s)\n", says, f.says, f.grade)
	}
	return fmt.Sprintf("docs/aws.md: %d of %d rows were measured here\n%s", count, len(facts), rows.String())
}

func TestLedger(t *testing.T) {
	t.Parallel()
	facts := ledger(t)
	link := regexp.MustCompile(`\]\(([^)]+)\)`)

	t.Run("names for each row what relies on it, a grade with its evidence, and what shows it", func(t *testing.T) {
		asked := map[string]bool{} // what the deployed target shows: whether a row names it
		for _, b := range behaviours() {
			if !slices.ContainsFunc(b.needs, func(n need) bool { return deployed.lacks[n] != "" }) {
				asked[b.says] = false
			}
		}
		for _, f := range facts {
			files := link.FindAllStringSubmatch(f.ours, -1)
			if len(files) == 0 {
				t.Errorf("%s: no file that relies on it", f.says)
			}
			for _, file := range files {
				if _, err := os.Stat(filepath.Join("../../docs", file[1])); err != nil {
					t.Errorf("%s: %v", f.says, err)
				}
			}
			pages := link.FindAllStringSubmatch(f.evidence, -1)
			from := func(site string) bool {
				return slices.ContainsFunc(pages, func(page []string) bool { return strings.HasPrefix(page[1], site) })
			}
			switch f.grade {
			case "documented":
				if !from("https://docs.aws.amazon.com/") {
					t.Errorf("%s: no page of AWS", f.says)
				}
			case "measured":
				if !from("https://github.com/") {
					t.Errorf("%s: no link to who measured it", f.says)
				}
			case "inferred":
			default:
				t.Errorf("%s: the grade is %q", f.says, f.grade)
			}
			for _, b := range f.shownBy {
				if _, ok := asked[b]; !ok {
					t.Errorf("%s: the deployed target does not show %q", f.says, b)
				}
				asked[b] = true
			}
		}
		for _, b := range behaviours() {
			if slices.Contains(b.needs, awsItself) && !asked[b.says] {
				t.Errorf("no row is about %q, which only AWS shows", b.says)
			}
		}
	})

	t.Run("says after a deployment which rows became measurements", func(t *testing.T) {
		got := measured([]fact{{says: "a", grade: "documented", shownBy: []string{"x", "y"}}, {says: "b", grade: "inferred", shownBy: []string{"x", "z"}},
			{says: "c", grade: "inferred", shownBy: []string{"x", "unseen"}}, {says: "d", grade: "measured", shownBy: []string{"lacking"}}, {says: "e", grade: "inferred"}},
			map[string]outcome{"x": shown, "y": shown, "z": refuted, "unseen": unseen})
		want := "docs/aws.md: 1 of 5 rows were measured here\n" +
			"measured   a (was: documented)\nREFUTED    b (was: inferred)\nnot asked  c (was: inferred)\nnot asked  d (was: measured)\nnot asked  e (was: inferred)\n"
		if got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}
