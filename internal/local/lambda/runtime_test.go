//go:build unix

package lambda_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"visitplannr/internal/local/lambda"
	"visitplannr/test/check"
)

// patience is how long a test waits for what must happen. It never decides
// whether a test passes, only how soon a failure is reported.
const patience = 30 * time.Second

// bootstrap is the path of this test's executable, which is function in an environment
// of Lambda's.
var bootstrap string

func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" || os.Getenv("START") == "meet" {
		function()
		return
	}
	var err error
	if bootstrap, err = os.Executable(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// start returns a Runtime that is closed at the test's end, when none of its
// processes may be left.
func start(t *testing.T, cfg lambda.Config) *lambda.Runtime {
	t.Helper()
	if cfg.Bootstrap == "" {
		cfg.Bootstrap = bootstrap
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Millisecond // tests that wait for something say so
	}
	r := check.Value(lambda.New(cfg))(t)
	t.Cleanup(func() {
		pids := r.Processes()
		_ = r.Close() // what it reports is the subject of its own tests
		for _, pid := range pids {
			if !gone(pid) {
				t.Errorf("process %d is left after Close", pid)
			}
		}
	})
	return r
}

// gone reports whether no process has the id. Our own children count until they
// are waited for, so a true answer means that too.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func invoke(ctx context.Context, r *lambda.Runtime, e event) (answer, error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return answer{}, err
	}
	response, err := r.Invoke(ctx, payload)
	if err != nil {
		return answer{}, err
	}
	var a answer
	if err := json.Unmarshal(response, &a); err != nil {
		return answer{}, fmt.Errorf("answer %.100q: %w", response, err)
	}
	return a, nil
}

func mustInvoke(t *testing.T, r *lambda.Runtime, e event) answer {
	t.Helper()
	a, err := invoke(t.Context(), r, e)
	if err != nil {
		t.Fatalf("%s: %v", e.Do, err)
	}
	if a.Text != e.Text {
		t.Fatalf("%s: got the answer to %q, want the one to %q", e.Do, a.Text, e.Text)
	}
	return a
}

// later is an invocation that runs beside the test.
type later struct {
	queued chan struct{} // closed when it waits for an environment or has got one
	done   chan struct{}
	answer answer
	err    error
}

func invokeLater(ctx context.Context, r *lambda.Runtime, e event) *later {
	l := &later{queued: make(chan struct{}), done: make(chan struct{})}
	ctx = &noticingContext{Context: ctx, waitedOn: sync.OnceFunc(func() { close(l.queued) })}
	go func() {
		defer close(l.done)
		l.answer, l.err = invoke(ctx, r, e)
	}()
	return l
}

// noticingContext tells when somebody begins to wait for its end.
type noticingContext struct {
	context.Context
	waitedOn func()
}

func (c *noticingContext) Done() <-chan struct{} {
	c.waitedOn()
	return c.Context.Done()
}

func (l *later) wait(t *testing.T) (answer, error) {
	t.Helper()
	select {
	case <-l.done:
		return l.answer, l.err
	case <-time.After(patience):
		t.Fatal("the invocation does not end")
		return answer{}, nil
	}
}

// place is where functions in the middle of an invocation meet the test.
type place struct{ net.Listener }

func newPlace(t *testing.T) place {
	t.Helper()
	listener := check.Value(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { listener.Close() })
	return place{listener}
}

func (p place) address() string { return p.Addr().String() }

// guest is a process of the function that waits to be let go.
type guest struct {
	net.Conn
	pid int
}

func (p place) await(t *testing.T) guest {
	t.Helper()
	_ = p.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	connection := check.Value(p.Accept())(t)
	t.Cleanup(func() { connection.Close() })
	line := check.Value(bufio.NewReader(connection).ReadString('\n'))(t)
	pid := check.Value(strconv.Atoi(strings.TrimSpace(line)))(t)
	return guest{connection, pid}
}

// letGo has the function go on.
func (g guest) letGo() { g.Close() }

// awaitEnd waits until the process has ended.
func (g guest) awaitEnd(t *testing.T) {
	t.Helper()
	_ = g.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, g); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("process %d does not end", g.pid)
	}
}

// eventually waits for a condition that nothing signals.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

func TestInvokeTellsTheFunctionWhatLambdaTellsIt(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "the developer's own")
	r := start(t, lambda.Config{
		Env:          []string{"TABLE_NAME=events", "AWS_REGION=eu-central-1"},
		FunctionName: "propose-destination",
		MemoryMB:     256,
		Timeout:      25 * time.Second,
	})
	before := time.Now()
	got := mustInvoke(t, r, event{Do: "echo", Text: "Brockholes"})
	after := time.Now()

	t.Run("an environment of its own", func(t *testing.T) {
		hex := "[0-9a-f]"
		want := map[string]string{
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
			"AWS_LAMBDA_FUNCTION_NAME":        "propose-destination",
			"AWS_LAMBDA_FUNCTION_VERSION":     `\$LATEST`,
			"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
			"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/propose-destination",
			"AWS_LAMBDA_LOG_STREAM_NAME":      `\d{4}/\d\d/\d\d/\[\$LATEST\]` + hex + "{32}",
			"AWS_LAMBDA_RUNTIME_API":          `127\.0\.0\.1:\d+/[A-Z2-7]{26}`,
			"AWS_REGION":                      "eu-central-1",
			"LAMBDA_TASK_ROOT":                regexp.QuoteMeta(filepath.Dir(bootstrap)),
			"LANG":                            `en_US\.UTF-8`,
			"PATH":                            "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
			"TABLE_NAME":                      "events",
			"TZ":                              ":UTC",
			"_HANDLER":                        "bootstrap",
			"_X_AMZN_TRACE_ID":                "Root=1-.*", // the runtime in the function sets it
		}
		for _, entry := range got.Env {
			name, value, _ := strings.Cut(entry, "=")
			pattern, expected := want[name]
			if !expected {
				t.Errorf("%s is set, which nobody asked for", name)
			} else if !regexp.MustCompile("^" + pattern + "$").MatchString(value) {
				t.Errorf("%s: got %q, want a match of %s", name, value, pattern)
			}
			delete(want, name)
		}
		for name := range want {
			t.Errorf("%s is not set", name)
		}
	})
	t.Run("a deadline that is the timeout away", func(t *testing.T) {
		earliest, latest := before.Add(25*time.Second).Truncate(time.Millisecond), after.Add(25*time.Second)
		if got.Deadline.Before(earliest) || got.Deadline.After(latest) {
			t.Errorf("got %s, want between %s and %s", got.Deadline, earliest, latest)
		}
	})
	t.Run("a request id that is a random UUID", func(t *testing.T) {
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(got.RequestID) {
			t.Errorf("got %q", got.RequestID)
		}
		if again := mustInvoke(t, r, event{Do: "echo"}); again.RequestID == got.RequestID {
			t.Errorf("two invocations have the id %s", again.RequestID)
		}
	})
	t.Run("its ARN", func(t *testing.T) {
		if want := "arn:aws:lambda:eu-central-1:000000000000:function:propose-destination"; got.ARN != want {
			t.Errorf("got %q, want %q", got.ARN, want)
		}
	})
	t.Run("a trace header", func(t *testing.T) {
		if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$`).MatchString(got.TraceID) {
			t.Errorf("got %q", got.TraceID)
		}
	})
	t.Run("a working directory beside its executable", func(t *testing.T) {
		want := check.Value(filepath.EvalSymlinks(filepath.Dir(bootstrap)))(t)
		if dir, _ := filepath.EvalSymlinks(got.Dir); dir != want {
			t.Errorf("got %q, want %q", got.Dir, want)
		}
	})
}

// runtimeAPI returns where a process of r finds its Runtime API: an address and a secret.
func runtimeAPI(t *testing.T, r *lambda.Runtime) (address, secret string) {
	t.Helper()
	for _, entry := range mustInvoke(t, r, event{Do: "echo"}).Env {
		if where, ok := strings.CutPrefix(entry, "AWS_LAMBDA_RUNTIME_API="); ok {
			address, secret, _ = strings.Cut(where, "/")
		}
	}
	return address, secret
}

func TestOnlyItsOwnProcessSpeaksForAFunction(t *testing.T) {
	t.Parallel()
	logs := &onlyOneAtATime{t: t}
	r, another := start(t, lambda.Config{Logs: logs, Concurrency: 1, Grace: patience}), start(t, lambda.Config{})
	address, secret := runtimeAPI(t, r)
	_, others := runtimeAPI(t, another)

	// The function is in an invocation, so a forged answer would be taken.
	meeting := newPlace(t)
	waiting := invokeLater(t.Context(), r, event{Do: "log", Size: 1, Text: secret, Meet: meeting.address()})
	busy := meeting.await(t)
	for name, c := range map[string]struct {
		path    string
		headers http.Header
		status  int
	}{
		"its own process gets its event again": {"/" + secret, nil, http.StatusOK},
		"nobody without a secret":              {"", nil, http.StatusForbidden},
		"nobody who guesses":                   {"/" + strings.Repeat("A", len(secret)), nil, http.StatusForbidden},
		"nobody who knows half of it":          {"/" + secret[:len(secret)/2], nil, http.StatusForbidden},
		"not another function's process":       {"/" + others, nil, http.StatusForbidden},
		"no page under a name that leads here": {"/" + secret, http.Header{"Host": {"evil.example"}}, http.StatusForbidden},
		"no page of another site":              {"/" + secret, http.Header{"Origin": {"https://evil.example"}}, http.StatusForbidden},
		"nobody with endless headers":          {"/" + secret, http.Header{"X": {strings.Repeat("x", 100_000)}}, http.StatusRequestHeaderFieldsTooLarge},
	} {
		for _, call := range []string{"GET next", "POST any/response", "POST any/error"} {
			method, call, _ := strings.Cut(call, " ")
			status := c.status
			if status == http.StatusOK && method == http.MethodPost {
				status = http.StatusBadRequest // the request's id is not that of the invocation
			}
			request := check.Value(http.NewRequestWithContext(t.Context(), method, "http://"+address+c.path+"/2018-06-01/runtime/invocation/"+call, strings.NewReader("{}")))(t)
			maps.Copy(request.Header, c.headers)
			request.Host = c.headers.Get("Host")
			response := check.Value(http.DefaultClient.Do(request))(t)
			body, _ := io.ReadAll(response.Body) // breaks off where the server does not read what is too long
			response.Body.Close()
			if response.StatusCode != status {
				t.Errorf("%s, %s: got %s %.200s, want %d", name, call, response.Status, body, status)
			}
			if says := string(body); status == http.StatusForbidden && (!strings.Contains(says, `"errorMessage":"the `) || strings.Contains(says, secret)) {
				t.Errorf("%s, %s: got %s, want why, without the event and the secret", name, call, says)
			}
		}
	}
	busy.letGo()
	if got, err := waiting.wait(t); err != nil || got.Text != secret {
		t.Errorf("got %+v, %v; want the function's own answer", got, err)
	}
	check.OK(t, r.Close())
	if text := logs.text.String(); !strings.Contains(text, "out ") || strings.Contains(text, secret) {
		t.Errorf("got the log %q, want a line without the secret that the function wrote", text)
	}
}

func TestEnvironmentsAreReused(t *testing.T) {
	t.Parallel()
	t.Run("an idle one takes the next invocation", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		first := mustInvoke(t, r, event{Do: "echo"})
		for range 20 {
			if again := mustInvoke(t, r, event{Do: "echo"}); again.PID != first.PID {
				t.Fatalf("process %d answered, want the idle process %d", again.PID, first.PID)
			}
		}
	})
	t.Run("the one used last comes first", func(t *testing.T) {
		t.Parallel()
		r, meeting := start(t, lambda.Config{}), newPlace(t)
		older := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		olderGuest := meeting.await(t)
		newer := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		newerGuest := meeting.await(t)
		if olderGuest.pid == newerGuest.pid {
			t.Fatalf("process %d does two invocations at a time", olderGuest.pid)
		}
		newerGuest.letGo()
		_, _ = newer.wait(t)
		olderGuest.letGo()
		_, _ = older.wait(t)
		if got := mustInvoke(t, r, event{Do: "echo"}); got.PID != olderGuest.pid {
			t.Errorf("process %d answered, want %d, which was used last", got.PID, olderGuest.pid)
		}
	})
	t.Run("one that died while idle is replaced without an error", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		first := mustInvoke(t, r, event{Do: "echo"})
		check.OK(t, syscall.Kill(first.PID, syscall.SIGKILL))
		eventually(t, "no process lives", func() bool { return len(r.Processes()) == 0 })
		if next := mustInvoke(t, r, event{Do: "echo"}); next.PID == first.PID {
			t.Errorf("the dead process %d answered", next.PID)
		}
	})
}

func TestFunctionErrors(t *testing.T) {
	t.Parallel()
	t.Run("a returned error comes back and the environment stays", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		before := mustInvoke(t, r, event{Do: "echo"})
		_, err := invoke(t.Context(), r, event{Do: "fail", Text: "no such place"})
		var failure *lambda.FunctionError
		if !errors.As(err, &failure) {
			t.Fatalf("got %v (%T), want a *FunctionError", err, err)
		}
		if failure.Type != "errorString" || failure.Message != "no such place" {
			t.Errorf("got %q %q, want \"errorString\" \"no such place\"", failure.Type, failure.Message)
		}
		if want := `{"errorMessage":"no such place","errorType":"errorString"}`; string(failure.Payload) != want {
			t.Errorf("got the document %s, want %s", failure.Payload, want)
		}
		if after := mustInvoke(t, r, event{Do: "echo"}); after.PID != before.PID {
			t.Errorf("process %d answered, want the same as before, %d", after.PID, before.PID)
		}
	})
	t.Run("a panic comes back and the environment is replaced", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		before := mustInvoke(t, r, event{Do: "echo"})
		_, err := invoke(t.Context(), r, event{Do: "panic", Text: "lost the map"})
		var failure *lambda.FunctionError
		if !errors.As(err, &failure) || failure.Message != "lost the map" {
			t.Fatalf("got %v (%T), want a *FunctionError with \"lost the map\"", err, err)
		}
		var document messages.InvokeResponse_Error
		if err := json.Unmarshal(failure.Payload, &document); err != nil || len(document.StackTrace) == 0 {
			t.Errorf("got the document %s, %v; want a stack trace in it", failure.Payload, err)
		}
		if after := mustInvoke(t, r, event{Do: "echo"}); after.PID == before.PID {
			t.Errorf("the panicked process %d answered", after.PID)
		}
	})
	t.Run("a response that breaks off is an error", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		_, err := invoke(t.Context(), r, event{Do: "break off"})
		var failure *lambda.FunctionError
		if !errors.As(err, &failure) || failure.Message != "the store went away" {
			t.Errorf("got %v (%T), want a *FunctionError with \"the store went away\"", err, err)
		}
	})
}

func TestPayloadLimits(t *testing.T) {
	t.Parallel()
	r := start(t, lambda.Config{})
	t.Run("the largest response comes back", func(t *testing.T) {
		payload, _ := json.Marshal(event{Do: "answer with size", Size: lambda.MaxResponseBytes})
		got, err := r.Invoke(t.Context(), payload)
		if err != nil || len(got) != lambda.MaxResponseBytes {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, lambda.MaxResponseBytes)
		}
	})
	t.Run("a larger response is an error", func(t *testing.T) {
		_, err := invoke(t.Context(), r, event{Do: "answer with size", Size: lambda.MaxResponseBytes + 1})
		var failure *lambda.FunctionError
		if !errors.As(err, &failure) || failure.Type != "Function.ResponseSizeTooLarge" {
			t.Errorf("got %v (%T), want a *FunctionError of type Function.ResponseSizeTooLarge", err, err)
		}
	})
	t.Run("the largest request is answered", func(t *testing.T) {
		frame := `{"Do":"echo","Unused":""}`
		payload := []byte(strings.Replace(frame, `""`, `"`+strings.Repeat("x", lambda.MaxRequestBytes-len(frame))+`"`, 1))
		if _, err := r.Invoke(t.Context(), payload); err != nil {
			t.Errorf("%d bytes: %v", len(payload), err)
		}
	})
	t.Run("a larger request is refused", func(t *testing.T) {
		_, err := r.Invoke(t.Context(), make([]byte, lambda.MaxRequestBytes+1))
		if !errors.Is(err, lambda.ErrRequestTooLarge) {
			t.Errorf("got %v, want ErrRequestTooLarge", err)
		}
	})
}

func TestCrashes(t *testing.T) {
	t.Parallel()
	t.Run("an exit in an invocation is an ExitError, and the next one is answered", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		before := mustInvoke(t, r, event{Do: "echo"})
		_, err := invoke(t.Context(), r, event{Do: "exit"})
		var exit *lambda.ExitError
		if !errors.As(err, &exit) || exit.Status != "exit status 7" {
			t.Fatalf("got %v (%T), want an *ExitError with exit status 7", err, err)
		}
		if !strings.Contains(err.Error(), "Runtime.ExitError") {
			t.Errorf("got %q, want Lambda's name for it, Runtime.ExitError", err)
		}
		if after := mustInvoke(t, r, event{Do: "echo"}); after.PID == before.PID {
			t.Errorf("the exited process %d answered", after.PID)
		}
	})
	t.Run("a SIGKILL in an invocation is an ExitError, and the next one is answered", func(t *testing.T) {
		t.Parallel()
		r, meeting := start(t, lambda.Config{}), newPlace(t)
		mustInvoke(t, r, event{Do: "echo"}) // an idle environment must not have it done twice
		hit := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		victim := meeting.await(t)
		if pids := r.Processes(); !slices.Equal(pids, []int{victim.pid}) {
			t.Fatalf("Processes: got %v, want the running %d", pids, victim.pid)
		}
		check.OK(t, syscall.Kill(victim.pid, syscall.SIGKILL))
		_, err := hit.wait(t)
		var exit *lambda.ExitError
		if !errors.As(err, &exit) || exit.Status != "signal: killed" {
			t.Fatalf("got %v (%T), want an *ExitError with signal: killed", err, err)
		}
		mustInvoke(t, r, event{Do: "echo"})
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	const limit = 3500 * time.Millisecond
	r, meeting := start(t, lambda.Config{Timeout: limit}), newPlace(t)

	hung := invokeLater(t.Context(), r, event{Do: "start child", Text: meeting.address()})
	child := meeting.await(t)
	parent := r.Processes()
	_, err := hung.wait(t)

	t.Run("is a TimeoutError with Lambda's words", func(t *testing.T) {
		var timeout *lambda.TimeoutError
		if !errors.As(err, &timeout) {
			t.Fatalf("got %v (%T), want a *TimeoutError", err, err)
		}
		if timeout.Limit != limit || timeout.RequestID == "" {
			t.Errorf("got limit %s, request id %q; want %s and an id", timeout.Limit, timeout.RequestID, limit)
		}
		for _, want := range []string{"Sandbox.Timedout", "Task timed out after 3.50 seconds"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want %q in it", err, want)
			}
		}
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("it is a context.DeadlineExceeded too, so nobody can tell who gave up")
		}
	})
	t.Run("ends the process and what it started", func(t *testing.T) {
		if len(parent) != 1 || !gone(parent[0]) {
			t.Errorf("process %v is left", parent)
		}
		child.awaitEnd(t)
	})
	t.Run("leaves the next invocation a new environment", func(t *testing.T) {
		if next := mustInvoke(t, r, event{Do: "echo"}); slices.Contains(parent, next.PID) {
			t.Errorf("the hung process %d answered", next.PID)
		}
	})
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	t.Run("before the call: nothing starts", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := invoke(ctx, r, event{Do: "echo"}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if pids := r.Processes(); len(pids) != 0 {
			t.Errorf("processes %v were started", pids)
		}
	})
	t.Run("while waiting for an environment: the function never sees it", func(t *testing.T) {
		t.Parallel()
		r, meeting, never := start(t, lambda.Config{Concurrency: 1}), newPlace(t), newPlace(t)
		busy := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		guest := meeting.await(t)
		ctx, cancel := context.WithCancel(t.Context())
		waiting := invokeLater(ctx, r, event{Do: "echo", Meet: never.address()})
		<-waiting.queued
		cancel()
		if _, err := waiting.wait(t); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		guest.letGo()
		if _, err := busy.wait(t); err != nil {
			t.Errorf("the invocation before it: %v", err)
		}
		mustInvoke(t, r, event{Do: "echo"}) // would hang behind one that waits at never
	})
	t.Run("while a process starts for it: the invocation goes on with the payload as it was", func(t *testing.T) {
		t.Parallel()
		meeting, logs := newPlace(t), &onlyOneAtATime{t: t}
		r := start(t, lambda.Config{
			Env: []string{"START=meet", "MEET=" + meeting.address()}, InitTimeout: patience, Grace: patience, Logs: logs,
		})
		ctx, cancel := context.WithCancel(t.Context())
		payload := []byte(`{"Do":"log","Text":"mine","Size":1}`)
		result := make(chan error, 1)
		go func() { _, err := r.Invoke(ctx, payload); result <- err }()
		guest := meeting.await(t)
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		copy(payload, bytes.Repeat([]byte(" "), len(payload)))
		guest.letGo()
		if err := r.Close(); err != nil { // waits for the invocation
			t.Errorf("Close: %v", err)
		}
		if got := logs.text.String(); !strings.Contains(got, "out mine") {
			t.Errorf("the function wrote %q, want \"out mine\" in it", got)
		}
	})
	t.Run("while it runs: the environment stays busy until it has answered", func(t *testing.T) {
		t.Parallel()
		r, meeting := start(t, lambda.Config{Concurrency: 1}), newPlace(t)
		ctx, cancel := context.WithCancel(t.Context())
		abandoned := invokeLater(ctx, r, event{Do: "echo", Meet: meeting.address()})
		guest := meeting.await(t)
		cancel()
		if _, err := abandoned.wait(t); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if pids := r.Processes(); !slices.Equal(pids, []int{guest.pid}) {
			t.Errorf("processes: got %v, want the running %d", pids, guest.pid)
		}
		next := invokeLater(t.Context(), r, event{Do: "echo", Text: "next"})
		guest.letGo()
		got, err := next.wait(t)
		if err != nil || got.PID != guest.pid || got.Text != "next" {
			t.Errorf("got %q by %d, %v; want \"next\" by the same process %d", got.Text, got.PID, err, guest.pid)
		}
	})
}

func TestInitErrors(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "bootstrap")
	check.OK(t, os.WriteFile(text, []byte("not a program"), 0o700))
	secret := filepath.Join(t.TempDir(), "bootstrap")
	check.OK(t, os.WriteFile(secret, []byte("not executable"), 0o600))
	var last20 []string
	for i := 11; i < 30; i++ {
		last20 = append(last20, fmt.Sprint("line ", i))
	}
	for _, tt := range []struct {
		name    string
		cfg     lambda.Config
		kind    string
		message string // contained in the message
		stderr  string
		cause   error
	}{
		{
			name: "a process that exits", cfg: lambda.Config{Env: []string{"START=exit"}},
			kind: "Runtime.ExitError", message: "exit status 3", stderr: strings.Join(append(last20, "no table name"), "\n"),
		},
		{
			name: "a process that posts its error", cfg: lambda.Config{Env: []string{"START=post error"}},
			kind: "Config.Missing", message: "no table", stderr: "posted 202 Accepted <nil>",
		},
		{
			name: "a process that takes too long", cfg: lambda.Config{Env: []string{"START=hang"}, InitTimeout: 3 * time.Second},
			kind: "Sandbox.Timedout", message: "not ready for an invocation after 3.00 seconds", stderr: "looking for the table",
		},
		{
			name: "an executable of another machine", cfg: lambda.Config{Bootstrap: text},
			kind: "Runtime.InvalidEntrypoint", message: "built for another machine", cause: syscall.ENOEXEC,
		},
		{
			name: "a file that may not be executed", cfg: lambda.Config{Bootstrap: secret},
			kind: "Runtime.InvalidEntrypoint", message: "permission denied (is its folder mounted noexec? XDG_CACHE_HOME", cause: fs.ErrPermission,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, tt.cfg)
			_, err := invoke(t.Context(), r, event{Do: "echo"})
			var failure *lambda.InitError
			if !errors.As(err, &failure) {
				t.Fatalf("got %v (%T), want an *InitError", err, err)
			}
			if failure.Type != tt.kind || !strings.Contains(failure.Message, tt.message) {
				t.Errorf("got %q %q, want %q and %q in the message", failure.Type, failure.Message, tt.kind, tt.message)
			}
			if failure.Stderr != tt.stderr {
				t.Errorf("stderr: got %q, want %q", failure.Stderr, tt.stderr)
			}
			if !errors.Is(err, tt.cause) && tt.cause != nil {
				t.Errorf("got %v, want %v behind it", err, tt.cause)
			}
			if pids := r.Processes(); len(pids) != 0 {
				t.Errorf("processes %v are left", pids)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  lambda.Config
		want []string // all of them in the error
	}{
		{"no executable", lambda.Config{}, []string{"name the function's built executable"}},
		{"an executable that is not there", lambda.Config{Bootstrap: "missing/bootstrap"}, []string{"missing/bootstrap", "build the function first"}},
		{"a directory", lambda.Config{Bootstrap: "../lambda"}, []string{"lambda is a directory"}},
		{"a variable that Lambda sets", lambda.Config{Bootstrap: bootstrap, Env: []string{"A=1", "TZ=Europe/London"}}, []string{"TZ is set by Lambda"}},
		{"an entry without a value", lambda.Config{Bootstrap: bootstrap, Env: []string{"A=1", "B"}}, []string{"entry 1 is not of the form"}},
		{"several mistakes at once", lambda.Config{Concurrency: -1, Timeout: -1, Env: []string{"=x"}}, []string{"Concurrency", "Timeout", "entry 0", "no bootstrap"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := lambda.New(tt.cfg)
			if err == nil {
				r.Close()
				t.Fatal("got no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

// onlyOneAtATime fails the test when it is used by two at a time, and keeps what is written.
type onlyOneAtATime struct {
	t    *testing.T
	busy atomic.Bool
	text bytes.Buffer
}

func (w *onlyOneAtATime) Write(p []byte) (int, error) {
	if !w.busy.CompareAndSwap(false, true) {
		w.t.Error("two writes at a time")
	}
	defer w.busy.Store(false)
	for range 10 {
		runtime.Gosched() // give others the chance to be here too
	}
	return w.text.Write(p)
}

func TestLogsAreWholeLines(t *testing.T) {
	t.Parallel()
	logs := &onlyOneAtATime{t: t}
	r := start(t, lambda.Config{Logs: logs, Grace: patience})
	const clients, each = 4, 50
	want := map[string]int{}
	var group sync.WaitGroup
	for i := range clients {
		text := strings.Repeat(string(rune('a'+i)), 6000) // more than a pipe passes on in one piece
		want["out "+text], want["err "+text] = each, each
		group.Go(func() { mustInvokeInGroup(t, r, event{Do: "log", Text: text, Size: each}) })
	}
	group.Wait()
	if err := r.Close(); err != nil { // everything is written now
		t.Errorf("Close: %v", err)
	}
	got := map[string]int{}
	for line := range strings.Lines(logs.text.String()) {
		got[strings.TrimSuffix(line, "\n")]++
	}
	for line, times := range want {
		if got[line] != times {
			t.Errorf("line %.10q: got %d times, want %d", line, got[line], times)
		}
		delete(got, line)
	}
	for line, times := range got {
		t.Errorf("unexpected line, %d times: %.80q", times, line)
	}
}

// mustInvokeInGroup is mustInvoke for goroutines beside the test's own, which
// may not call Fatal.
func mustInvokeInGroup(t *testing.T, r *lambda.Runtime, e event) answer {
	t.Helper()
	got, err := invoke(t.Context(), r, e)
	if err != nil {
		t.Errorf("%s %.20q: %v", e.Do, e.Text, err)
	} else if got.Text != e.Text {
		t.Errorf("%s: got the answer to %.20q, want the one to %.20q", e.Do, got.Text, e.Text)
	}
	return got
}

func TestConcurrencyNeverMixesAnswers(t *testing.T) {
	t.Parallel()
	const clients, each, concurrency = 32, 25, 4
	r := start(t, lambda.Config{Concurrency: concurrency})
	var mu sync.Mutex
	pids, ids := map[int]bool{}, map[string]bool{}
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range each {
				got := mustInvokeInGroup(t, r, event{Do: "echo", Text: fmt.Sprintf("%d of client %d", i, client)})
				mu.Lock()
				pids[got.PID], ids[got.RequestID] = true, true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(pids) > concurrency {
		t.Errorf("%d processes answered, want at most %d", len(pids), concurrency)
	}
	if len(ids) != clients*each {
		t.Errorf("%d request ids for %d invocations", len(ids), clients*each)
	}
}

func TestKilledEnvironmentsNeverHangOrMixAnswers(t *testing.T) {
	t.Parallel()
	const clients, each, concurrency = 16, 25, 4
	r := start(t, lambda.Config{Concurrency: concurrency})
	var answered, crashed, kills atomic.Int64
	var group sync.WaitGroup
	for client := range clients {
		group.Go(func() {
			for i := range each {
				text := fmt.Sprintf("%d of client %d", i, client)
				got, err := invoke(t.Context(), r, event{Do: "echo", Text: text})
				var exit *lambda.ExitError
				var init *lambda.InitError
				switch {
				case errors.As(err, &exit), errors.As(err, &init):
					crashed.Add(1)
				case err != nil:
					t.Errorf("%s: %v", text, err)
				case got.Text != text:
					t.Errorf("got the answer to %q, want the one to %q", got.Text, text)
				default:
					answered.Add(1)
				}
				if pids := r.Processes(); i%8 == 7 && len(pids) > 0 {
					if syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL) == nil {
						kills.Add(1)
					}
				}
			}
		})
	}
	group.Wait()
	if total := answered.Load() + crashed.Load(); total != clients*each || crashed.Load() > kills.Load() {
		t.Errorf("got %d answers and %d crashes from %d kills, want %d in all and no more crashes than kills",
			answered.Load(), crashed.Load(), kills.Load(), clients*each)
	}

	// Whoever was killed last may still look alive, and be given an invocation: each
	// process that is left can cost one more, and no more than one.
	for left := concurrency; ; left-- {
		got, err := invoke(t.Context(), r, event{Do: "echo", Text: "after all"})
		var exit *lambda.ExitError
		if errors.As(err, &exit) && left > 0 {
			continue
		}
		if err != nil || got.Text != "after all" {
			t.Errorf("after all: got %q, %v", got.Text, err)
		}
		break
	}
}

// rebuilt is another build of the function: the same program in another directory.
func rebuilt(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap")
	check.OK(t, os.Link(bootstrap, path))
	return path
}

func (a answer) taskRoot() string {
	for _, entry := range a.Env {
		if value, ok := strings.CutPrefix(entry, "LAMBDA_TASK_ROOT="); ok {
			return value
		}
	}
	return ""
}

func TestSwap(t *testing.T) {
	t.Parallel()
	t.Run("new and waiting invocations go to the new build, running ones finish in the old", func(t *testing.T) {
		t.Parallel()
		r, meeting := start(t, lambda.Config{Concurrency: 1}), newPlace(t)
		running := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		old := meeting.await(t)
		waiting := invokeLater(t.Context(), r, event{Do: "echo"})
		<-waiting.queued
		build := rebuilt(t)
		check.OK(t, r.Swap(t.Context(), build))
		got, err := waiting.wait(t)
		if err != nil || got.taskRoot() != filepath.Dir(build) {
			t.Errorf("waiting: got an answer from %s, %v; want one from %s", got.taskRoot(), err, filepath.Dir(build))
		}
		if got := mustInvoke(t, r, event{Do: "echo"}); got.taskRoot() != filepath.Dir(build) {
			t.Errorf("new: got an answer from %s, want one from %s", got.taskRoot(), filepath.Dir(build))
		}
		old.letGo()
		got, err = running.wait(t)
		if err != nil || got.PID != old.pid || got.taskRoot() != filepath.Dir(bootstrap) {
			t.Errorf("running: got an answer from %d in %s, %v; want one from %d in %s", got.PID, got.taskRoot(), err, old.pid, filepath.Dir(bootstrap))
		}
		if !gone(old.pid) {
			t.Errorf("the old process %d is left", old.pid)
		}
	})
	t.Run("idle environments of the old build end", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		old := mustInvoke(t, r, event{Do: "echo"})
		check.OK(t, r.Swap(t.Context(), rebuilt(t)))
		if !gone(old.PID) {
			t.Errorf("the old process %d is left", old.PID)
		}
	})
	t.Run("the new build is ready before it is used", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		check.OK(t, r.Swap(t.Context(), rebuilt(t)))
		ready := r.Processes()
		if got := mustInvoke(t, r, event{Do: "echo"}); !slices.Equal(ready, []int{got.PID}) {
			t.Errorf("process %d answered, want the one that Swap made ready, %v", got.PID, ready)
		}
	})
	t.Run("a build that does not start is refused and the old one stays", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		old := mustInvoke(t, r, event{Do: "echo"})
		broken := filepath.Join(t.TempDir(), "bootstrap")
		check.OK(t, os.WriteFile(broken, []byte("#!/bin/sh\necho no table >&2\nexit 5\n"), 0o700))
		err := r.Swap(t.Context(), broken)
		var failure *lambda.InitError
		if !errors.As(err, &failure) || failure.Stderr != "no table" {
			t.Errorf("got %v (%T), want an *InitError with \"no table\"", err, err)
		}
		if got := mustInvoke(t, r, event{Do: "echo"}); got.PID != old.PID {
			t.Errorf("process %d answered, want the old %d", got.PID, old.PID)
		}
	})
	t.Run("drops nothing under load", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{Concurrency: 2})
		var stop atomic.Bool
		var group sync.WaitGroup
		for client := range 8 {
			group.Go(func() {
				for i := 0; !stop.Load(); i++ {
					mustInvokeInGroup(t, r, event{Do: "echo", Text: fmt.Sprintf("%d of client %d", i, client)})
				}
			})
		}
		for range 5 {
			if err := r.Swap(t.Context(), rebuilt(t)); err != nil {
				t.Error(err)
			}
		}
		stop.Store(true)
		group.Wait()
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	t.Run("waits for what runs", func(t *testing.T) {
		t.Parallel()
		r, meeting := start(t, lambda.Config{Grace: patience}), newPlace(t)
		running := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		guest := meeting.await(t)
		closed := make(chan error)
		go func() { closed <- r.Close() }()
		eventually(t, "new invocations are refused", func() bool {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			probe := make(chan error, 1)
			go func() { _, err := invoke(ctx, r, event{Do: "echo"}); probe <- err }()
			return errors.Is(<-probe, lambda.ErrClosed)
		})
		guest.letGo()
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := running.wait(t); err != nil {
			t.Errorf("the running invocation: %v", err)
		}
		if !gone(guest.pid) {
			t.Errorf("process %d is left", guest.pid)
		}
	})
	t.Run("cuts short what takes too long, and says so", func(t *testing.T) {
		t.Parallel()
		r, meeting := start(t, lambda.Config{Concurrency: 1, Grace: time.Millisecond}), newPlace(t)
		hung := invokeLater(t.Context(), r, event{Do: "echo", Meet: meeting.address()})
		guest := meeting.await(t)
		waiting := invokeLater(t.Context(), r, event{Do: "echo"})
		<-waiting.queued
		if err := r.Close(); err == nil {
			t.Error("Close: got no error, want one about the invocation that ran")
		}
		if _, err := hung.wait(t); !errors.Is(err, lambda.ErrClosed) {
			t.Errorf("running: got %v, want ErrClosed", err)
		}
		if _, err := waiting.wait(t); !errors.Is(err, lambda.ErrClosed) {
			t.Errorf("waiting: got %v, want ErrClosed", err)
		}
		if !gone(guest.pid) {
			t.Errorf("process %d is left", guest.pid)
		}
	})
	t.Run("refuses everything afterwards and can be repeated", func(t *testing.T) {
		t.Parallel()
		r := start(t, lambda.Config{})
		mustInvoke(t, r, event{Do: "echo"})
		for range 2 {
			if err := r.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
		if _, err := invoke(t.Context(), r, event{Do: "echo"}); !errors.Is(err, lambda.ErrClosed) {
			t.Errorf("Invoke: got %v, want ErrClosed", err)
		}
		if err := r.Swap(t.Context(), bootstrap); !errors.Is(err, lambda.ErrClosed) {
			t.Errorf("Swap: got %v, want ErrClosed", err)
		}
		if pids := r.Processes(); len(pids) != 0 {
			t.Errorf("Processes: got %v, want none", pids)
		}
	})
}

// Not parallel: it counts the goroutines of the whole program.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	r := start(t, lambda.Config{})
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 10 {
				mustInvokeInGroup(t, r, event{Do: "echo"})
				_, _ = invoke(t.Context(), r, event{Do: "exit"})
			}
		})
	}
	group.Wait()
	if err := r.Swap(t.Context(), rebuilt(t)); err != nil {
		t.Error(err)
	}
	mustInvoke(t, r, event{Do: "echo"})
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, fmt.Sprintf("at most the %d goroutines of before are left", before), func() bool {
		return runtime.NumGoroutine() <= before
	})
}

func BenchmarkInvoke(b *testing.B) {
	r := check.Value(lambda.New(lambda.Config{Bootstrap: bootstrap}))(b)
	defer r.Close()
	for b.Loop() {
		check.Value(r.Invoke(b.Context(), []byte(`{"Do":"echo"}`)))(b)
	}
}
