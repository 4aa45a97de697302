//go:build !unix

package program

import "os/exec"

// OwnGroup does nothing: process groups are not used on this system.
func OwnGroup(*exec.Cmd) {}

// KillGroup kills only the process; its children may live on. It reports whether it ran.
func KillGroup(cmd *exec.Cmd) bool {
	return cmd.Process.Kill() == nil
}
