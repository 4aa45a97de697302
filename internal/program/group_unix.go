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

// KillGroup kills all processes in the group, and reports whether there were any.
func KillGroup(cmd *exec.Cmd) bool {
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) == nil
}
