package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var loopCommand = command{
	name: "loop",
	about: `Measures what a developer waits for, in a clone of the last commit, so the working
tree is left alone: build, all tests and a synthesis, with nothing changed, with one
line of code added to the function, and with one added to a stack. Each is the
median of three rounds, after one that fills the caches. The floor of a synthesis is
the CDK's command line saying its version.

-clean first measures, once, what a new developer waits for: the command line from
source until the first proposal is stored, and all tests, each with empty caches of
Go's modules and builds and of jsii, which it fills again. It takes minutes.

It needs node and, in the working tree, the packages of 'npm ci'. The environment is
passed on: CDK_VALIDATION=false turns the CDK's validation of templates off.`,
	flags: func(set *flag.FlagSet) func(context.Context, *bench) error {
		clean := set.Bool("clean", false, "also measure with empty caches")
		return func(ctx context.Context, b *bench) error { return measureLoop(ctx, b, *clean) }
	},
}

var loopCommands = []string{"go build ./...", "go test ./...", "npx --no-install cdk synth --quiet"}

func measureLoop(ctx context.Context, b *bench, clean bool) error {
	packages := filepath.Join(b.root, "node_modules")
	if _, err := os.Stat(filepath.Join(packages, "aws-cdk")); err != nil {
		return fmt.Errorf("the CDK command line is not installed: run 'npm ci' in %s: %w", b.root, err)
	}
	c := &clone{bench: b, dir: filepath.Join(b.dir, "clone"), env: os.Environ()}
	if output, err := exec.CommandContext(ctx, "git", "clone", "--quiet", b.root, c.dir).CombinedOutput(); err != nil {
		return fmt.Errorf("clone: %w\n%s", err, output)
	}
	if err := os.Symlink(packages, filepath.Join(c.dir, "node_modules")); err != nil {
		return err
	}

	b.printMachine(ctx)
	t := table{head: []string{"changed", "command", "s", "largest process, MiB"}}
	if clean {
		if err := c.fromNothing(ctx, &t); err != nil {
			return err
		}
	}
	waits := []*wait{{change: "floor", command: "npx --no-install cdk --version"}}
	for _, command := range loopCommands {
		waits = append(waits,
			&wait{change: "nothing", command: command},
			&wait{change: "one line of the function", file: "functions/" + functionName + "/main.go", command: command},
			&wait{change: "one line of a stack", file: "stacks/table.go", command: command})
	}
	for round := range 4 { // the first fills the caches, and is not counted
		for i, w := range waits {
			if err := c.touch(w.file, round*100+i); err != nil {
				return err
			}
			seconds, peak, err := c.run(ctx, w.command)
			if err != nil {
				return err
			}
			if round > 0 {
				w.seconds, w.peakMiB = append(w.seconds, seconds), append(w.peakMiB, peak)
			}
			for _, other := range loopCommands { // a step must not see this change as well as its own
				if w.file == "" || other == w.command {
					continue
				}
				if _, _, err := c.run(ctx, other); err != nil {
					return err
				}
			}
		}
	}
	for _, w := range waits {
		t.row(w.change, w.command, number(median(w.seconds)), number(median(w.peakMiB)))
	}
	t.print(b.out)
	return nil
}

// wait is something a developer waits for.
type wait struct {
	change, command  string
	file             string    // gets a line of code first
	seconds, peakMiB []float64 // by round
}

// clone is a copy of the repository to work in.
type clone struct {
	*bench
	dir string
	env []string
}

// fromNothing adds the waits of a new developer.
func (c *clone) fromNothing(ctx context.Context, t *table) (err error) {
	tests, _, err := c.withEmptyCaches("tests").run(ctx, "go test ./...")
	if err != nil {
		return err
	}
	t.row("clean clone, empty caches", "go test ./...", number(tests), "-")

	cold := c.withEmptyCaches("first")
	executable := filepath.Join(c.bench.dir, "visitplannr")
	began := time.Now()
	if _, _, err := cold.run(ctx, "go build -o "+executable+" ./cmd/visitplannr"); err != nil {
		return err
	}
	server, err := startServer(ctx, executable, cold.dir, cold.env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	first := newLoad(server.url, true)
	first.client(ctx, http.DefaultTransport, "first", 1)
	if first.wrong > 0 {
		return fmt.Errorf("the first proposal: %s", first.firstWrong)
	}
	t.row("clean clone, empty caches", "visitplannr local, until a proposal is stored", number(time.Since(began).Seconds()), "-")
	return nil
}

// withEmptyCaches returns c with caches of its own in a directory of that name.
func (c *clone) withEmptyCaches(name string) *clone {
	cold := *c
	cold.env = append(slices.Clone(c.env), "GOFLAGS=-modcacherw") // or nobody could remove the modules
	for _, cache := range []string{"GOCACHE", "GOMODCACHE", "JSII_RUNTIME_PACKAGE_CACHE_ROOT"} {
		cold.env = append(cold.env, cache+"="+filepath.Join(c.bench.dir, name, cache))
	}
	return &cold
}

// run runs a command, words between spaces, and returns how long it took and the
// memory of its largest process.
func (c *clone) run(ctx context.Context, words string) (seconds, peakMiB float64, err error) {
	name, arguments, _ := strings.Cut(words, " ")
	command := exec.CommandContext(ctx, name, strings.Fields(arguments)...)
	command.Dir, command.Env = c.dir, c.env
	began := time.Now()
	output, err := command.CombinedOutput()
	seconds = time.Since(began).Seconds()
	fmt.Fprintf(c.progress, "%s: %.1f s\n", words, seconds)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w\n%s", words, err, output)
	}
	return seconds, peakOf(command.ProcessState), nil
}

// touch adds code that runs to a file of the clone. A comment or an unused function
// would leave the programs the same, and the tests' results would come from the cache.
func (c *clone) touch(name string, number int) error {
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(filepath.Join(c.dir, filepath.FromSlash(name)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, writeErr := fmt.Fprintf(file, "\nvar Touched%[1]d int\n\nfunc init() { Touched%[1]d = %[1]d }\n", number)
	return errors.Join(writeErr, file.Close())
}
