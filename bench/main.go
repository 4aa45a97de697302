// Command bench measures what a release of visitplannr is judged by: the function, the
// local API and the developer's loop. Where there is a floor, the least that is
// possible, both are measured in turns in the same run, because machines are noisy and
// ratios can be compared better than milliseconds.
//
// No test depends on a figure. docs/performance.md records the figures of one run.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"visitplannr/internal/gobuild"
)

const about = `bench measures visitplannr on this machine and prints tables in Markdown.

Usage: go run ./bench [COMMAND] [flags]

  function  the built function behind the Runtime API, beside one that does nothing
            (runs when no command is given)
  local     'visitplannr local' under load, every answer checked
  loop      what a developer waits for: build, tests, synthesis

'go run ./bench COMMAND -h' says what each figure is.
`

// command is one benchmark. flags declares its flags and returns what to run when
// they are parsed.
type command struct {
	name  string
	about string
	flags func(*flag.FlagSet) func(context.Context, *bench) error
}

// bench is where a benchmark runs.
type bench struct {
	root     string    // of the module
	dir      string    // for builds, removed at the end
	out      io.Writer // for the tables
	progress io.Writer // reports progress
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	chosen, commands := functionCommand, []command{functionCommand, localCommand, loopCommand}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
		if i < 0 {
			return fmt.Errorf("there is no benchmark %q; run 'go run ./bench -h'", args[0])
		}
		chosen, args = commands[i], args[1:]
	}
	set := flag.NewFlagSet(chosen.name, flag.ContinueOnError)
	set.SetOutput(stdout)
	set.Usage = func() {
		fmt.Fprintf(stdout, "%s\nUsage: go run ./bench %s [flags]\n\n%s\n\n", about, chosen.name, chosen.about)
		set.PrintDefaults()
	}
	measure := chosen.flags(set)
	if err := set.Parse(args); err != nil {
		return err
	}
	if set.NArg() > 0 {
		return fmt.Errorf("%s takes no arguments, got %q; run 'go run ./bench %s -h'", chosen.name, set.Args(), chosen.name)
	}

	b := &bench{out: stdout, progress: stderr}
	if b.root, err = gobuild.ModuleRoot("."); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "visitplannr-bench-"); err != nil {
		return fmt.Errorf("directory for builds: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	return measure(ctx, b)
}

// printMachine says where and when the figures were taken. Figures to quote want a
// load (the average of the last minute) near 0.
func (b *bench) printMachine(ctx context.Context) {
	info, _ := os.ReadFile("/proc/cpuinfo") // on Linux only
	_, cpu, _ := strings.Cut(string(info), "model name\t: ")
	cpu, _, _ = strings.Cut(cpu, "\n")
	load, _ := os.ReadFile("/proc/loadavg")
	git := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty")
	git.Dir = b.root
	revision, _ := git.Output() // a copy without git has none
	fmt.Fprintf(b.out, "%s/%s, %s, %d cores, %s, revision %s, %s, load %.4s\n\n", runtime.GOOS, runtime.GOARCH, cpu, runtime.NumCPU(),
		runtime.Version(), bytes.TrimSpace(revision), time.Now().UTC().Format(time.DateTime), load)
}
