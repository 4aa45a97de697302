package stacks

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"visitplannr/test/check"
)

func TestTheIndexOfTheLibraryInUseIsAwaited(t *testing.T) {
	t.Parallel()
	start := time.Now()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		outcome string
		used    time.Time
		indexed bool
		want    bool
	}{
		{"until the program has to end", start.Add(time.Second), false, false},
		{"not at all if it is there", start.Add(time.Second), true, true},
		{"not at all if another program used the library", start.Add(-time.Second), false, true},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			cache := t.TempDir()
			library := filepath.Join(cache, "aws-cdk-lib", "2.275.0", "40155f46")
			check.OK(t, os.MkdirAll(library, 0o700))
			files := []string{".jsii-runtime-package-cache"}
			if c.indexed {
				files = append(files, ".jsii.runtime.v1.json")
			}
			for _, file := range files {
				check.OK(t, os.WriteFile(filepath.Join(library, file), nil, 0o600))
			}
			check.OK(t, os.Chtimes(filepath.Join(library, files[0]), c.used, c.used))
			if got := awaitIndex(ended, cache, start); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
