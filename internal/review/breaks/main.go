// Command breaks prints, one per line, the changes in a new OpenAPI description that can
// break a client of the old one, as oasdiff judges and words them, and the texts of rules
// that changed. visitplannr diff runs it. It is a program of its own, so that oasdiff is
// no part of the command line.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: breaks OLD NEW")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "breaks:", err)
		os.Exit(1)
	}
}

func run(files ...string) error {
	var specs [2]*load.SpecInfo
	for i, file := range files {
		var err error
		if specs[i], err = load.NewSpecInfo(openapi3.NewLoader(), load.NewSource(file)); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	report, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), specs[0], specs[1])
	if err != nil {
		return err
	}
	localize := checker.NewDefaultLocalizer()
	for _, c := range checker.CheckBackwardCompatibility(checker.NewConfig(checker.GetAllChecks()), report, sources) {
		fmt.Println(strings.Join(strings.Fields(c.GetOperation()+" "+c.GetPath()+": "+c.GetUncolorizedText(localize)), " "))
	}
	return nil
}
