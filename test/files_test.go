package test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What is not text, and what can be run, is in the repository on purpose.
func TestOnlyProgramsHaveTheExecutableBit(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("this is no checkout of git")
	}
	output, err := exec.CommandContext(t.Context(), "git", "ls-files", "--stage", "..").Output()
	if err != nil {
		t.Fatal(err)
	}
	programs := []string{"../.ci/run"}
	for line := range strings.Lines(string(output)) {
		mode, _, _ := strings.Cut(line, " ")
		_, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if mode == "100755" && !slices.Contains(programs, name) {
			t.Errorf("%s has the executable bit, and is no program: git update-index --chmod=-x", name)
		}
	}
}
