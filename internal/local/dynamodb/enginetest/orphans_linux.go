package enginetest

import (
	"os/exec"
	"syscall"
)

// endWithUs ends the command also when this process ends without cleaning up, as
// a test run does that takes too long.
func endWithUs(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
