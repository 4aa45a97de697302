package enginetest

import (
	"os/exec"
	"syscall"
)

// endWithUs ends the command even if this process ends without cleaning up, as a test
// run does when it times out.
func endWithUs(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
