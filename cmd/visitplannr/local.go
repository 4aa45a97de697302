package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"syscall"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/dynamodb"
)

const aboutLocal = `Runs the whole slice on this machine: the REST API, the function and the events
table. It needs no Docker, no AWS account and no credentials.

The table lives in an embedded DynamoDB engine, in memory: it is empty at the
start and gone at the end, unless -data names a file to keep it in. To use another
engine, set AWS_ENDPOINT_URL_DYNAMODB to its URL (DynamoDB Local, dynoxide,
LocalStack, or AWS itself, whose table must exist); -dynamodb-addr and -data then
have no effect.

Logs of the function and of the gateway go to standard error, as JSON lines.
Ctrl-C ends the run after the requests that are under way; a second one at once.`

// Bounds of the local run.
const (
	startTimeout = 10 * time.Second // for an engine to answer
	readTimeout  = 10 * time.Second // for a client to send a request, or it would hold up the end
	stopTimeout  = apigateway.IntegrationTimeout + time.Second
)

type localOptions struct {
	addr       string
	validation string
	watch      bool
	slice      sliceOptions
}

func runLocal(ctx context.Context, c *cli, args []string) error {
	var o localOptions
	set := c.flags(aboutLocal)
	set.StringVar(&o.addr, "addr", defaultAPI, "`host:port` of the API; port 0 takes any free one")
	set.StringVar(&o.slice.table, "table", defaultTable, "`name` of the events table; made if it is not there")
	set.StringVar(&o.slice.dynamoDBAddr, "dynamodb-addr", defaultDynamoDB, "`host:port` of the embedded engine; port 0 takes any free one")
	set.StringVar(&o.slice.data, "data", "", "`file` that keeps what the embedded engine stores, also when the process is killed; made if it is not there (default: memory)")
	set.StringVar(&o.validation, "validation", contract.ValidationGateway, "who checks bodies first, as the stack's setting of that name: `gateway or function`")
	set.BoolVar(&o.slice.bootstrap, "bootstrap", false, "build the function and run it as Lambda does: processes behind the Runtime API, restarted when they crash")
	set.BoolVar(&o.watch, "watch", false, "with -bootstrap (which it implies): rebuild and swap the function when a source file changes")
	set.IntVar(&o.slice.concurrency, "concurrency", 4, "with -bootstrap: the most `processes` of the function side by side")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	o.slice.bootstrap = o.slice.bootstrap || o.watch
	if o.slice.concurrency < 1 {
		return c.misuse(set, "-concurrency is %d; it must be at least 1", o.slice.concurrency)
	}
	if o.validation != contract.ValidationGateway && o.validation != contract.ValidationFunction {
		return c.misuse(set, "-validation is %q; it can be %s or %s", o.validation, contract.ValidationGateway, contract.ValidationFunction)
	}
	return serveLocal(ctx, c, o)
}

func serveLocal(ctx context.Context, c *cli, o localOptions) (err error) {
	// Take the API's port first: it is the likeliest thing to be in the way.
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return addressError("API", "-addr", err)
	}
	defer listener.Close() // after Serve it is closed already

	slice, err := startSlice(ctx, c, o.slice)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, slice.close(ctx)) }()
	api, err := apigateway.New(apigateway.Config{
		Invoker:        slice.invoker,
		ValidateBodies: o.validation == contract.ValidationGateway,
		Logger:         httpapi.NewLogger(c.stderr),
	})
	if err != nil {
		return err
	}
	if o.watch {
		if err := slice.function.follow(ctx, c.stderr); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler:     api,
		ReadTimeout: readTimeout,
		ErrorLog:    log.New(c.stderr, "", 0),
	}
	fmt.Fprint(c.stdout, banner(listener.Addr(), slice.dynamoDB, o.slice.table))
	return serve(ctx, c, server, listener)
}

// startEngine starts the embedded engine on a file, or in memory.
func startEngine(addr, data string) (*dynamodb.Server, error) {
	embedded, err := dynamodb.Start(addr, dynamodb.Options{Path: data})
	var network *net.OpError
	if errors.As(err, &network) {
		return nil, addressError("embedded DynamoDB engine", "-dynamodb-addr", err)
	}
	return embedded, err
}

// serve serves until ctx ends, then finishes the requests that are under way.
func serve(ctx context.Context, c *cli, server *http.Server, listener net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve API: %w", err)
	case <-ctx.Done():
	}
	fmt.Fprintln(c.stdout, "Stopping: finishing the requests that are under way.")
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := server.Shutdown(bound); err != nil {
		return fmt.Errorf("stop API: %w", err)
	}
	fmt.Fprintln(c.stdout, "Stopped.")
	return nil
}

func banner(addr net.Addr, dynamoDB, table string) string {
	url := "http://" + addr.String() + contract.ProposeDestination.Path
	return fmt.Sprintf(`visitplannr is listening.

  API       %s %s
  DynamoDB  %s
  Table     %s

Try:

  curl -i %s -H 'Content-Type: %s' -d '%s'

Ctrl-C stops it.

`, contract.ProposeDestination.Method, url, dynamoDB, table, url, contract.MediaTypeJSON, sampleBody)
}

// prepareTable makes the table on an engine and checks it on AWS.
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
		return fmt.Errorf("table %s is not at %s: deploy the stack, or name its table with -table: %w", table, db.endpoint, err)
	case eventstore.Retryable(err):
		return fmt.Errorf("no DynamoDB engine answers at %s: start it, or unset %s to use the embedded one: %w",
			db.endpoint, dynamo.EnvEndpoint, err)
	}
	return err
}

// addressError says what to do about an address that cannot be listened on.
func addressError(what, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("the address of the %s is taken: stop what listens there, or choose another with %s (port 0 takes any free one): %w", what, flag, err)
	}
	return fmt.Errorf("cannot listen for the %s: check %s: %w", what, flag, err)
}
