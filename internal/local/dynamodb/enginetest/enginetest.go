// Package enginetest starts DynamoDB engines for tests and benchmarks, and says
// how each differs from DynamoDB itself. Engines listen on a free port of the
// loopback interface, keep everything in memory and end with the test.
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

	// Capabilities says what the engine was measured to do. It is nil for an
	// engine that is not known.
	Capabilities *Capabilities

	start func(testing.TB) string
}

// EnvEndpoint names an engine that runs already: it is tested as well when set.
// It is the SDK's own variable.
const EnvEndpoint = "AWS_ENDPOINT_URL_DYNAMODB"

// All returns the engines that the store is tested on.
func All() []Engine {
	engines := []Engine{Embedded, Dynoxide}
	if endpoint := os.Getenv(EnvEndpoint); endpoint != "" {
		engines = append(engines, Engine{Name: EnvEndpoint, start: func(testing.TB) string { return endpoint }})
	}
	return engines
}

// The engines that are known.
var (
	// Embedded is the engine of the local run, package dynamodb: in this process,
	// always there.
	Embedded = Engine{Name: "embedded", Capabilities: &embedded, start: startEmbedded}

	// Dynoxide is a single binary, from npm, for Linux on x86-64: the
	// reference that the embedded one is held against.
	Dynoxide = Engine{Name: "dynoxide", Capabilities: &dynoxide, start: startDynoxide}
)

// Start starts the engine and returns its URL. An engine that is not installed
// skips the test, with the reason; where the environment variable CI is set it
// fails it.
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
	// It cannot tell which free port it took, so it is given one. Another process
	// may take that first; then it is given another.
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
		_ = command.Process.Kill() // no error when it has ended already
		_ = command.Wait()         // that it was killed is no error either
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

// missing ends a test for which an engine is missing.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
