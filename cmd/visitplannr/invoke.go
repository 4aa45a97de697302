package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/local/apigateway"
)

const aboutInvoke = `Runs the function once on an event and prints its answer. The event is read from
FILE, or from standard input if FILE is -; 'visitplannr event' makes one.

The function writes to a fresh embedded table, which is gone afterwards, unless
AWS_ENDPOINT_URL_DYNAMODB names another engine. To write to the table of a running
'visitplannr local', set it to http://` + defaultDynamoDB + `.

Logs go to standard error. The exit code is 0 when the function answered, whatever
the status of its answer, and 1 when it did not.`

func runInvoke(ctx context.Context, c *cli, args []string) (err error) {
	var table string
	var asBootstrap bool
	set := c.flags(aboutInvoke)
	set.StringVar(&table, "table", defaultTable, "`name` of the events table")
	set.BoolVar(&asBootstrap, "bootstrap", false, "build the function and run it as Lambda does, behind the Runtime API")
	if err := c.parse(set, args, 1); err != nil {
		return err
	}
	event, err := readEvent(c, set.Arg(0))
	if err != nil {
		return err
	}

	slice, err := startSlice(ctx, c, sliceOptions{
		table: table, dynamoDBAddr: "127.0.0.1:0", bootstrap: asBootstrap, concurrency: 1,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, slice.close(ctx)) }()
	answer, err := slice.invoker.Invoke(ctx, event)
	if err != nil {
		return err
	}
	return printRaw(c.stdout, answer)
}

func readEvent(c *cli, file string) ([]byte, error) {
	in := c.stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read event: %w", err)
		}
		defer opened.Close()
		in = opened
	}
	event, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if !json.Valid(event) {
		return nil, fmt.Errorf("the event in %s is not JSON: 'visitplannr event' prints one that is", file)
	}
	return event, nil
}

// slice is the function and its table, without a gateway.
type slice struct {
	invoker  apigateway.Invoker
	function *bootstrap // nil: the function runs in this process
	dynamoDB string     // where the table is, for people
	closers  []func(context.Context) error
}

type sliceOptions struct {
	table        string
	dynamoDBAddr string // of the embedded engine
	data         string // its file; "": it keeps everything in memory
	bootstrap    bool
	concurrency  int // of the bootstrap's processes
}

// startSlice starts the function and, unless the environment names an engine,
// the embedded one.
func startSlice(ctx context.Context, c *cli, o sliceOptions) (_ *slice, err error) {
	s := &slice{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	endpoint := c.getenv(dynamo.EnvEndpoint)
	s.dynamoDB = endpoint
	if endpoint == "" {
		embedded, err := startEngine(o.dynamoDBAddr, o.data)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, embedded.Close)
		endpoint = embedded.URL()
		s.dynamoDB = endpoint + " (embedded: it lives in memory and ends with this process)"
		if o.data != "" {
			s.dynamoDB = endpoint + " (embedded: kept in " + o.data + ")"
		}
	}
	db, err := openDatabase(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	store := db.store(o.table)
	if err := prepareTable(ctx, db, store, o.table); err != nil {
		return nil, err
	}
	if !o.bootstrap {
		handler := httpapi.New(httpapi.Config{Store: store, Output: c.stderr, FunctionName: function})
		s.invoker = apigateway.InProcess{Handle: handler.Handle, Timeout: gobuild.FunctionTimeout}
		return s, nil
	}
	s.function, err = startBootstrap(ctx, db, o.table, o.concurrency, c.stderr)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func(context.Context) error { return s.function.Close() })
	s.invoker = s.function
	return s, nil
}

// close ends what was started, in reverse order.
func (s *slice) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // a signal must not cut the clean end short
	var all []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		all = append(all, s.closers[i](ctx))
	}
	return errors.Join(all...)
}
