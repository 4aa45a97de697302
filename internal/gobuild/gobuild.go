// Package gobuild builds the Lambda functions of this module. It is the one place for
// the flags that make a build reproducible; the stack, the local run and the benchmarks
// use it.
package gobuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"visitplannr/internal/program"
)

// Executable is the name of the executable that the provided.al2023 runtime starts
// (https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html).
const Executable = "bootstrap"

// Target is the machine to build for.
type Target struct {
	GOOS, GOARCH string

	// Pinned builds with exactly the toolchain that go.mod names, so that a commit
	// gives the same bytes on every machine. The go command downloads that toolchain if
	// the machine has another one.
	Pinned bool
}

// Lambda is where the deployed function runs, unless its stage says otherwise.
var Lambda = Target{GOOS: "linux", GOARCH: "arm64", Pinned: true}

// Host is this machine, for benchmarks of what is deployed.
func Host() Target { return Target{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH} }

// tags exclude what a function on provided.al2023 never runs: the RPC of the older
// go1.x runtime, and HTTP/2, which is 5 % of the archive and which neither the Runtime
// API nor DynamoDB speaks.
const tags = "lambda.norpc,nethttpomithttp2"

// CompileError says that the sources do not build.
type CompileError struct {
	Package string
	Output  string // what the go command printed
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("go build %s failed:\n%s", e.Package, e.Output)
}

// Package builds the main package at the slash-separated path pkg below the module's
// root into the file out, with the flags of a deployed function. Flags and experiments
// in the caller's environment do not affect the build.
//
// Its error is a *CompileError when the sources do not build.
func Package(ctx context.Context, root, pkg, out string, target Target) error {
	env := []string{
		"CGO_ENABLED=0",
		"GOOS=" + target.GOOS,
		"GOARCH=" + target.GOARCH,
		"GOEXPERIMENT=",
		"GOARM64=v8.0",
		"GOAMD64=v1",
	}
	if target.Pinned {
		toolchain, err := pinnedToolchain(ctx, root)
		if err != nil {
			return err
		}
		env = append(env, "GOTOOLCHAIN="+toolchain)
	}
	return build(ctx, root, pkg, env, "-trimpath", "-ldflags=-s -w -buildid=", "-tags", tags, "-o", out)
}

// build runs go build for pkg with additional flags and variables.
func build(ctx context.Context, root, pkg string, env []string, flags ...string) error {
	cmd := program.Command(ctx, root, "go", slices.Concat([]string{"build", "-buildvcs=false"}, flags, []string{"./" + pkg})...)
	cmd.Env = append(cmd.Env, env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		var exit *exec.ExitError
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("go build %s: %w", pkg, ctx.Err())
		case errors.As(err, &exit):
			return &CompileError{Package: pkg, Output: strings.TrimSpace(output.String())}
		}
		return fmt.Errorf("go build %s: %w", pkg, err)
	}
	return nil
}

// FunctionPackage returns the path of the function's main package. A function's folder
// name is also the name of its build target, asset and construct.
func FunctionPackage(function string) string { return "functions/" + function }

// Function builds functions/<function> into <dir>/bootstrap and returns that
// path. Its error is a *CompileError when the sources do not build.
func Function(ctx context.Context, root, function, dir string, target Target) (string, error) {
	out := filepath.Join(dir, Executable)
	return out, Package(ctx, root, FunctionPackage(function), out, target)
}

// Local builds functions/<function> into <dir>/bootstrap for a run on this machine and
// returns that path. debug keeps what a debugger needs in this module's packages.
//
// Its error is a *CompileError when the sources do not build.
func Local(ctx context.Context, root, function, dir string, debug bool) (string, error) {
	out, flags := filepath.Join(dir, Executable), []string(nil)
	if debug {
		flags = append(flags, "-gcflags=./...=-N -l")
	}
	return out, Here(ctx, root, FunctionPackage(function), out, flags...)
}

// Here builds the main package pkg into the file out for a run on this machine. It uses
// the flags of go run and so shares its build cache: with Package's flags a first start
// would take 16 s longer.
//
// Its error is a *CompileError when the sources do not build.
func Here(ctx context.Context, root, pkg, out string, flags ...string) error {
	return build(ctx, root, pkg, nil, append(flags, "-o", out)...)
}

// Packages returns the directories of the module's own packages that the packages
// at the given paths below root are built from.
func Packages(ctx context.Context, root string, paths ...string) (map[string]bool, error) {
	args := []string{"list", "-deps", "-e", "-f", "{{if not .Standard}}{{.Dir}}{{end}}"}
	for _, path := range paths {
		args = append(args, "./"+path)
	}
	out, err := program.Output(program.Command(ctx, root, "go", args...))
	if err != nil {
		return nil, err
	}
	dirs := map[string]bool{}
	for dir := range strings.Lines(out) {
		if dir = strings.TrimSpace(dir); strings.HasPrefix(dir, root+string(filepath.Separator)) {
			dirs[dir] = true
		}
	}
	return dirs, nil
}

// ModuleRoot returns the nearest directory with a go.mod at or above dir.
func ModuleRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod at or above %s: run this inside the visitplannr repository", dir)
		}
	}
}

func pinnedToolchain(ctx context.Context, root string) (string, error) {
	out, err := program.Output(program.Command(ctx, root, "go", "mod", "edit", "-json"))
	if err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	var mod struct{ Go, Toolchain string }
	if err := json.Unmarshal([]byte(out), &mod); err != nil {
		return "", fmt.Errorf("read go.mod: %w", err)
	}
	if mod.Toolchain == "" {
		return "go" + mod.Go, nil
	}
	return mod.Toolchain, nil
}
