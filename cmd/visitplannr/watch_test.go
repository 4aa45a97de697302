package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/test/check"
)

// A developer edits the function while it serves: a change takes effect, a broken
// change is reported and has no effect, and no request fails.
func TestSavingASourceFileSwapsTheFunctionUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the function three times")
	}
	module := copyModule(t)
	run, logs := startRun(t, nil, module)
	api := run.URL + contract.ProposeDestination.Path

	stop := hammer(t, api)
	source := filepath.Join(module, "internal", "httpapi", "body.go")
	original := readFile(t, source)
	const before, after = "The body has %d problems; see errors.", "The body is wrong in %d ways; see errors."

	writeFile(t, source, original+"\nfunc broken( {\n")
	logs.await(t, "syntax error")
	logs.await(t, "The last good build keeps serving.")
	pageSays(t, api, "syntax error")
	if got, want := problemDetail(t, api), fmt.Sprintf(before, 2); got != want {
		t.Errorf("after the broken change the detail is %q, want that of the last good build, %q", got, want)
	}

	writeFile(t, source, strings.Replace(original, before, after, 1))
	logs.await(t, "The functions now serve the new sources")
	pageSays(t, api, `"Running":false,"Error":""`)
	if got, want := problemDetail(t, api), fmt.Sprintf(after, 2); got != want {
		t.Errorf("after the change the detail is %q, want %q", got, want)
	}

	// A change of the gateway's own sources cannot be swapped, and is reported.
	limits := filepath.Join(module, "internal", "contract", "contract.go")
	writeFile(t, limits, readFile(t, limits)+"\n// changed\n")
	logs.await(t, "Restart to apply the change of internal/contract/contract.go")
	page := filepath.Join(module, "internal", "local", "console", "web", "console.css")
	writeFile(t, page, readFile(t, page)+"\n")
	logs.await(t, "Restart to apply the change of internal/local/console/web/console.css")
	answered := stop()
	if answered == 0 {
		t.Error("no request was answered while the function was swapped")
	}
	t.Logf("%d requests answered while the function was built twice more", answered)
}

// copyModule copies the sources that the function is built from.
func copyModule(t *testing.T) string {
	t.Helper()
	root := check.Value(gobuild.ModuleRoot("."))(t)
	module := t.TempDir()
	for _, part := range []string{"cmd", "functions", "internal"} {
		check.OK(t, os.CopyFS(filepath.Join(module, part), os.DirFS(filepath.Join(root, part))))
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		writeFile(t, filepath.Join(module, file), readFile(t, filepath.Join(root, file)))
	}
	return module
}

// hammer posts proposals one after the other until the returned function is
// called, which reports how many were answered. Each must be answered 200.
func hammer(t *testing.T, api string) (stop func() int64) {
	t.Helper()
	var answered atomic.Int64
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-end:
				return
			default:
			}
			response, err := http.Post(api, contract.MediaTypeJSON, strings.NewReader(sampleBody))
			if err != nil {
				t.Errorf("request %d: %v", answered.Load()+1, err)
				return
			}
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("request %d is answered %d %s, want 200", answered.Load()+1, response.StatusCode, body)
				return
			}
			answered.Add(1)
		}
	}()
	return func() int64 {
		close(end)
		<-ended
		return answered.Load()
	}
}

// problemDetail returns what the function says of a body without its two members.
func problemDetail(t *testing.T, api string) string {
	t.Helper()
	response := check.Value(http.Post(api, contract.MediaTypeJSON, strings.NewReader("{}")))(t)
	defer response.Body.Close()
	var problem contract.Problem
	check.OK(t, json.NewDecoder(response.Body).Decode(&problem))
	return problem.Detail
}

// await waits until a text is logged, after what was awaited before.
func (b *lockedBuffer) await(t *testing.T, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a build on a busy machine
	defer cancel()
	for {
		b.mu.Lock()
		if b.written == nil {
			b.written = make(chan struct{})
		}
		written, logged := b.written, b.buffer.String()
		if at := strings.Index(logged[b.seen:], text); at >= 0 {
			b.seen += at + len(text)
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()
		select {
		case <-written:
		case <-ctx.Done():
			t.Fatalf("no %q within a minute, only %q", text, logged)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data := check.Value(os.ReadFile(name))(t)
	return string(data)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	check.OK(t, os.WriteFile(name, []byte(text), 0o600))
}
