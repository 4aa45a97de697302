package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local"
	"visitplannr/internal/terminal"
)

const aboutStream = `Prints the events of one stream, in order. NAME is a stream's name, such as
destination-01a20853-7103-7f3a-a566-15258458ad7e; receipts, log lines and
'visitplannr events' show it.

It reads the table of 'visitplannr local', unless -stack names a deployed stack or
AWS_ENDPOINT_URL_DYNAMODB names another engine. Region and credentials are those of
the environment, if set:

  AWS_REGION=eu-west-1 visitplannr stream -stack visitplannr-dev NAME`

const aboutEvents = `Prints every event of the table, oldest first. It reads the whole table, which costs
read capacity on a deployed one. An item that is no event is reported and left out; the
exit code is then 1.

It reads the table of 'visitplannr local', unless -stack names a deployed stack or
AWS_ENDPOINT_URL_DYNAMODB names another engine.`

// readFlags are shared by the commands that read the store.
type readFlags struct {
	table string
	stack string
	json  bool
}

func (f *readFlags) define(set *flag.FlagSet) {
	set.StringVar(&f.table, "table", defaultTable, "`name` of the events table")
	set.StringVar(&f.stack, "stack", "", "read the table of the deployed stack with this `name`")
	set.BoolVar(&f.json, "json", false, "print each event as one line of JSON, with all its attributes")
}

// openStore returns the store that the flags and the environment name, and its
// endpoint. With -stack it sets f.table.
func (c *cli) openStore(ctx context.Context, f *readFlags) (*dynamo.Store, string, error) {
	endpoint := c.getenv(dynamo.EnvEndpoint)
	if endpoint != "" {
		parsed, err := local.ParseEngine(endpoint)
		if err != nil {
			return nil, "", err
		}
		endpoint = parsed.String()
	}
	if f.stack != "" {
		d, err := findStack(ctx, f.stack)
		if err != nil {
			return nil, "", err
		}
		f.table = d.table
		db := local.Database{Endpoint: cmp.Or(endpoint, d.endpoint), Region: d.region, Credentials: d.credentials}
		return db.Store(f.table), db.Endpoint, nil
	}
	db, err := local.OpenDatabase(ctx, cmp.Or(endpoint, "http://"+defaultDynamoDB))
	if err != nil {
		return nil, "", err
	}
	// A local engine may check credentials, as an emulator of AWS does.
	db.Region = cmp.Or(c.getenv("AWS_REGION"), db.Region)
	if id, secret := c.getenv("AWS_ACCESS_KEY_ID"), c.getenv("AWS_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		db.Credentials = aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: c.getenv("AWS_SESSION_TOKEN"), Source: "environment"}
	}
	return db.Store(f.table), db.Endpoint, nil
}

func runStream(ctx context.Context, c *cli, args []string) error {
	var f readFlags
	set := c.flags(aboutStream)
	f.define(set)
	if err := c.parse(set, args, 1); err != nil {
		return err
	}
	name, err := eventstore.ParseStreamName(set.Arg(0))
	if err != nil {
		return c.misuse(set, "%v", err)
	}
	store, endpoint, err := c.openStore(ctx, &f)
	if err != nil {
		return err
	}
	found, malformed, err := collect(store.Stream(ctx, name))
	if err != nil {
		return readError(err, f.table, endpoint)
	}
	if len(found) == 0 && malformed == nil {
		return fmt.Errorf("there is no stream %s in table %s at %s", name, f.table, endpoint)
	}
	return errors.Join(c.printEvents(found, f.json), leftOut(malformed))
}

func runEvents(ctx context.Context, c *cli, args []string) error {
	var (
		f      readFlags
		follow bool
		every  time.Duration
	)
	set := c.flags(aboutEvents)
	f.define(set)
	set.BoolVar(&follow, "follow", false, "keep printing events as they are stored, until Ctrl-C")
	set.DurationVar(&every, "every", time.Second, "the time between two reads of the table with -follow")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	if every <= 0 {
		return c.misuse(set, "-every is %v; it must be more than 0", every)
	}
	store, endpoint, err := c.openStore(ctx, &f)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	printed := map[string]bool{} // ids of events, and what was said of other items
	for {
		found, malformed, err := collect(store.All(ctx))
		if err != nil && ctx.Err() != nil && follow {
			return nil
		}
		if err != nil {
			return readError(err, f.table, endpoint)
		}
		slices.SortFunc(found, eventstore.Compare)
		found = slices.DeleteFunc(found, func(e eventstore.Event) bool { return printed[e.ID.String()] })
		if err := c.printEvents(found, f.json); err != nil {
			return err
		}
		if !follow {
			return leftOut(malformed)
		}
		for _, event := range found {
			printed[event.ID.String()] = true
		}
		for _, err := range malformed {
			if !printed[err.Error()] {
				fmt.Fprintf(c.stderr, "left out: %s\n", c.shown(c.stderr, err.Error()))
			}
			printed[err.Error()] = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// collect gathers events, and the reasons why other items are none. Its error says why
// the table could not be read.
func collect(events iter.Seq2[eventstore.Event, error]) (found []eventstore.Event, malformed []error, err error) {
	for event, err := range events {
		switch {
		case errors.Is(err, eventstore.ErrInvalid):
			malformed = append(malformed, err)
		case err != nil:
			return nil, nil, err
		default:
			found = append(found, event)
		}
	}
	return found, malformed, nil
}

// leftOut reports items that were not printed, unless there are none.
func leftOut(malformed []error) error {
	if len(malformed) == 0 {
		return nil
	}
	return fmt.Errorf("items that are not events were left out: %d\n%w", len(malformed), errors.Join(malformed...))
}

func (c *cli) printEvents(events []eventstore.Event, asJSON bool) error {
	isolate, isolateQuoted := terminal.Isolate, terminal.IsolateQuoted
	if !terminal.Is(c.stdout) {
		isolate, isolateQuoted = strings.Clone, strings.Clone
	}
	for _, event := range events {
		line := fmt.Sprintf("%s  %s  %s  %s", event.Timestamp, event.StreamName,
			isolate(terminal.Escape(event.Type)), isolateQuoted(terminal.Escape(string(event.Data))))
		if asJSON {
			encoded, err := json.Marshal(event)
			if err != nil {
				return fmt.Errorf("encode event %s: %w", event.ID, err)
			}
			line = terminal.Escape(string(encoded))
		}
		if _, err := fmt.Fprintln(c.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// readError says what to do when the store cannot be read.
func readError(err error, table, endpoint string) error {
	switch {
	case errors.Is(err, eventstore.ErrNoTable):
		return fmt.Errorf("there is no table %s at %s: name the table with -table: %w", table, endpoint, err)
	case eventstore.Retryable(err):
		return fmt.Errorf("nothing answers at %s: start 'visitplannr local', or set %s to another engine: %w",
			endpoint, dynamo.EnvEndpoint, err)
	}
	return err
}
