// Command visitplannr is the command line for developers, operators and editors: it
// runs the whole system on this machine, invokes functions, sends proposals, shows what
// is stored, and reviews and checks deployments.
package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"visitplannr/internal/terminal"
)

// command is one subcommand. Its run function gets the arguments after its name.
type command struct {
	name    string
	args    string // in the usage line, after the flags
	summary string
	run     func(ctx context.Context, c *cli, args []string) error
}

func commands() []command {
	return []command{
		{"local", "", "run the API, its functions and the table on this machine", runLocal},
		{"event", "", "print the event that the gateway passes to a function", runEvent},
		{"invoke", "FILE|-", "run a function once on an event", runInvoke},
		{"propose", "", "propose a destination to the local or a deployed API", runPropose},
		{"certify", "-- COMMAND [ARGUMENT...]", "grade a client of the API against failures", runCertify},
		{"stream", "NAME", "print the events of one stream", runStream},
		{"events", "", "print all events, or follow new ones", runEvents},
		{"check", "", "check whether a stage can be deployed to an AWS account", runCheck},
		{"diff", "BASE [HEAD]", "show what the work tree, or HEAD, changes in the deployed stack", runDiff},
	}
}

// cli is a command's surroundings, which tests replace.
type cli struct {
	command command
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	getenv  func(string) string
	sleep   func(context.Context, time.Duration) error // returns early, with its error, when the context ends
}

// errUsage says that the arguments are wrong and that the reason has been printed.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, cli{stdin: os.Stdin, stdout: os.Stdout, stderr: terminal.NewLine(os.Stderr), getenv: os.Getenv, sleep: sleep}, os.Args[1:]))
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// run runs one command line and returns its exit code: 0 for success, 1 for
// failure, 2 for a command line that is wrong.
func run(ctx context.Context, c cli, args []string) int {
	if len(args) == 0 {
		usage(c.stderr)
		return 2
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		usage(c.stdout)
		return 0
	}
	for _, command := range commands() {
		if command.name != args[0] {
			continue
		}
		c.command = command
		switch err := command.run(ctx, &c, args[1:]); {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		case errors.Is(err, context.Canceled) && ctx.Err() != nil:
			err = fmt.Errorf("interrupted: %w", err)
			fallthrough
		default:
			fmt.Fprintf(c.stderr, "visitplannr %s: %s\n", command.name, c.shown(c.stderr, err.Error()))
			return 1
		}
	}
	fmt.Fprintf(c.stderr, "visitplannr: there is no command %q\n\n", args[0])
	usage(c.stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "visitplannr runs and operates the visitplannr command channel.\n\nUsage: visitplannr COMMAND [flags]\n\n")
	for _, command := range commands() {
		fmt.Fprintf(w, "  %-8s %s\n", command.name, command.summary)
	}
	fmt.Fprint(w, "\nRun 'visitplannr COMMAND -h' for help on a command.\n")
}

// flags returns the command's flag set, whose -h prints about and the flags.
func (c *cli) flags(about string) *flag.FlagSet {
	set := flag.NewFlagSet(c.command.name, flag.ContinueOnError)
	set.Usage = func() {
		fmt.Fprintf(set.Output(), "Usage: visitplannr %s\n\n%s\n\nFlags:\n",
			strings.TrimSpace(c.command.name+" [flags] "+c.command.args), about)
		set.PrintDefaults()
	}
	return set
}

// parse reads flags that must be followed by one of these numbers of arguments.
func (c *cli) parse(set *flag.FlagSet, args []string, positional ...int) error {
	var help bytes.Buffer
	set.SetOutput(&help)
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp): // requested help is output
		if _, err := help.WriteTo(c.stdout); err != nil {
			return err
		}
		return flag.ErrHelp
	case err != nil: // without the help, in which the reason would be hard to find
		return c.misuse(set, "%v", err)
	case !slices.Contains(positional, set.NArg()):
		return c.misuse(set, "there must be %s after the flags, not %q", cmp.Or(c.command.args, "nothing"), set.Args())
	}
	return nil
}

// read returns what a file holds, or what standard input does if the file's name is -.
// It ends with ctx, since a person at a terminal may have nothing to type.
func (c *cli) read(ctx context.Context, file string) ([]byte, error) {
	if file != "-" {
		return os.ReadFile(file)
	}
	if input, ok := c.stdin.(*os.File); ok && terminal.Is(input) && terminal.Is(c.stderr) {
		fmt.Fprintln(c.stderr, "Reading from the terminal. Ctrl-D at the beginning of a line ends the input.")
	}
	var content []byte
	var err error
	read := make(chan struct{})
	go func() {
		defer close(read)
		content, err = io.ReadAll(c.stdin)
	}()
	select {
	case <-read:
		return content, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// doing says on a terminal what takes long, until done is called.
func (c *cli) doing(what string) (done func()) { return terminal.Doing(c.stderr, what) }

// misuse reports wrong arguments and points to the help.
func (c *cli) misuse(set *flag.FlagSet, format string, args ...any) error {
	fmt.Fprintf(c.stderr, "visitplannr %s: %s\nRun 'visitplannr %s -h' for help.\n",
		set.Name(), fmt.Sprintf(format, args...), set.Name())
	return errUsage
}
