//go:build unix

package lambda

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the process the leader of a new process group, so that its children
// can be killed with it and Ctrl-C in the terminal reaches only this program.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// killGroup kills all processes in the group. It is not an error if none is left.
func killGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
