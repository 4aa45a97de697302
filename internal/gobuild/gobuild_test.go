package gobuild_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/test/check"
)

const function = "propose-destination"

// sources copies what a function is built from into a new directory.
func sources(t *testing.T) string {
	t.Helper()
	root := check.Value(gobuild.ModuleRoot("."))(t)
	dir := t.TempDir()
	for _, folder := range []string{"functions", "internal"} {
		check.OK(t, os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(root, folder))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text := check.Value(os.ReadFile(filepath.Join(root, file)))(t)
		write(t, filepath.Join(dir, file), text)
	}
	return dir
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	check.OK(t, os.WriteFile(name, text, 0o600))
}

func build(t *testing.T, root string) []byte {
	t.Helper()
	binary := check.Value(gobuild.Function(t.Context(), root, function, t.TempDir(), gobuild.Lambda))(t)
	return check.Value(os.ReadFile(binary))(t)
}

// The hash of these bytes is what a reviewer sees of the code. Not parallel: the
// second build has another environment.
func TestTheSameSourcesGiveTheSameBytes(t *testing.T) {
	here := build(t, sources(t))
	for name, value := range map[string]string{
		"GOFLAGS": "-race -tags=other", "CGO_ENABLED": "1", "GOARCH": "386", "GOARM64": "v9.0", "GOWORK": "/nowhere/go.work",
	} {
		t.Setenv(name, value)
	}
	if there := build(t, sources(t)); !bytes.Equal(here, there) {
		t.Error("two folders with the same sources, and two environments, gave different binaries")
	}
}

func TestSourcesThatDoNotCompileGiveTheCompilersMessage(t *testing.T) {
	t.Parallel()
	root := sources(t)
	write(t, filepath.Join(root, gobuild.FunctionPackage(function), "broken.go"), []byte("package main\n\nvar x int = \"text\"\n"))
	_, err := gobuild.Function(t.Context(), root, function, t.TempDir(), gobuild.Lambda)
	if _, ok := errors.AsType[*gobuild.CompileError](err); !ok {
		t.Fatalf("got %v, want a CompileError", err)
	}
	if !strings.Contains(err.Error(), "broken.go:3:13") {
		t.Errorf("got %q, want the file, line and column", err)
	}
}

func TestModuleRootIsFoundFromBelow(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	below := filepath.Join(root, "a", "b")
	check.OK(t, os.MkdirAll(below, 0o700))
	if _, err := gobuild.ModuleRoot(below); err == nil || !strings.Contains(err.Error(), "go.mod") {
		t.Errorf("without a go.mod got %v, want an error that names it", err)
	}
	write(t, filepath.Join(root, "go.mod"), []byte("module m\n"))
	if got, err := gobuild.ModuleRoot(below); err != nil || got != root {
		t.Errorf("got %q, %v; want %q", got, err, root)
	}
}
