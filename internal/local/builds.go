package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// buildFolder makes a folder for the builds of one run, in a folder for all of them
// below parent. done removes it. A run holds a lock while it lives, however it ends, so
// a run that finds itself alone removes what others have left behind.
func buildFolder(parent string) (dir string, done func() error, err error) {
	all := filepath.Join(parent, "visitplannr", "builds")
	if err := os.MkdirAll(all, 0o700); err != nil {
		return "", nil, fmt.Errorf("folder for builds: %w", err)
	}
	lock := flock.New(filepath.Join(parent, "visitplannr", "builds.lock"))
	alone, err := lock.TryLock()
	if alone {
		err = errors.Join(os.RemoveAll(all), lock.Unlock())
	}
	// Nothing of this run is there yet, so others may come in between.
	if err = errors.Join(err, lock.RLock(), os.MkdirAll(all, 0o700)); err == nil {
		dir, err = os.MkdirTemp(all, "")
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("folder for builds: %w", err), lock.Close())
	}
	return dir, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }, nil
}

// userCache returns the folder for what a user's programs can make again, or the
// temporary one where there is none.
func userCache() string {
	cache, err := os.UserCacheDir()
	if err == nil {
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		return os.TempDir()
	}
	return cache
}
