// Package generated holds the files that are made from Go values against those values.
package generated

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
)

// The tests whose names end in UpToDate, in these packages, check all files but the
// reports of diff, which take minutes: go generate ./internal/review makes those.
//
//go:generate go test ../../internal/local/apigateway ../../internal/openapi ../../internal/settings ../../test ../../test/acceptance -run UpToDate -update

// Command makes every generated file anew, except for the reports of diff.
const Command = "go generate ./test/generated"

var update = flag.Bool("update", false, "write the generated files anew instead of comparing them")

// Check fails the test unless the file holds what it is made from.
func Check(t *testing.T, file, want string) {
	t.Helper()
	CheckBy(t, Command, file, want)
}

// CheckBy is Check for a file that another command makes.
func CheckBy(t *testing.T, command, file, want string) {
	t.Helper()
	stored, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	switch {
	case err == nil && string(stored) == want:
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Error(difference(command, file, string(stored), want))
	}
}

func difference(command, file, stored, want string) string {
	return fmt.Sprintf("%s is out of date. To accept this change, run: %s\n%s",
		file, command, diff.Diff("committed", []byte(stored), "made now", []byte(want)))
}

// CheckPart fails the test unless the file holds want between the lines
// <!-- name --> and <!-- /name -->.
func CheckPart(t *testing.T, file, name, want string) {
	t.Helper()
	stored, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(stored), "<!-- "+name+" -->\n")
	_, after, ends := strings.Cut(rest, "<!-- /"+name+" -->\n")
	if !begins || !ends {
		t.Fatalf("%s lacks the lines <!-- %s --> and <!-- /%s -->", file, name, name)
	}
	Check(t, file, before+"<!-- "+name+" -->\n"+want+"<!-- /"+name+" -->\n"+after)
}
