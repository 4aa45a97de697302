//go:build unix

package main

import (
	"context"
	"encoding/json"
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

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/console"
	"visitplannr/internal/local/dynamodb"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// gate stands in front of an engine and holds back every write.
type gate struct {
	url     string
	held    chan struct{} // gets one for each write that arrives
	release func()        // lets the writes go on, for good
}

func newGate(t *testing.T) gate {
	t.Helper()
	e := check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{}))(t)
	target := check.Value(url.Parse(e.URL()))(t)
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

// -json is for programs: it says where the run is, and nothing else on standard output.
func TestTheEndLosesNoAnswer(t *testing.T) {
	t.Parallel()
	// Ctrl-C goes to every process of the terminal's foreground group: to the command, and
	// to its children unless they have a group of their own.
	t.Run("after Ctrl-C", func(t *testing.T) {
		t.Parallel()
		endRun(t, func(command *exec.Cmd, _ io.Closer) error { return syscall.Kill(-command.Process.Pid, syscall.SIGINT) })
	})
	// The system does that to the pipe of a program that was killed.
	t.Run("after the end of its input", func(t *testing.T) {
		t.Parallel()
		endRun(t, func(_ *exec.Cmd, input io.Closer) error { return input.Close() })
	})
}

// endRun ends a run while a request is under way.
func endRun(t *testing.T, end func(*exec.Cmd, io.Closer) error) {
	t.Helper()
	g := newGate(t)
	command := program.Command(context.Background(), "", os.Args[0], "local", "-json", "-addr", "127.0.0.1:0")
	command.Env = append(command.Env, asCommand+"=yes", dynamo.EnvEndpoint+"="+g.url)
	program.OwnGroup(command)
	var stderr lockedBuffer
	command.Stderr = &stderr
	stdin := check.Value(command.StdinPipe())(t)
	stdout := check.Value(command.StdoutPipe())(t)
	check.OK(t, command.Start())
	t.Cleanup(func() { // no error when it has ended as it should
		program.KillGroup(command)
		_ = command.Wait()
	})

	var at runningAt
	if err := json.NewDecoder(stdout).Decode(&at); err != nil {
		t.Fatalf("the first line: %v; logs:\n%s", err, stderr.String())
	}
	if at.DynamoDB != g.url || at.Table != defaultTable || at.Description != at.URL+console.DescriptionPath || at.Signers != nil {
		t.Errorf("got %+v, want the engine %s, the table, the description and no signer", at, g.url)
	}
	type answered struct {
		status int
		body   string
		err    error
	}
	answers := make(chan answered, 1)
	go func() {
		response, err := http.Post(at.URL+contract.ProposeDestination.Path, contract.MediaTypeJSON, strings.NewReader(sampleBody))
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
	check.OK(t, end(command, stdin))
	stderr.await(t, "Stopping")
	g.release()
	if got := <-answers; got.err != nil || got.status != 200 || got.body != "OK" {
		t.Errorf("got %d %q, %v; want 200 OK", got.status, got.body, got.err)
	}
	if rest, err := io.ReadAll(stdout); err != nil || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("then printed %q, %v; want one line on standard output", rest, err)
	}
	if err := command.Wait(); err != nil || !strings.Contains(stderr.String(), "Stopped.") {
		t.Errorf("ended with %v, want exit code 0 and that it stopped; logs:\n%s", err, stderr.String())
	}
}
