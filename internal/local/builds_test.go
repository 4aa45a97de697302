package local

import (
	"os"
	"path/filepath"
	"testing"

	"visitplannr/test/check"
)

func TestBuildsOfARunThatWasKilledAreRemovedByALaterOne(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	left := filepath.Join(parent, "visitplannr", "builds", "left-behind")
	check.OK(t, os.MkdirAll(left, 0o700))
	there := func(dir string) bool { _, err := os.Stat(dir); return err == nil }

	first, firstDone, err := buildFolder(parent)
	check.OK(t, err)
	if there(left) || !there(first) {
		t.Error("the first run did not remove what was left behind, or has no folder")
	}
	second, secondDone, err := buildFolder(parent)
	check.OK(t, err)
	if !there(first) || !there(second) || first == second {
		t.Errorf("got %s and %s, want a folder for each of two runs at a time", first, second)
	}
	for dir, done := range map[string]func() error{first: firstDone, second: secondDone} {
		if err := done(); err != nil || there(dir) {
			t.Errorf("%s is still there after its run: %v", dir, err)
		}
	}
}
