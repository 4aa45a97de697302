//go:build !unix

package lambda

import "os/exec"

// ownGroup does nothing: process groups are not used on this system.
func ownGroup(*exec.Cmd) {}

// killGroup kills only the process; its children may live on.
func killGroup(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
}
