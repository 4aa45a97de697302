package test

import (
	"os"
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
