package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/program"
)

// What is not text, and what can be run, is in the repository on purpose.
func TestOnlyProgramsHaveTheExecutableBit(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("this is no checkout of git")
	}
	output, err := program.Output(program.Git(t.Context(), "..", "ls-files", "--stage"))
	if err != nil {
		t.Fatal(err)
	}
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
	decisions, err := filepath.Glob("../docs/adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
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
