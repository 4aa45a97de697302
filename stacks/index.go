package stacks

import (
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// envPackageCache is jsii's variable for the directory into which it unpacks the CDK's
// library.
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

// awaitIndex waits until jsii has indexed the CDK's library, if it was unpacked into
// cache after since, or until pause returns false. jsii writes the index in the
// background and stops when the program ends: without a wait no synthesis would ever
// finish it, and each would start it again, with four times the memory.
//
// It does not wait for a library unpacked earlier, so only the first program after an
// installation waits.
func awaitIndex(cache string, since time.Time, pause func() (again bool)) {
	libraries, _ := filepath.Glob(filepath.Join(cache, "aws-cdk-lib", "*", "*")) // the pattern is valid
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

// indexed reports whether the file exists that jsii writes last.
func indexed(library string) bool {
	manifests, _ := filepath.Glob(filepath.Join(library, ".jsii.runtime.v*.json"))
	return len(manifests) > 0
}
