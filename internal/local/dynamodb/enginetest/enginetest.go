// Package enginetest starts DynamoDB engines for tests and benchmarks, and records how
// each differs from DynamoDB. Engines listen on a free loopback port, keep everything
// in memory and end with the test.
package enginetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/dynamodb"
)

// Engine is one implementation of DynamoDB.
type Engine struct {
	Name string

	// Capabilities are the engine's measured capabilities; nil for an unknown engine.
	Capabilities *Capabilities

	start func(testing.TB) string
}

// EnvEndpoint is the SDK's variable for an endpoint. If set, the engine there is tested
// as well.
const EnvEndpoint = "AWS_ENDPOINT_URL_DYNAMODB"

// All returns the engines on which the store is tested.
func All() []Engine {
	engines := []Engine{Embedded, Dynoxide}
	if endpoint := os.Getenv(EnvEndpoint); endpoint != "" {
		engines = append(engines, Engine{Name: EnvEndpoint, start: func(testing.TB) string { return endpoint }})
	}
	return engines
}

// The engines that are known.
var (
	// Embedded is the engine of the local run, package dynamodb. It runs in this
	// process and is always available.
	Embedded = Engine{Name: "embedded", Capabilities: &embedded, start: startEmbedded}

	// Dynoxide is a single binary from npm, for Linux on x86-64. The embedded engine is
	// compared with it.
	Dynoxide = Engine{Name: "dynoxide", Capabilities: &dynoxide, start: startDynoxide}
)

// Start starts the engine and returns its URL. If the engine is not installed, it skips
// the test with the reason, or fails it if the environment variable CI is set.
func (e Engine) Start(t testing.TB) string {
	t.Helper()
	return e.start(t)
}

func startEmbedded(t testing.TB) string {
	t.Helper()
	e, err := dynamodb.Start("127.0.0.1:0", dynamodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e.URL()
}

func startDynoxide(t testing.TB) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("dynoxide is installed for Linux on x86-64 only")
	}
	binary := filepath.Join(installed(t, "@dynoxide/linux-x64"), "dynoxide")
	// It cannot report which free port it took, so it is given one. If another process
	// takes that port first, it is given another.
	const attempts = 5
	var err error
	for range attempts {
		var port string
		if port, err = freePort(); err != nil {
			t.Fatal(err)
		}
		command := exec.Command(binary, "--port", port)
		stderr, pipeErr := command.StderrPipe()
		if pipeErr != nil {
			t.Fatal(pipeErr)
		}
		var line string
		line, err = run(t, command, stderr)
		if err == nil && strings.Contains(line, "listening") {
			return "http://127.0.0.1:" + port
		}
		err = errors.Join(err, fmt.Errorf("dynoxide said %q", line))
	}
	t.Fatalf("dynoxide did not start: %v", err)
	return ""
}

// run starts a command that ends with the test and returns the first line that it
// writes to output.
func run(t testing.TB, command *exec.Cmd, output io.Reader) (string, error) {
	t.Helper()
	endWithUs(command)
	if err := command.Start(); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		_ = command.Process.Kill() // it may have ended already
		_ = command.Wait()         // being killed is not an error here
	})
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	go func() { _, _ = io.Copy(io.Discard, reader) }() // ends with the process
	if err != nil {
		return line, fmt.Errorf("it ended, having said %q: %w", line, err)
	}
	return line, nil
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

// installed returns the folder of an npm package.
func installed(t testing.TB, name string) string {
	t.Helper()
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, "node_modules", filepath.FromSlash(name))
	if _, err := os.Stat(folder); err != nil {
		missing(t, "npm package %s is not installed: run 'npm ci' in the repository's root (%v)", name, err)
	}
	return folder
}

// missing skips or fails a test whose engine is not installed.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
