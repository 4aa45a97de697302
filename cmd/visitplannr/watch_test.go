package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
)

// A developer edits the function while it serves: a change takes effect, a broken
// change is reported and has no effect, and no request fails.
func TestSavingASourceFileSwapsTheFunctionUnderLoad(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the function three times")
	}
	module := copyModule(t)
	api, logs := startWatching(t, module)

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
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	module := t.TempDir()
	for _, part := range []string{"cmd", "functions", "internal"} {
		if err := os.CopyFS(filepath.Join(module, part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		writeFile(t, filepath.Join(module, file), readFile(t, filepath.Join(root, file)))
	}
	return module
}

// startWatching runs 'visitplannr local' in the module until the test ends.
func startWatching(t *testing.T, module string) (api string, logs *lines) {
	t.Helper()
	command := exec.Command(os.Args[0], "local", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0")
	command.Dir = module
	command.Env = append(os.Environ(), asCommand+"=1")
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	logs = readLines(stderr)
	banner := readUntil(t, stdout, "Ctrl-C")
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		close(ended)
	}()
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGINT)
		<-ended
		<-logs.ended
		if err := command.Wait(); err != nil {
			t.Errorf("local ended with %v, want success", err)
		}
	})
	return submatch(t, banner, `API +POST (\S+)`), logs
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
	response, err := http.Post(api, contract.MediaTypeJSON, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var problem contract.Problem
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	return problem.Detail
}

// lines is the output of a process, line by line.
type lines struct {
	next  chan string
	ended chan struct{}
}

func readLines(r io.Reader) *lines {
	l := &lines{next: make(chan string, 1000), ended: make(chan struct{})}
	go func() {
		defer close(l.ended)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			// The function's own logs are of no interest here.
			if line := scanner.Text(); !bytes.HasPrefix(scanner.Bytes(), []byte("{")) {
				l.next <- line
			}
		}
	}()
	return l
}

// await drops lines until one contains text.
func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	timeout := time.NewTimer(time.Minute) // a build on a busy machine
	defer timeout.Stop()
	var seen []string
	for {
		select {
		case line := <-l.next:
			seen = append(seen, line)
			if strings.Contains(line, text) {
				return
			}
		case <-l.ended:
			t.Fatalf("the output ended without %q, after %q", text, seen)
		case <-timeout.C:
			t.Fatalf("no %q within a minute, only %q", text, seen)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
