package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/console"
	"visitplannr/internal/openapi"
	"visitplannr/internal/settings"
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
itself, whose table must exist); -dynamodb-addr and -data then have no effect.

The page at the API's address sends proposals, and shows what is stored and logged as
it happens. Requests that another site's page could have sent are refused: API and
engine answer only to localhost and to the host in -addr or -dynamodb-addr. The API also
accepts requests from pages of the origins in -c corsOrigins.

Logs of the functions and the gateway go to standard error: one readable line per
request on a terminal, JSON lines otherwise.
Ctrl-C finishes the requests under way and stops; a second Ctrl-C stops at once.`

// Bounds of the local run.
const (
	startTimeout = 10 * time.Second // for an engine to answer
	readTimeout  = 10 * time.Second // for a client to send a request, so that it cannot hold up the end
	stopTimeout  = apigateway.IntegrationTimeout + time.Second
)

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
	var addr, logs string
	var engine engineOptions
	o := functionOptions{endpoints: contract.Endpoints()}
	given := settingFlags{}
	set := c.flags(aboutLocal)
	set.StringVar(&addr, "addr", defaultAPI, "`host:port` of the API; port 0 picks a free one")
	set.StringVar(&o.table, "table", defaultTable, "`name` of the events table; created if it does not exist")
	set.StringVar(&engine.addr, "dynamodb-addr", defaultDynamoDB, "`host:port` of the embedded engine; port 0 picks a free one")
	set.StringVar(&engine.data, "data", "", "`file` that keeps what the embedded engine stores, even if the process is killed; created if it does not exist (default: memory)")
	set.StringVar(&logs, "logs", "", "`format` of the logs: json, or text for people (default: text where standard error is a terminal)")
	set.Var(given, "c", "a setting, `key=value`; may be repeated")
	set.IntVar(&o.concurrency, "concurrency", 4, "the most `processes` of a function at a time")
	set.BoolVar(&o.debug, "debug", false, "disable all timeouts, run one process of each function, built for a debugger, and print how to attach one")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	if o.concurrency < 1 {
		return c.misuse(set, "-concurrency is %d; it must be at least 1", o.concurrency)
	}
	if o.debug {
		o.concurrency = 1
	}
	switch {
	case logs == "text", logs == "" && isTerminal(c.stderr):
		c.stderr = console.Text(c.stderr)
	case logs != "json" && logs != "":
		return c.misuse(set, "-logs is %q; it must be json or text", logs)
	}
	var err error
	if o.settings, err = settings.LoadLocal(given); err != nil {
		return c.misuse(set, "%v", err)
	}
	return serveLocal(ctx, c, addr, engine, o, given)
}

func serveLocal(ctx context.Context, c *cli, addr string, engine engineOptions, o functionOptions, given settingFlags) (err error) {
	// Take the API's port first: a port in use is the likeliest failure.
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return addressError("API", "-addr", err)
	}
	defer listener.Close() // Serve has closed it already

	description, err := openapi.YAML(o.endpoints)
	if err != nil {
		return err
	}
	var slice *slice
	var logger *slog.Logger
	o.page = console.New(console.Config{
		Endpoints:   o.endpoints,
		Title:       fmt.Sprintf("%s, %s", o.settings.Stage, o.settings.Access),
		Table:       o.table,
		Description: description,
		CORSOrigins: o.settings.CORSOrigins,
		Addr:        addr,
		Refused: func(err error) {
			logger.Warn("kept away", "status", http.StatusForbidden, "cause", err.Error())
		},
		Signers: pageSigners(o.settings.Access),
		All:     func(ctx context.Context) iter.Seq2[eventstore.Event, error] { return slice.store.All(ctx) },
		Stream: func(ctx context.Context, name eventstore.StreamName) iter.Seq2[eventstore.Event, error] {
			return slice.store.Stream(ctx, name)
		},
	})
	logger = httpapi.NewLogger(io.MultiWriter(c.stderr, o.page.Log("gateway")))
	if slice, err = startSlice(ctx, c, engine, o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, slice.close(ctx)) }()
	config := apigateway.Config{
		Endpoints:      o.endpoints,
		Functions:      slice.functions.invokers(),
		ValidateBodies: o.settings.Validation == settings.ByGateway,
		ThrottleRate:   o.settings.ThrottleRate,
		ThrottleBurst:  o.settings.ThrottleBurst,
		CORSOrigins:    o.settings.CORSOrigins,
		Logger:         logger,
	}
	if o.settings.Access == settings.IAM {
		config.Principals = localPrincipals()
	}
	if o.debug {
		config.Timeout = debugTimeout
	}
	api, err := apigateway.New(config)
	if err != nil {
		return err
	}
	defer slice.functions.follow(ctx)()
	server := &http.Server{
		Handler:     o.page.Handler(o.page.API(api)),
		ReadTimeout: readTimeout,
		ErrorLog:    log.New(c.stderr, "", 0),
	}
	server.RegisterOnShutdown(o.page.Close) // so that open pages do not hold it up
	fmt.Fprint(c.stdout, banner(listener.Addr(), slice.dynamoDB, o, given))
	return serve(ctx, c, server, listener)
}

// serve serves until ctx ends, then finishes the requests under way.
func serve(ctx context.Context, c *cli, server *http.Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve API: %w", err)
	case <-ctx.Done():
	}
	fmt.Fprintln(c.stdout, "Stopping: finishing the requests under way.")
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(bound); err != nil {
		return fmt.Errorf("stop API: %w", err)
	}
	fmt.Fprintln(c.stdout, "Stopped.")
	return nil
}

func banner(addr net.Addr, dynamoDB string, o functionOptions, given settingFlags) string {
	var text strings.Builder
	fmt.Fprintf(&text, "visitplannr is listening.\n\n  Page      http://%s/\n", addr)
	for _, e := range o.endpoints {
		fmt.Fprintf(&text, "  API       %s http://%s%s (%s)\n", e.Method, addr, e.Path, e.Function)
	}
	rate := "not throttled"
	if o.settings.ThrottleRate != settings.Unlimited {
		rate = fmt.Sprintf("throttled to %g requests a second", o.settings.ThrottleRate)
	}
	fmt.Fprintf(&text, "  DynamoDB  %s\n  Table     %s\n  Settings  stage %s, access %s, %s\n",
		dynamoDB, o.table, o.settings.Stage, o.settings.Access, rate)
	fmt.Fprint(&text, signers(o.settings.Access))
	if without := withoutEffect(given); len(without) > 0 {
		fmt.Fprintf(&text, "            no effect on this machine (docs/configuration.md says why): %s\n", strings.Join(without, ", "))
	}
	fmt.Fprintf(&text, "\nTry:\n\n")
	signature, credentials, sign := "", "", ""
	if o.settings.Access == settings.IAM {
		p := localPrincipals()[0]
		signature, sign = " "+curlSignature(p), " -sign"
		credentials = fmt.Sprintf("AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s ", p.AccessKeyID, p.SecretAccessKey)
	}
	for _, e := range o.endpoints {
		fmt.Fprintf(&text, "  curl -i -X %s http://%s%s%s", e.Method, addr, e.SamplePath(), signature)
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
	engine, _, _ := strings.Cut(dynamoDB, " ")
	fmt.Fprintf(&text, "  %sgo run ./cmd/visitplannr propose%s%s -name Brockholes -latitude 53.77 -longitude -2.63\n", credentials,
		unless(defaultAPI, addr.String(), " -url http://%s"+contract.ProposeDestination.Path), sign)
	fmt.Fprintf(&text, "  %sgo run ./cmd/visitplannr events -follow%s\n",
		unless("http://"+defaultDynamoDB, engine, dynamo.EnvEndpoint+"=%s "), unless(defaultTable, o.table, " -table %s"))
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

// prepareTable creates the table on an engine; on AWS it checks that the table exists.
func prepareTable(ctx context.Context, db database, store *dynamo.Store, table string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var err error
	if db.isAWS() {
		err = store.CheckTable(ctx)
	} else {
		_, err = store.CreateTable(ctx)
	}
	switch {
	case errors.Is(err, eventstore.ErrNoTable):
		return fmt.Errorf("there is no table %s at %s: deploy the stack, or name its table with -table: %w", table, db.endpoint, err)
	case eventstore.Retryable(err):
		return fmt.Errorf("no DynamoDB engine answers at %s: start it, or unset %s to use the embedded one: %w",
			db.endpoint, dynamo.EnvEndpoint, err)
	}
	return err
}

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// addressError says what to do when an address cannot be listened on.
func addressError(what, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("the address of the %s is in use: stop what listens there, or choose another with %s (port 0 picks a free one): %w", what, flag, err)
	}
	return fmt.Errorf("cannot listen for the %s: check %s: %w", what, flag, err)
}
