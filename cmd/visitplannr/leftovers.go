package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// buildPrefix starts the names of the temporary directories that runs build into. The
// run's process id follows.
const buildPrefix = "visitplannr-build-"

// buildDirectory makes a directory in parent for the builds of this run, and removes
// those of runs that were killed before they could clean up.
func buildDirectory(parent string) (string, error) {
	old, err := filepath.Glob(filepath.Join(parent, buildPrefix+"*"))
	if err != nil {
		return "", err
	}
	for _, dir := range old {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), buildPrefix), "-")
		if pid, err := strconv.Atoi(owner); err == nil && gone(pid) {
			_ = os.RemoveAll(dir) // another user's stays
		}
	}
	return os.MkdirTemp(parent, fmt.Sprintf("%s%d-", buildPrefix, os.Getpid()))
}

// gone reports whether no process has this id.
func gone(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	err = process.Signal(syscall.Signal(0)) // checks, and sends nothing
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
