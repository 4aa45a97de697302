package stacks

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// AwaitIndex gives jsii time to index the CDK's library, which it does in the
// background and abandons when the program ends. Every synthesis without the index
// starts it again, and takes three times as long and six times the memory.
// The index is there from then on, so only the first synthesis after an installation
// waits, for some two seconds and at most twenty.
func AwaitIndex(ctx context.Context, start time.Time) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	awaitIndex(ctx, packageCache(), start)
}

// packageCache returns the directory into which jsii unpacks libraries.
func packageCache() string {
	home, _ := os.UserHomeDir() // without one there is no cache
	below := filepath.Join(".cache", "aws", "jsii")
	if runtime.GOOS == "darwin" {
		below = filepath.Join("Library", "Caches", "com.amazonaws.jsii")
	}
	return cmp.Or(os.Getenv("JSII_RUNTIME_PACKAGE_CACHE_ROOT"), filepath.Join(home, below, "package-cache"))
}

// awaitIndex waits until the libraries that were used after start have the file that
// jsii writes last, or until ctx ends. It reports whether they have it.
func awaitIndex(ctx context.Context, cache string, start time.Time) bool {
	used, _ := filepath.Glob(filepath.Join(cache, "aws-cdk-lib", "*", "*", ".jsii-runtime-package-cache")) // the pattern is valid
	for _, marker := range used {
		if info, err := os.Stat(marker); err != nil || info.ModTime().Before(start) {
			continue
		}
		for {
			index, _ := filepath.Glob(filepath.Join(filepath.Dir(marker), ".jsii.runtime.v*.json"))
			if len(index) > 0 {
				break
			}
			select {
			case <-ctx.Done():
				return false
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return true
}
