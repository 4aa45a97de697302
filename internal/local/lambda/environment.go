package lambda

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"visitplannr/internal/local/httpserver"
	"visitplannr/internal/program"
)

// pipeGrace is how long a process's output may stay open after the process has ended.
// Only a descendant that left the process group can hold it open.
const pipeGrace = time.Second

// An environment is Lambda's execution environment: one process of the function,
// and the Runtime API at an address that only this process is told.
type environment struct {
	session *session
	server  *httpserver.Server
	cmd     *exec.Cmd
	stderr  *lineWriter
	exited  chan struct{} // closed when the process has ended and all its output is passed on
}

// startEnvironment starts a process of bootstrap without waiting for it to become
// ready. onExit is called once, after the process has ended.
// Its error is an *InitError.
func startEnvironment(cfg Config, bootstrap string, logs *sharedLog, onExit func(*environment)) (*environment, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, &InitError{Type: "Runtime.ListenError", Message: err.Error(), cause: err}
	}
	session, secret := newSession(), rand.Text()
	stdout, stderr := &lineWriter{log: logs, secret: secret}, &lineWriter{log: logs, secret: secret}
	address := listener.Addr().String()
	e := &environment{
		session: session,
		server:  session.server(secret, address, log.New(&lineWriter{log: logs}, "lambda: ", 0)),
		cmd:     exec.Command(bootstrap), //nolint:forbidigo // processEnv is its whole environment
		stderr:  stderr,
		exited:  make(chan struct{}),
	}
	e.cmd.Dir = filepath.Dir(bootstrap)
	e.cmd.Env = processEnv(cfg, bootstrap, address+"/"+secret, time.Now())
	e.cmd.Stdout, e.cmd.Stderr = stdout, stderr
	e.cmd.WaitDelay = pipeGrace
	program.OwnGroup(e.cmd)
	if err := e.cmd.Start(); err != nil {
		_ = listener.Close()
		return nil, startError(err)
	}
	go func() { _ = e.server.Serve(listener) }() // ends with the server's Close
	go func() {
		_ = e.cmd.Wait()         // the status stays in cmd.ProcessState
		program.KillGroup(e.cmd) // descendants that the process left behind
		stdout.flush()
		stderr.flush()
		_ = e.server.Close()
		close(e.exited)
		onExit(e)
	}()
	return e, nil
}

// startError explains why the operating system could not run the bootstrap.
func startError(err error) *InitError {
	message := err.Error()
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		message += " (is it built for another machine? Lambda's build for arm64 Linux runs only there)"
	case errors.Is(err, fs.ErrPermission):
		message += " (is its folder mounted noexec? XDG_CACHE_HOME, or HOME on macOS, names another place for builds)"
	}
	return &InitError{Type: "Runtime.InvalidEntrypoint", Message: message, cause: err}
}

// processEnv is the whole environment of a process: what Lambda sets, and cfg.Env.
// Nothing of our own environment is passed on, least of all credentials.
// Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
func processEnv(cfg Config, bootstrap, address string, now time.Time) []string {
	env := []string{"LANG=en_US.UTF-8", "PATH=/usr/local/bin:/usr/bin/:/bin:/opt/bin"} // not reserved: cfg.Env may differ
	env = append(env, cfg.Env...)
	for name, value := range reservedEnv(cfg, bootstrap, address, now) {
		env = append(env, name+"="+value)
	}
	return env
}

// reservedEnv are the variables that Lambda sets for a function on an OS-only runtime
// and does not let anybody override, except region and credentials, which the caller
// chooses here.
func reservedEnv(cfg Config, bootstrap, address string, now time.Time) map[string]string {
	return map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          address,
		"AWS_LAMBDA_FUNCTION_NAME":        cfg.FunctionName,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(cfg.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + cfg.FunctionName,
		"AWS_LAMBDA_LOG_STREAM_NAME":      now.UTC().Format("2006/01/02") + "/[$LATEST]" + randomHex(16),
		"LAMBDA_TASK_ROOT":                filepath.Dir(bootstrap),
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
	}
}

// awaitReady waits until the function asks for its first invocation. Its error is an
// *InitError or the cause of ctx's end; the process has then ended.
func (e *environment) awaitReady(ctx context.Context, limit time.Duration) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	var failure *InitError
	select {
	case <-e.session.ready:
		return nil
	case <-ctx.Done():
		e.kill()
		return context.Cause(ctx)
	case <-timeout.C:
		e.kill()
		failure = &InitError{Type: "Sandbox.Timedout", Message: fmt.Sprintf("it was not ready for an invocation after %.2f seconds", limit.Seconds())}
	case <-e.exited:
		failure = &InitError{Type: "Runtime.ExitError", Message: "Runtime exited before it was ready for an invocation: " + e.cmd.ProcessState.String()}
	}
	if posted := e.session.postedInitError(); posted != nil {
		failure = posted
	}
	failure.Stderr = e.stderr.lastLines()
	return failure
}

// invoke runs inv in the function, within limit. It returns when the function is ready
// for the next invocation or its process has ended.
//
// If the function answered, the answer is the result, whatever happened to the process
// afterwards. Otherwise the error is a *TimeoutError, an *ExitError, or the cause of
// ctx's end. unseen says that the process ended by itself before it received inv, so
// another process can run inv without running it twice.
func (e *environment) invoke(ctx context.Context, inv *invocation, limit time.Duration) (result outcome, unseen bool) {
	inv.deadline = time.Now().Add(limit)
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	if !e.hasEnded() {
		e.session.begin(inv)
	}
	var failure error
	crashed := false
	select {
	case <-e.session.ready:
	case <-e.exited:
		crashed = true
		failure = &ExitError{RequestID: inv.requestID, Status: e.cmd.ProcessState.String()}
	case <-timeout.C:
		e.kill()
		failure = &TimeoutError{RequestID: inv.requestID, Limit: limit}
	case <-ctx.Done():
		e.kill()
		failure = context.Cause(ctx)
	}
	result, unseen = e.session.finish(inv, failure)
	return result, unseen && crashed
}

// kill ends the process and its descendants at once, as Lambda does with an
// environment that has no extensions, and returns when they have ended.
func (e *environment) kill() {
	if !e.hasEnded() { // another process may have the id of one that was waited for
		program.KillGroup(e.cmd)
	}
	<-e.exited
}

func (e *environment) hasEnded() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}
