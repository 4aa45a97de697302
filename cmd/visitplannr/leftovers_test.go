package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestBuildsOfARunThatWasKilledAreRemovedByTheNext(t *testing.T) {
	t.Parallel()
	ended := exec.Command(os.Args[0], "-test.run", "^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	parent := t.TempDir()
	made := func(name string) string {
		dir := filepath.Join(parent, name)
		if err := os.MkdirAll(filepath.Join(dir, "1", "propose-destination"), 0o700); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	killed := made(fmt.Sprintf("%s%d-1", buildPrefix, ended.Process.Pid))
	others := []string{
		made(fmt.Sprintf("%s%d-1", buildPrefix, os.Getpid())),
		made(fmt.Sprintf("%s%d-1", buildPrefix, os.Getppid())),
		made(buildPrefix + "x"), made("other"),
	}
	dir, err := buildDirectory(parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(killed); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v), though its process is not", filepath.Base(killed), err)
	}
	for _, other := range append(others, dir) {
		if _, err := os.Stat(other); err != nil {
			t.Errorf("%s: %v; want it left alone", filepath.Base(other), err)
		}
	}
}
