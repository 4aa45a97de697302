// Package enginetest starts DynamoDB engines for tests and benchmarks. Engines listen on
// a free loopback port, keep everything in memory and end with the test.
package enginetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/dynamodb"
	"visitplannr/internal/program"
)

// Engine is one implementation of DynamoDB.
type Engine struct {
	Name string

	// Start starts the engine and returns its URL. If the engine is not installed, it
	// skips the test with the reason, or fails it if the environment variable CI is
	// set.
	Start func(testing.TB) string
}

// EnvEndpoint is the SDK's variable for an endpoint. If set, the engine there is tested
// as well.
const EnvEndpoint = "AWS_ENDPOINT_URL_DYNAMODB"

// The engines that are known.
var (
	// Embedded is the engine of the local run, package dynamodb. It runs in this
	// process and is always available.
	Embedded = Engine{"embedded", startEmbedded}

	// Dynoxide is a single binary from npm, for Linux on x86-64. The embedded engine is
	// compared with it.
	Dynoxide = Engine{"dynoxide", startDynoxide}
)

// All returns the engines on which the store is tested.
func All() []Engine {
	engines := []Engine{Embedded, Dynoxide}
	if endpoint := os.Getenv(EnvEndpoint); endpoint != "" {
		engines = append(engines, Engine{EnvEndpoint, func(testing.TB) string { return endpoint }})
	}
	return engines
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
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(root, "node_modules", "@dynoxide", "linux-x64", "dynoxide")
	if _, err := os.Stat(binary); err != nil {
		report := t.Skipf
		if os.Getenv("CI") != "" {
			report = t.Fatalf
		}
		report("dynoxide is not installed: run 'npm ci' in the repository's root (%v)", err)
	}
	// It cannot report which free port it took, so it is given one. If another process
	// takes that port first, it is given another.
	for range 5 {
		var endpoint string
		if endpoint, err = listen(t, binary); err == nil {
			return endpoint
		}
	}
	t.Fatalf("dynoxide did not start: %v", err)
	return ""
}

// listen starts dynoxide on a port that was free a moment ago, and returns its URL.
func listen(t testing.TB, binary string) (string, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", err
	}
	_, port, _ := strings.Cut(address, ":")
	// The shell ends dynoxide at the end of its input, so also if this process ends
	// without cleaning up, as a test run does when it times out.
	command := program.Command(context.Background(), "", "sh", "-c", `"$0" --port "$1" & exec 2>&-; read _; kill -9 $!`, binary, port)
	input, err := command.StdinPipe()
	if err != nil {
		return "", err
	}
	output, err := command.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "", err
	}
	end := func() {
		_ = input.Close()
		_ = command.Wait() // it may have ended already, and being killed is not an error here
	}
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	if err != nil || !strings.Contains(line, "listening") {
		end()
		return "", errors.Join(err, fmt.Errorf("dynoxide said %q", line))
	}
	t.Cleanup(end)
	go func() { _, _ = io.Copy(io.Discard, reader) }() // ends with the process
	return "http://" + address, nil
}
