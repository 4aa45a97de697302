//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/dynamodb"
)

// gate stands in front of an engine and holds back every write.
type gate struct {
	url     string
	held    chan struct{} // gets one for each write that arrives
	release func()        // lets the writes go on, for good
}

func newGate(t *testing.T) gate {
	t.Helper()
	e, err := dynamodb.Start("127.0.0.1:0", dynamodb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(e.URL())
	if err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	g := gate{held: make(chan struct{}, 16), release: sync.OnceFunc(func() { close(open) })}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") {
			g.held <- struct{}{}
			<-open
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		g.release()
		server.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	g.url = server.URL
	return g
}

// Ctrl-C goes to every process of the terminal's foreground group: to the command, and
// to its children unless they have a group of their own.
func TestCtrlCLosesNoAnswer(t *testing.T) {
	t.Parallel()
	g := newGate(t)
	command := exec.Command(os.Args[0], "local", "-addr", "127.0.0.1:0")
	command.Env = append(os.Environ(), asCommand+"=yes", dynamo.EnvEndpoint+"="+g.url)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // no error when it has ended as it should
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
	})

	api := submatch(t, readUntil(t, stdout, "Ctrl-C"), `API +POST (\S+)`)
	type answered struct {
		status int
		body   string
		err    error
	}
	answers := make(chan answered, 1)
	go func() {
		response, err := http.Post(api, "application/json", strings.NewReader(sampleBody))
		if err != nil {
			answers <- answered{err: err}
			return
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		answers <- answered{response.StatusCode, string(body), err}
	}()

	select {
	case <-g.held:
	case got := <-answers:
		t.Fatalf("answered %+v before the store was asked; logs:\n%s", got, stderr.String())
	}
	if err := syscall.Kill(-command.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	readUntil(t, stdout, "Stopping")
	g.release()
	if got := <-answers; got.err != nil || got.status != 200 || got.body != "OK" {
		t.Errorf("got %d %q, %v; want 200 OK", got.status, got.body, got.err)
	}
	if rest, err := io.ReadAll(stdout); err != nil || !strings.Contains(string(rest), "Stopped.") {
		t.Errorf("then printed %q, %v; want that it stopped", rest, err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("ended with %v, want exit code 0; logs:\n%s", err, stderr.String())
	}
}
