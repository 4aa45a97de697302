package stacks

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheIndexIsAwaited(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, c := range []struct {
		outcome  string
		unpacked time.Time
		indexed  bool
		pauses   int // after which the index is there
		patience int
		want     int // pauses
	}{
		{outcome: "until it is written, by the program that unpacked the library", unpacked: start.Add(time.Second), pauses: 3, patience: 10, want: 3},
		{outcome: "no longer than there is patience", unpacked: start.Add(time.Second), pauses: 100, patience: 10, want: 10},
		{outcome: "not at all if it is there", unpacked: start.Add(time.Second), indexed: true, patience: 10, want: 0},
		{outcome: "not at all by a later program", unpacked: start.Add(-time.Second), pauses: 100, patience: 10, want: 0},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			t.Parallel()
			cache := t.TempDir()
			library := filepath.Join(cache, "aws-cdk-lib", "2.275.0", "40155f46")
			if err := os.MkdirAll(library, 0o755); err != nil {
				t.Fatal(err)
			}
			index := func() {
				if err := os.WriteFile(filepath.Join(library, ".jsii.runtime.v1.json"), nil, 0o644); err != nil {
					t.Error(err)
				}
			}
			if c.indexed {
				index()
			}
			if err := os.Chtimes(library, c.unpacked, c.unpacked); err != nil {
				t.Fatal(err)
			}
			got := 0
			awaitIndex(cache, start, func() bool {
				if got == c.patience {
					return false
				}
				if got++; got == c.pauses {
					index()
				}
				return true
			})
			if got != c.want {
				t.Errorf("got %d pauses, want %d", got, c.want)
			}
		})
	}

	t.Run("not at all without a library", func(t *testing.T) {
		t.Parallel()
		awaitIndex(t.TempDir(), start, func() bool { t.Error("got a pause"); return false })
	})
}
