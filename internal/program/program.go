// Package program starts other programs. Everything in this repository that starts one
// does it here, because an environment that is meant for something else makes git write
// into the wrong repository, and go build for the wrong machine.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// git sets variables for its hooks that name the repository, the index and the
// configuration to use (https://git-scm.com/docs/githooks), and whatever calls git in
// another directory would use them too. So every variable of git's is left out, except
// those that say how to reach another host, which files hold the configuration, and where
// git is installed. The list of the others (git rev-parse --local-env-vars) grows.
//
// CDPATH makes a shell's cd print, and go elsewhere.
var (
	misleading = regexp.MustCompile(`^(GIT_|CDPATH=)`)
	harmless   = regexp.MustCompile(`^GIT_(SSH|SSL|HTTP|PROXY|ASKPASS|TERMINAL_PROMPT|ALLOW_PROTOCOL|EXEC_PATH|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)=|DISCOVERY_ACROSS_FILESYSTEM)`)
)

// Go is what the go command gets, so that each build in this repository is for this
// machine unless it says otherwise, and uses the modules that go.sum names: not vendor/,
// not a workspace, and not flags of the caller's. It overrides 'go env -w' too.
var Go = []string{"GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH, "GOFLAGS=-mod=readonly", "GOWORK=off", "GO111MODULE=on"}

// Command returns a program to be started in a directory; "" is the current one. It
// inherits this process's environment, without what would mislead git, and with Go.
// When ctx ends, the program is killed, and what it started gets ten seconds to end.
func Command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(slices.DeleteFunc(cmd.Environ(), func(variable string) bool {
		return misleading.MatchString(variable) && !harmless.MatchString(variable)
	}), Go...)
	return cmd
}

// Output runs a program and returns what it prints, without the white space around it.
// Its error holds what the program says of the reason, and unwraps to exec.ErrNotFound
// when the program is not installed.
func Output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch name := filepath.Base(cmd.Path); {
	case errors.Is(err, exec.ErrNotFound):
		err = fmt.Errorf("%w: install %s, or add its folder to PATH", err, name)
	case err != nil:
		err = fmt.Errorf("%s: %w\n%s", name, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), err
}

// Git returns git to be started in a directory. Whatever the user's configuration says,
// it runs no hooks and no monitor, converts no line ends and quotes no names.
func Git(ctx context.Context, dir string, args ...string) *exec.Cmd {
	return Command(ctx, dir, "git", slices.Concat([]string{
		"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false",
		"-c", "core.autocrlf=false", "-c", "core.eol=lf", "-c", "core.quotePath=false"}, args)...)
}
