// Command bench measures visitplannr on this machine and says how far it is from
// the least that could be had: every figure stands beside a floor that was
// measured in the same run, taking turns with it, because machines are noisy and
// ratios travel better than milliseconds.
//
// Nothing here decides a test. docs/performance.md keeps the figures of one run
// and names the command of each.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"visitplannr/internal/gobuild"
)

const about = `bench measures visitplannr on this machine.

Usage: go run ./bench [COMMAND] [flags]

  function  the built function behind the Runtime API, beside one that does nothing
            (this is what runs when no command is given)
  local     'visitplannr local' under load, with each engine, answers checked
  growth    the cost of appending and reading as the table and a stream grow
  loop      what a developer waits for: tests and synthesis

Each prints a table; -json prints the same figures for programs, -svg DIR also
writes plots. go run ./bench COMMAND -h tells more of one.
`

// command is one benchmark. measure returns what is printed.
type command struct {
	name  string
	about string
	flags func(*flag.FlagSet) func(context.Context, *bench) (report, error)
}

// report is the outcome of a benchmark: it is marshalled as JSON, or printed.
type report interface {
	text(w io.Writer)
	plots() map[string]string // file name -> SVG
}

func commands() []command {
	return []command{functionCommand, localCommand, growthCommand, loopCommand}
}

// bench is where a benchmark runs.
type bench struct {
	root     string    // of the module
	dir      string    // for builds, removed at the end
	progress io.Writer // tells what is going on; not part of the result
	dynoxide string    // path of the engine's executable
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	chosen := functionCommand
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		if args[0] == floorServer.name {
			return floorServer.run(ctx, args[1:])
		}
		found := false
		for _, c := range commands() {
			if c.name == args[0] {
				chosen, found = c, true
			}
		}
		if !found {
			return fmt.Errorf("there is no benchmark %q; run 'go run ./bench -h'", args[0])
		}
		args = args[1:]
	} else if len(args) == 1 && (args[0] == "-h" || args[0] == "-help" || args[0] == "--help") {
		fmt.Fprint(stdout, about)
		fmt.Fprintf(stdout, "\nThe flags of 'function':\n")
	}

	set := flag.NewFlagSet(chosen.name, flag.ContinueOnError)
	set.SetOutput(stdout)
	set.Usage = func() {
		fmt.Fprintf(stdout, "\nUsage: go run ./bench %s [flags]\n\n%s\n\n", chosen.name, chosen.about)
		set.PrintDefaults()
	}
	asJSON := set.Bool("json", false, "print the figures as JSON")
	svg := set.String("svg", "", "also write plots into `directory`")
	dynoxide := set.String("dynoxide", "", "`path` of the engine dynoxide (default: where npm installs it below the module's root)")
	measure := chosen.flags(set)
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments, got %q; run 'go run ./bench %s -h'", chosen.name, set.Args(), chosen.name)
	}

	if *svg != "" { // now, not after minutes of measuring
		if err := os.MkdirAll(*svg, 0o755); err != nil {
			return fmt.Errorf("-svg: %w", err)
		}
	}
	b := &bench{progress: stderr, dynoxide: *dynoxide}
	if b.root, err = gobuild.ModuleRoot("."); err != nil {
		return err
	}
	if b.dynoxide == "" {
		b.dynoxide = filepath.Join(b.root, dynoxidePath)
	}
	if b.dir, err = os.MkdirTemp("", "visitplannr-bench-"); err != nil {
		return fmt.Errorf("directory for builds: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()

	result, err := measure(ctx, b)
	if err != nil {
		return err
	}
	if *svg != "" {
		for name, image := range result.plots() {
			if err := os.WriteFile(filepath.Join(*svg, name), []byte(image), 0o644); err != nil {
				return fmt.Errorf("plot: %w", err)
			}
		}
	}
	if !*asJSON {
		result.text(stdout)
		return nil
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}
