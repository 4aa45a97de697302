package stacks

import (
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Where jsii unpacks the CDK's library, by default and by its own variable.
const envPackageCache = "JSII_RUNTIME_PACKAGE_CACHE_ROOT"

func packageCache() string {
	if root := os.Getenv(envPackageCache); root != "" {
		return root
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Caches", "com.amazonaws.jsii", "package-cache")
	}
	return filepath.Join(home, ".cache", "aws", "jsii", "package-cache")
}

// awaitIndex waits, as often as pause says, for jsii to index the CDK's library if
// it was unpacked into cache after since. jsii writes the index in the background
// and breaks off when the program ends: without a wait no synthesis would ever finish
// one, and each would begin it anew, in four times the memory.
//
// A library that was unpacked earlier is not waited for, so that this costs the
// first program after an installation something, and no other.
func awaitIndex(cache string, since time.Time, pause func() (again bool)) {
	libraries, _ := filepath.Glob(filepath.Join(cache, "aws-cdk-lib", "*", "*")) // the pattern is well-formed
	for _, library := range libraries {
		info, err := os.Stat(library)
		if err != nil || info.ModTime().Before(since) {
			continue
		}
		for !indexed(library) {
			if !pause() {
				return
			}
		}
	}
}

// indexed looks for the file that jsii writes last.
func indexed(library string) bool {
	manifests, _ := filepath.Glob(filepath.Join(library, ".jsii.runtime.v*.json"))
	return len(manifests) > 0
}
