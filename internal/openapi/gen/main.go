// Command gen writes the OpenAPI description of the API to the file that its one
// argument names. Run it with go generate ./internal/openapi.
package main

import (
	"fmt"
	"os"

	"visitplannr/internal/openapi"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("got %d arguments, want one: the file to write", len(args))
	}
	document, err := openapi.YAML()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], document, 0o644)
}
