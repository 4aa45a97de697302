// Command bench measures the function, beside the least that is possible: a function
// that does nothing. Both are measured in turns in the same run, because machines are
// noisy and ratios can be compared better than milliseconds.
//
// No test depends on a figure. docs/performance.md records the figures of one run, and
// names other tools for what else is worth measuring.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
)

const about = `bench measures the function on this machine and prints a table in Markdown.

Usage: go run ./bench [flags]

It builds functions/propose-destination and a function that does nothing (bench/floor)
with the flags of the deployed one, for this machine, and runs them as processes
behind the project's Lambda Runtime API with the environment that the stack sets.
Processes of all variants alternate, in an order that chance decides, so a noisy
machine disturbs them alike. The store is the embedded engine, in the process of the
benchmark, or the engine at AWS_ENDPOINT_URL_DYNAMODB (http, this machine). Each
figure is the median over the processes:

  init       from the start of the process to its first call for an invocation
  first      its first invocation
  both       init and first: what a cold start adds to an answer
  warm       the invocations after it: of each process its p50 and p99
  CPU        of the function's process, user and kernel: in init, in both, and per warm request
  faults     pages of memory that it touched for the first time: a good part of the
             cost of init on a virtual machine, and steadier than any clock
  peak       most memory resident
  zip        of the arm64 build that is deployed

With "TLS" the engine stands behind a TLS proxy, and the function trusts this
machine's certificates and the proxy's.

-also and -against show what a setting or a change buys. Both may be repeated:
-also GOMAXPROCS=2 -also GOGC=400,GOMEMLIMIT=409MiB, and -against ../main, the same
function built from another checkout.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	b := &bench{out: stdout, progress: stderr}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(stdout)
	set.Usage = func() {
		fmt.Fprint(stdout, about)
		set.PrintDefaults()
	}
	set.IntVar(&b.processes, "processes", 31, "`number` of processes of each variant")
	set.IntVar(&b.requests, "requests", 1000, "`number` of warm requests to each process")
	set.Func("also", "also measure, over TLS, with `KEY=value[,KEY=value]` changed",
		func(changes string) error { b.also = append(b.also, changes); return nil })
	set.Func("against", "also measure the function of the checkout in `directory`",
		func(dir string) error { b.against = append(b.against, dir); return nil })
	if err := set.Parse(args); err != nil {
		return err
	}
	switch {
	case set.NArg() > 0:
		return fmt.Errorf("it takes no arguments, got %q; run 'go run ./bench -h'", set.Args())
	case b.processes < 1 || b.requests < 1:
		return errors.New("-processes and -requests must be at least 1")
	}
	if b.root, err = gobuild.ModuleRoot("."); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "visitplannr-bench-"); err != nil {
		return fmt.Errorf("directory for builds: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	return b.measure(ctx)
}

// printMachine says where and when the figures were taken. Figures to quote want a
// load (the average of the last minute) near 0.
func (b *bench) printMachine(ctx context.Context) {
	info, _ := os.ReadFile("/proc/cpuinfo") // on Linux only
	_, cpu, _ := strings.Cut(string(info), "model name\t: ")
	cpu, _, _ = strings.Cut(cpu, "\n")
	load, _ := os.ReadFile("/proc/loadavg")
	revision, _ := program.Output(program.Git(ctx, b.root, "describe", "--always", "--dirty")) // a copy without git has none
	fmt.Fprintf(b.out, "%s/%s, %s, %d cores, %s, revision %s, %s, load %.4s\n\n", runtime.GOOS, runtime.GOARCH, cpu, runtime.NumCPU(),
		runtime.Version(), revision, time.Now().UTC().Format(time.DateTime), load)
}
