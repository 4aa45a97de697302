package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// What is not text, and what can be run, is in the repository on purpose.
func TestOnlyProgramsHaveTheExecutableBit(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("this is no checkout of git")
	}
	output := check.Value(program.Output(program.Git(t.Context(), "..", "ls-files", "--stage")))(t)
	programs := []string{".ci/run"}
	for line := range strings.Lines(output) {
		mode, _, _ := strings.Cut(line, " ")
		_, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if mode == "100755" && !slices.Contains(programs, name) {
			t.Errorf("%s has the executable bit, and is no program: git update-index --chmod=-x", name)
		}
	}
}

// Text and comments name a decision by its number.
func TestEachDecisionHasANumberOfItsOwn(t *testing.T) {
	t.Parallel()
	decisions := check.Value(filepath.Glob("../docs/adr/*.md"))(t)
	for i, file := range decisions {
		text, err := os.ReadFile(file)
		name := filepath.Base(file)
		if want := fmt.Sprintf("%04d-", i+1); err != nil || !strings.HasPrefix(name, want) {
			t.Errorf("got %s, %v; want %s…, the next free number: git mv it, and mend its title and its links", name, err, want)
		}
		if want := fmt.Sprintf("# %d. ", i+1); !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: want the title to begin with %q", name, want)
		}
	}
}

func TestTheChecksOfACommitCountWhatTheySkip(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("there is no Node: install it")
	}
	const began = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`
	for _, c := range []struct{ name, events, printed, end string }{
		{"a case that a later run makes up for", `{"Action":"skip","Package":"p","Test":"TestA"}
			{"Action":"output","Package":"p","Output":"ok  \tp\t1s\n"}
			{"Action":"pass","Package":"p","Test":"TestA"}`, "ok  \tp\t1s\n", "0 of 1 cases were skipped, 0 of"},
		{"a case that nobody ran", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: run it with -stack\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}`, "", "skipped: p TestA: a_test.go:1: run it with -stack\n1 of 1 cases were skipped, 0 of"},
		{"a case whose program was installed", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: run npm ci\n"}
			{"Action":"skip","Package":"p","Test":"TestA"}`, "", "1 of 1 cases were skipped, 1 of"},
		{"a case that ended its process", began + `
			{"Action":"output","Package":"p","Output":"FAIL\tp\n"}
			{"Action":"fail","Package":"p"}
			{"Action":"pass","Package":"q","Test":"TestB"}`, "FAIL\tp\n=== RUN   TestA\n", "0 of 1 cases were skipped, 0 of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "cases")
			reader := program.Command(t.Context(), "../.ci", "node", "tests.mjs", file)
			reader.Stdin = strings.NewReader(c.events)
			if printed, err := reader.Output(); err != nil || string(printed) != c.printed {
				t.Errorf("printed %q, %v; want %q", printed, err, c.printed)
			}
			end, err := program.Command(t.Context(), "../.ci", "node", "tests.mjs", file, "-end").Output()
			if !strings.HasPrefix(string(end), c.end) && !strings.Contains(string(end), "\n"+c.end) {
				t.Errorf("printed %q at the end, want %q", end, c.end)
			}
			if failed := err != nil; failed != strings.Contains(c.end, ", 1 of") {
				t.Errorf("got %v with %q", err, end)
			}
		})
	}
}
