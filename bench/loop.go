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
	"path/filepath"
	"strconv"
	"time"
)

var loopCommand = command{
	name: "loop",
	about: `Measures what a developer waits for, in a clone of the last commit, so the working
tree is left alone: all tests and one synthesis, with nothing changed, with one
line of code added to the function, and with one added to a stack. The median of
-rounds is given. The floor of a synthesis is one of an app in Go whose only stack
is empty.

-clean first does it with empty caches of Go's modules and builds and of jsii, as on
a new machine: minutes, and it downloads the modules. It is done once.

It needs node and, in the working tree, the packages of 'npm ci'.`,
	flags: func(set *flag.FlagSet) func(context.Context, *bench) (report, error) {
		var o loopOptions
		set.IntVar(&o.rounds, "rounds", 3, "`number` of rounds")
		set.BoolVar(&o.clean, "clean", false, "also measure with empty caches")
		return func(ctx context.Context, b *bench) (report, error) {
			if o.rounds < 1 {
				return nil, errors.New("-rounds must be at least 1")
			}
			return measureLoop(ctx, b, o)
		}
	},
}

type loopOptions struct {
	rounds int
	clean  bool
}

type loopReport struct {
	Machine machine    `json:"machine"`
	Rounds  int        `json:"rounds"`
	Waits   []loopWait `json:"waits"`
}

// loopWait is how long a developer waits for one command.
type loopWait struct {
	Change  string  `json:"change"`
	Command string  `json:"command"`
	Seconds float64 `json:"seconds"`
	samples []float64
}

// loopCommands are what is waited for. The first word of each is what the report
// calls it.
var loopCommands = [][]string{
	{"go test ./...", "go", "test", "./..."},
	{"npx cdk synth", "npx", "--no-install", "cdk", "synth", "--quiet"},
}

// The floor of a synthesis: what the CDK takes for nothing.
var loopFloor = []string{"npx cdk synth", "npx", "--no-install", "cdk", "synth", "--quiet", "--app", "go run ./" + emptyApp, "--output", "build/empty"}

const (
	emptyApp       = "_empty" // ./... does not see it
	emptyAppSource = `package main

import "github.com/aws/aws-cdk-go/awscdk/v2"

func main() {
	app := awscdk.NewApp(nil)
	name := "Empty"
	awscdk.NewStack(app, &name, nil)
	app.Synth(nil)
}
`
)

// change is something that a developer does between two commands.
type change struct {
	name string
	file string // gets a line of code; empty: none does
}

var changes = []change{
	{"nothing", ""},
	{"one line of the function", "functions/" + functionName + "/main.go"},
	{"one line of a stack", "stacks/table.go"},
}

func measureLoop(ctx context.Context, b *bench, o loopOptions) (report, error) {
	r := &loopReport{Machine: thisMachine(ctx, b.root), Rounds: o.rounds}
	packages := filepath.Join(b.root, "node_modules")
	if _, err := os.Stat(filepath.Join(packages, "aws-cdk")); err != nil {
		return nil, fmt.Errorf("the CDK command line is not installed: run 'npm ci' in %s: %w", b.root, err)
	}
	c := &clone{dir: filepath.Join(b.dir, "clone"), progress: b.progress, env: append(os.Environ(),
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION="+nodeMajor(ctx))}
	if output, err := exec.CommandContext(ctx, "git", "clone", "--quiet", b.root, c.dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("clone: %w\n%s", err, output)
	}
	if err := os.Symlink(packages, filepath.Join(c.dir, "node_modules")); err != nil {
		return nil, err
	}

	if o.clean {
		cold := *c
		for _, cache := range []string{"GOCACHE", "GOMODCACHE", "JSII_RUNTIME_PACKAGE_CACHE_ROOT"} {
			cold.env = append(cold.env, cache+"="+filepath.Join(b.dir, cache))
		}
		cold.env = append(cold.env, "GOFLAGS=-modcacherw") // or nobody could remove it
		for _, command := range loopCommands {
			took, err := cold.run(ctx, command)
			if err != nil {
				return nil, err
			}
			r.Waits = append(r.Waits, loopWait{Change: "clean clone, empty caches", Command: command[0], Seconds: round(took.Seconds())})
		}
	}
	if err := os.Mkdir(filepath.Join(c.dir, emptyApp), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(c.dir, emptyApp, "main.go"), []byte(emptyAppSource), 0o600); err != nil {
		return nil, err
	}

	var waits []*loopWait
	for _, change := range changes {
		for _, command := range loopCommands {
			waits = append(waits, &loopWait{Change: change.name, Command: command[0]})
		}
	}
	floor := &loopWait{Change: "an app with an empty stack", Command: loopFloor[0]}
	for round := range o.rounds + 1 { // the first fills the caches, and is not counted
		measure := func(wait *loopWait, command []string) error {
			took, err := c.run(ctx, command)
			if err == nil && round > 0 {
				wait.samples = append(wait.samples, took.Seconds())
			}
			return err
		}
		if err := measure(floor, loopFloor); err != nil {
			return nil, err
		}
		for i, wait := range waits {
			if err := c.touch(changes[i/len(loopCommands)].file, round*100+i); err != nil {
				return nil, err
			}
			if err := measure(wait, loopCommands[i%len(loopCommands)]); err != nil {
				return nil, err
			}
			// The other command must not meet this change as well as its own.
			if _, err := c.run(ctx, loopCommands[(i+1)%len(loopCommands)]); err != nil {
				return nil, err
			}
		}
	}
	waits = append(waits, floor)
	for _, wait := range waits {
		wait.Seconds = round(median(wait.samples))
		r.Waits = append(r.Waits, *wait)
	}
	return r, nil
}

// clone is a copy of the repository to work in.
type clone struct {
	dir      string
	env      []string
	progress io.Writer
}

func (c *clone) run(ctx context.Context, words []string) (time.Duration, error) {
	command := exec.CommandContext(ctx, words[1], words[2:]...)
	command.Dir, command.Env = c.dir, c.env
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	began := time.Now()
	err := command.Run()
	took := time.Since(began)
	fmt.Fprintf(c.progress, "%s: %.1f s\n", words[0], took.Seconds())
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", words[0], err, output.Bytes())
	}
	return took, nil
}

// touch adds code that runs to a file of the clone. A comment would not do, nor a
// function that nobody calls: the programs would stay the same, and the tests'
// results come from the cache.
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

// nodeMajor is the version of node that jsii shall not warn of.
func nodeMajor(ctx context.Context) string {
	version, err := exec.CommandContext(ctx, "node", "-p", "process.versions.node.split('.')[0]").Output()
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(version))
}

func (r *loopReport) text(w io.Writer) {
	r.Machine.text(w)
	t := table{head: []string{"changed", "command", "seconds"}}
	for _, wait := range r.Waits {
		t.row(wait.Change, wait.Command, strconv.FormatFloat(wait.Seconds, 'f', 1, 64))
	}
	t.print(w)
}

func (r *loopReport) plots() map[string]string { return nil }
