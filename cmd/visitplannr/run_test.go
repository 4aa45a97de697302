package main

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/local"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/settings"
	"visitplannr/test/check"
)

// runningSlice runs what 'visitplannr local' runs until the test ends, with the given
// settings, and returns the URLs of an endpoint and of its engine.
func runningSlice(t *testing.T, given settingFlags) (api, dynamoDB string) {
	t.Helper()
	run, _ := startRun(t, given, "")
	return run.URL + contract.ProposeDestination.Path, run.DynamoDB
}

// startRun starts a run, of the sources in a directory or of these, with its page.
func startRun(t *testing.T, given settingFlags, dir string) (*local.Run, *lockedBuffer) {
	t.Helper()
	logs := &lockedBuffer{} // functions and gateway write to it side by side
	config := local.Config{Endpoints: contract.Endpoints(), Table: defaultTable, Addr: "127.0.0.1:0", EngineAddr: "127.0.0.1:0",
		Dir: dir, Follow: dir != "", Log: logs, Faults: faults.New(1, nil)}
	var err error
	if config.Settings, err = settings.LoadLocal(given); err != nil {
		t.Fatal(err)
	}
	if config.Observer, err = page(config); err != nil {
		t.Fatal(err)
	}
	run := check.Value(local.Start(t.Context(), config))(t)
	t.Cleanup(func() {
		if err := run.Close(); err != nil {
			t.Errorf("the run ended with %v", err)
		}
		if t.Failed() {
			t.Logf("logs:\n%s", logs)
		}
	})
	return run, logs
}

// lockedBuffer is a log that can be waited for.
type lockedBuffer struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	seen    int           // bytes up to the last text that was awaited
	written chan struct{} // closed at the next write; nil: nobody waits
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written != nil {
		close(b.written)
		b.written = nil
	}
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func readUntil(t *testing.T, r io.Reader, end string) string {
	t.Helper()
	var text strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(text.String(), end) {
		n, err := r.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			t.Fatalf("got %q, want a text with %q: %v", text.String(), end, err)
		}
	}
	return text.String()
}
