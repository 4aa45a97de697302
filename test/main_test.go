// Package test states what the whole module promises and no single package can:
// the synthesized template of each stage (as snapshots, and as intents), the
// configuration, the reproducible assets, and who may import what.
//
// One command updates the snapshots: UPDATE_SNAPS=true go test ./...
package test

import (
	"fmt"
	"os"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"visitplannr/stacks"
)

const updateCommand = "UPDATE_SNAPS=true go test ./..."

// updating tells that the snapshots are to become what the stacks are now. Ask
// within a test: the go command remembers a test's result together with the
// environment that it read, but not with what was read before it began.
func updating() bool { return os.Getenv("UPDATE_SNAPS") == "true" }

func TestMain(m *testing.M) {
	if err := stacks.CheckNode(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	jsii.Close()
	os.Exit(code)
}
