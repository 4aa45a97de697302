//go:build !unix

package lambda

import "os/exec"

// ownGroup does nothing: this system has no process groups that we use.
func ownGroup(*exec.Cmd) {}

// killGroup ends the process alone; what it started itself may live on.
func killGroup(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
}
