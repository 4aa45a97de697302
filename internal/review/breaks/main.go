// Command breaks prints, one per line, the changes in a new OpenAPI description that
// can break a client of the old one. visitplannr diff runs it. It is a separate program
// because libopenapi takes longer to compile than the rest of the command line.
package main

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/pb33f/libopenapi"
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

// run leaves the judgement to libopenapi, which reports every changed limit, even a
// wider one.
func run(files ...string) error {
	var texts [2]string
	var documents [2]libopenapi.Document
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		texts[i] = string(text)
		if documents[i], err = libopenapi.NewDocument(text); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	changes, err := libopenapi.CompareDocuments(documents[0], documents[1])
	if err != nil || changes == nil { // nil: no difference
		return err
	}
	for _, c := range changes.GetAllChanges() {
		if !c.Breaking {
			continue
		}
		where := c.Property
		if at := c.Context; at != nil && at.OriginalLine != nil {
			where = memberAt(texts[0], *at.OriginalLine)
		} else if at != nil && at.NewLine != nil {
			where = memberAt(texts[1], *at.NewLine)
		}
		// %.400q keeps a value on one line.
		fmt.Printf("%s: %.400q -> %.400q\n", where, cmp.Or(c.Original, "none"), cmp.Or(c.New, "none"))
	}
	return nil
}

// memberAt returns the members that lead to a line of YAML, counted from 1. It goes by
// indentation: package openapi writes no other style.
func memberAt(text string, number int) string {
	var path string
	lines := strings.Split(text, "\n")
	for i, depth := number-1, len(text); i >= 0; i-- {
		member := strings.TrimLeft(lines[i], " -")
		if indent := len(lines[i]) - len(member); member != "" && indent < depth {
			name, _, _ := strings.Cut(member, ":")
			path, depth = name+" "+path, indent
		}
	}
	return strings.TrimSpace(path)
}
