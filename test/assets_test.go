package test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/stacks"
)

// sources copies what a function is built from into a new directory.
func sources(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"functions", "internal"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join("..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAssetsAreReproducible(t *testing.T) {
	t.Parallel()
	build := func(root string) map[string][]byte {
		assets, err := stacks.BuildAssets(t.Context(), root, stacks.Endpoints())
		if err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{}
		for function, dir := range assets {
			entries, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != 1 || entries[0].Name() != gobuild.Bootstrap {
				t.Errorf("asset of %s: got %v, want only %s", function, entries, gobuild.Bootstrap)
			}
			if files[function], err = os.ReadFile(filepath.Join(dir, gobuild.Bootstrap)); err != nil {
				t.Fatal(err)
			}
		}
		return files
	}
	here, there := build(sources(t)), build(sources(t))
	for function, code := range here {
		if !bytes.Equal(code, there[function]) {
			t.Errorf("%s: two folders with the same sources gave different binaries", function)
		}
	}
	if len(here) != len(stacks.Endpoints()) {
		t.Errorf("got %d assets, want %d", len(here), len(stacks.Endpoints()))
	}
}

func TestSourcesThatDoNotCompileEndWithTheCompilersMessage(t *testing.T) {
	t.Parallel()
	root := sources(t)
	function := stacks.Endpoints()[0].Function
	broken := filepath.Join(root, gobuild.FunctionPackage(function), "broken.go")
	if err := os.WriteFile(broken, []byte("package main\n\nvar x int = \"text\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := stacks.BuildAssets(t.Context(), root, stacks.Endpoints())
	var compile *gobuild.CompileError
	if !errors.As(err, &compile) {
		t.Fatalf("got %v, want a CompileError", err)
	}
	if !strings.Contains(err.Error(), "broken.go:3:13") {
		t.Errorf("got %q, want the file, line and column", err)
	}
}
