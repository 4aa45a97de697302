//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// OwnGroup makes the process the leader of a new process group, so that its children
// can be killed with it and Ctrl-C in the terminal reaches only this program.
func OwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// KillGroup kills all processes in the group. It is not an error if none is left.
func KillGroup(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}
