package test

import (
	"debug/elf"
	"os"
	"path/filepath"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/settings"
	"visitplannr/stacks"
)

// moduleOfOneFunction makes a module whose only function does nothing.
func moduleOfOneFunction(t *testing.T) (root, function string) {
	t.Helper()
	root, function = t.TempDir(), "do-nothing"
	folder := filepath.Join(root, gobuild.FunctionPackage(function))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		filepath.Join(root, "go.mod"):    "module m\n\ngo 1.26.0\n\ntoolchain go1.26.8\n",
		filepath.Join(folder, "main.go"): "package main\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root, function
}

func wantProcessor(t *testing.T, asset string, want elf.Machine) {
	t.Helper()
	binary, err := elf.Open(filepath.Join(asset, gobuild.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if binary.Machine != want {
		t.Errorf("the binary runs on %v, want %v", binary.Machine, want)
	}
}

func TestAnAssetIsBuiltForItsProcessor(t *testing.T) {
	t.Parallel()
	root, function := moduleOfOneFunction(t)
	assets, err := stacks.BuildAssets(t.Context(), root, []contract.Endpoint{{Function: function}}, settings.X86)
	if err != nil {
		t.Fatal(err)
	}
	wantProcessor(t, assets[function], elf.EM_X86_64)
}

// That the same sources give the same bytes is a test of package gobuild.
func TestAnAssetIsTheBuiltFunctionAndNothingElse(t *testing.T) {
	t.Parallel()
	root, function := moduleOfOneFunction(t)
	stale := filepath.Join(root, "build", function, "stale")
	if err := os.MkdirAll(filepath.Dir(stale), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	assets, err := stacks.BuildAssets(t.Context(), root, []contract.Endpoint{{Function: function}}, settings.ARM64)
	if err != nil {
		t.Fatal(err)
	}
	wantProcessor(t, assets[function], elf.EM_AARCH64)
	entries, err := os.ReadDir(assets[function])
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != gobuild.Bootstrap {
		t.Fatalf("got %v, want only %s", entries, gobuild.Bootstrap)
	}
	info, err := entries[0].Info()
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o755 {
		t.Errorf("the binary has mode %o, want 755: Lambda's user is not its owner", got)
	}
}
