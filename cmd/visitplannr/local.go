package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local"
	"visitplannr/internal/local/console"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/openapi"
	"visitplannr/internal/settings"
	"visitplannr/internal/terminal"
)

// What is local has these names and addresses unless flags say otherwise.
const (
	defaultTable    = "visitplannr-events"
	defaultAPI      = "127.0.0.1:3000"
	defaultDynamoDB = "127.0.0.1:8000"
)

const aboutLocal = `Runs the whole system on this machine: the REST API, its functions and the events
table. It needs no Docker, no AWS account and no credentials.

Each function is built and runs as in Lambda: in processes behind the Runtime API,
which are ended when they take too long and replaced when they crash. Saving a source
file deploys it: the functions are rebuilt and swapped without dropping a request.
While a new build does not compile, the last good one keeps serving.

-c takes the settings of a stage, as 'npx cdk' does: -c stage=prod gives exactly
prod's. Without a stage the run is dev with access=open and throttleRate=unlimited.
docs/configuration.md lists the settings and what each does on this machine. With
access=iam, requests must be signed by one of the principals printed at the start.

The table lives in an embedded DynamoDB engine, in memory: it is empty at the
start and gone at the end, unless -data names a file to keep it in. To use another
engine, set AWS_ENDPOINT_URL_DYNAMODB to its URL (dynoxide, DynamoDB Local, or AWS
itself, whose table must exist); -dynamodb-addr and -data then have no effect. Only AWS,
at an https URL of its own, gets your AWS credentials.

The page at the API's address sends proposals, and shows what is stored and logged as
it happens. Requests that another site's page could have sent are refused: API and
engine answer only to localhost and to the host in -addr or -dynamodb-addr. The API also
accepts requests from pages of the origins in -c corsOrigins.

Logs of the functions and the gateway go to standard error: one readable line per
request on a terminal, JSON lines otherwise.
Ctrl-C finishes the requests under way and stops; a second Ctrl-C stops at once.

With -json, standard output is one line of JSON for programs, once the API serves: its
URL (api), the engine's (dynamodb), the name of the table, the URL of the API's OpenAPI
description, and who can sign, where requests must be signed (signers). The run then ends
when its standard input does, if that is a pipe, so that it does not outlive a program
that starts it.`

// aboutFaults lists the faults that can be injected.
func aboutFaults() string {
	var text strings.Builder
	fmt.Fprint(&text, `

-faults injects faults into the functions' requests to the table, each at a rate from 0
to 1, as in -faults throttled=0.1,lost-reply=0.02,crash=0.01. It does so before any engine
but AWS's. The log has a line for each fault, and the page can change them. The faults:
`)
	for _, c := range faults.Choices() {
		fmt.Fprintf(&text, "\n  %-15s %s", c.Kind, c.Situation)
	}
	return text.String()
}

// settingFlags collects the values of a repeated -c.
type settingFlags map[string]string

func (f settingFlags) String() string { return "" }

func (f settingFlags) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" {
		return fmt.Errorf("%q is not of the form key=value", text)
	}
	f[key] = value
	return nil
}

func runLocal(ctx context.Context, c *cli, args []string) error {
	given := settingFlags{}
	run := local.Config{Endpoints: contract.Endpoints(), Engine: c.getenv(dynamo.EnvEndpoint), Follow: true}
	set := c.flags(aboutLocal + aboutFaults())
	set.StringVar(&run.Addr, "addr", defaultAPI, "`host:port` of the API; port 0 picks a free one")
	set.StringVar(&run.Table, "table", defaultTable, "`name` of the events table; created if it does not exist")
	set.StringVar(&run.EngineAddr, "dynamodb-addr", defaultDynamoDB, "`host:port` of the embedded engine; port 0 picks a free one")
	set.StringVar(&run.Data, "data", "", "`file` that keeps what the embedded engine stores, even if the process is killed; created if it does not exist (default: memory)")
	logs := set.String("logs", "", "`format` of the logs: json, or text for people (default: text where standard error is a terminal)")
	asJSON := set.Bool("json", false, "print one line of JSON, for programs, where people get a text, once the API serves")
	spec := set.String("faults", "", "`kind=rate,...`: how often a request of a function to the table meets a fault (see above)")
	seed := set.Uint64("fault-seed", 1, "a `number`: the same one injects the same faults in the same order again")
	set.Var(given, "c", "a setting, `key=value`; may be repeated")
	set.IntVar(&run.Concurrency, "concurrency", 4, "the most `processes` of a function at a time")
	set.BoolVar(&run.Debug, "debug", false, "disable all timeouts, run one process of each function, built for a debugger, and print how to attach one")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	if run.Concurrency < 1 {
		return c.misuse(set, "-concurrency is %d; it must be at least 1", run.Concurrency)
	}
	if run.Debug {
		run.Concurrency = 1
	}
	if run.Addr == "" || run.EngineAddr == "" {
		return c.misuse(set, "-addr and -dynamodb-addr must be a host:port such as %s", defaultAPI)
	}
	raw := *c // c.stderr may become readable lines below, and no terminal
	run.Doing = raw.doing
	switch {
	case *logs == "text", *logs == "" && terminal.Is(c.stderr):
		c.stderr = console.Text(c.stderr)
	case *logs != "json" && *logs != "":
		return c.misuse(set, "-logs is %q; it must be json or text", *logs)
	}
	run.Log = c.stderr
	var err error
	if run.Settings, err = settings.LoadLocal(given); err != nil {
		return c.misuse(set, "%v", err)
	}
	injected, err := faults.Parse(*spec)
	switch {
	case err != nil:
		return c.misuse(set, "-faults: %v", err)
	case !local.IsAWS(run.Engine):
		run.Faults = faults.New(*seed, injected)
	case *spec != "":
		return fmt.Errorf("-faults: %w: unset %s to use the embedded one", local.ErrFaultsOnAWS, dynamo.EnvEndpoint)
	}
	if run.Observer, err = page(run); err != nil {
		return err
	}
	if *asJSON {
		ctx = whileOpen(ctx, c.stdin)
	}
	return c.local(ctx, run, given, *asJSON)
}

// whileOpen returns a context that also ends with the input, if that is a pipe.
func whileOpen(ctx context.Context, input io.Reader) context.Context {
	file, _ := input.(*os.File)
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return ctx
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, file)
	}()
	return ctx
}

// local starts a run, says where it is, and ends it when ctx ends.
func (c *cli) local(ctx context.Context, config local.Config, given settingFlags, asJSON bool) (err error) {
	run, err := local.Start(ctx, config)
	if err != nil {
		return explain(err, config)
	}
	people := c.stdout
	if asJSON {
		people = c.stderr
		err = json.NewEncoder(c.stdout).Encode(runningAt{run, run.URL + console.DescriptionPath})
	} else {
		_, err = io.WriteString(c.stdout, banner(run, config, given))
	}
	if err == nil {
		err = run.Wait(ctx)
	}
	if ctx.Err() != nil {
		fmt.Fprintln(people, "Stopping: finishing the requests under way.")
	}
	done := config.Doing("Waiting for them")
	err = errors.Join(err, run.Close())
	done()
	if err == nil {
		fmt.Fprintln(people, "Stopped.")
	}
	return err
}

// page returns the page of a run.
func page(run local.Config) (*console.Console, error) {
	description, err := openapi.YAML(run.Endpoints)
	if err != nil {
		return nil, err
	}
	config := console.Config{
		Endpoints:   run.Endpoints,
		Title:       fmt.Sprintf("%s, %s", run.Settings.Stage, run.Settings.Access),
		Table:       run.Table,
		Description: description,
		Faults:      run.Faults,
		InMemory:    run.Engine == "" && run.Data == "",
	}
	if run.Settings.Access == settings.IAM {
		config.Signers = pageSigners(local.Principals())
	}
	return console.New(config), nil
}

// runningAt is what -json prints: where a run is, for programs.
type runningAt struct {
	*local.Run
	Description string `json:"description"` // URL of the API's description, in OpenAPI
}

func banner(run *local.Run, config local.Config, given settingFlags) string {
	var text strings.Builder
	fmt.Fprintf(&text, "visitplannr is listening.\n\n  Page      %s/\n", run.URL)
	for _, e := range config.Endpoints {
		fmt.Fprintf(&text, "  API       %s %s%s (%s)\n", e.Method, run.URL, e.Path, e.Function)
	}
	kept := ""
	switch {
	case config.Engine != "":
	case config.Data != "":
		kept = " (embedded: kept in " + config.Data + ")"
	default:
		kept = " (embedded: in memory, gone when this process ends)"
	}
	rate := "not throttled"
	if config.Settings.ThrottleRate != settings.Unlimited {
		rate = fmt.Sprintf("throttled to %g requests a second", config.Settings.ThrottleRate)
	}
	fmt.Fprintf(&text, "  DynamoDB  %s%s\n  Table     %s\n  Settings  stage %s, access %s, %s\n",
		run.DynamoDB, kept, config.Table, config.Settings.Stage, config.Settings.Access, rate)
	if config.Faults != nil && len(config.Faults.Spec()) > 0 {
		fmt.Fprintf(&text, "  Faults    ON: %s\n", config.Faults.Spec())
	}
	fmt.Fprint(&text, signers(run.Signers))
	if without := withoutEffect(given); len(without) > 0 {
		fmt.Fprintf(&text, "            no effect on this machine (docs/configuration.md says why): %s\n", strings.Join(without, ", "))
	}
	fmt.Fprintf(&text, "\nTry:\n\n")
	signature, credentials, sign := "", "", ""
	if len(run.Signers) > 0 {
		p := run.Signers[0]
		signature, sign = " "+curlSignature(p), " -sign"
		credentials = fmt.Sprintf("AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s ", p.AccessKeyID, p.SecretAccessKey)
	}
	for _, e := range config.Endpoints {
		fmt.Fprintf(&text, "  curl -i -X %s %s%s%s", e.Method, run.URL, e.SamplePath(), signature)
		if e.Body != nil {
			fmt.Fprintf(&text, " -H 'Content-Type: %s' -d '%s'", contract.MediaTypeJSON, e.SampleBody())
		}
		fmt.Fprintln(&text)
	}
	// Leave out what the commands take by default.
	unless := func(usual, is, format string) string {
		if is == usual {
			return ""
		}
		return fmt.Sprintf(format, is)
	}
	fmt.Fprintf(&text, "  %sgo run ./cmd/visitplannr propose%s%s -name Brockholes -latitude 53.77 -longitude -2.63\n", credentials,
		unless("http://"+defaultAPI, run.URL, " -url %s"+contract.ProposeDestination.Path), sign)
	fmt.Fprintf(&text, "  %sgo run ./cmd/visitplannr events -follow%s\n",
		unless("http://"+defaultDynamoDB, run.DynamoDB, dynamo.EnvEndpoint+"=%s "), unless(defaultTable, config.Table, " -table %s"))
	fmt.Fprintf(&text, "\nCtrl-C stops it.\n\n")
	return text.String()
}

// withoutEffect returns the given settings that the local run ignores; a given stage
// stands for all of its settings.
func withoutEffect(given settingFlags) []string {
	_, wholeStage := given["stage"]
	var keys []string
	for _, s := range settings.All() {
		if _, named := given[s.Key]; (named || wholeStage) && !s.HasLocalEffect() {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// explain adds to an error of local.Start what to do about it, in the words of the
// command line.
func explain(err error, config local.Config) error {
	var address *local.AddressError
	flag := "-addr"
	if errors.As(err, &address) && address.OfEngine {
		flag = "-dynamodb-addr"
	}
	switch {
	case address != nil && errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w: stop what listens there, or choose another address with %s (port 0 picks a free one)", err, flag)
	case address != nil:
		return fmt.Errorf("cannot listen: check %s: %w", flag, err)
	case errors.Is(err, eventstore.ErrNoTable):
		return fmt.Errorf("there is no such table: deploy the stack, or name its table with -table: %w", err)
	case config.Engine != "" && eventstore.Retryable(err):
		return fmt.Errorf("no DynamoDB engine answers: start it, or unset %s to use the embedded one: %w", dynamo.EnvEndpoint, err)
	}
	return err
}
