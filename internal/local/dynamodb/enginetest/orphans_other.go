//go:build !linux

package enginetest

import "os/exec"

// endWithUs can do nothing here: a test run that times out leaves its engines behind.
func endWithUs(*exec.Cmd) {}
