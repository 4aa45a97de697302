//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the process the leader of a new process group, so that what it
// starts can be ended with it, and a Ctrl-C in the terminal reaches only us.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killGroup ends the process and everything in its group. That none is left is no error.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
