// Package test states what the whole module promises and no single package can:
// the synthesized template of each stage (as snapshots, and as intents), the
// configuration, the reproducible assets, and who may import what.
//
// One command updates the snapshots: go generate ./test/generated
package test

import (
	"fmt"
	"os"
	"testing"

	"github.com/aws/jsii-runtime-go"

	"visitplannr/stacks"
)

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
