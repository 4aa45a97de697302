package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local"
	"visitplannr/internal/settings"
)

const aboutInvoke = `Runs a function once on an event and prints its answer. The event is read from
FILE, or from standard input if FILE is -; 'visitplannr event' prints one. Its method
and path select the function, if there are several.

The function is built and runs as in Lambda. It writes to a fresh embedded table,
which is gone afterwards, unless AWS_ENDPOINT_URL_DYNAMODB names another engine. To
write to the table of a running 'visitplannr local', set it to
http://` + defaultDynamoDB + `.

Logs go to standard error. The exit code is 0 when the function answered, whatever
the status of its answer, and 1 when it did not.`

func runInvoke(ctx context.Context, c *cli, args []string) (err error) {
	var table string
	given := settingFlags{}
	set := c.flags(aboutInvoke)
	set.StringVar(&table, "table", defaultTable, "`name` of the events table")
	set.Var(given, "c", "a setting, `key=value`, as for 'visitplannr local'")
	if err := c.parse(set, args, 1); err != nil {
		return err
	}
	config, err := settings.LoadLocal(given)
	if err != nil {
		return c.misuse(set, "%v", err)
	}
	event, err := readEvent(ctx, c, set.Arg(0))
	if err != nil {
		return err
	}
	endpoint, err := endpointOf(event)
	if err != nil {
		return err
	}
	one := local.Config{
		Endpoints: []contract.Endpoint{endpoint}, Settings: config, Table: table, Concurrency: 1,
		Engine: c.getenv(dynamo.EnvEndpoint), EngineAddr: "127.0.0.1:0", Log: c.stderr,
		Doing: c.doing,
	}
	run, err := local.Start(ctx, one)
	if err != nil {
		return explain(err, one)
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	done := one.Doing("Running " + endpoint.Function)
	answer, err := run.Invoke(ctx, endpoint.Function, event)
	done()
	if err != nil {
		return err
	}
	return printRaw(c.stdout, answer)
}

// endpointOf returns the endpoint that an event is for. With only one endpoint, the
// event need not name it.
func endpointOf(event []byte) (contract.Endpoint, error) {
	endpoints := contract.Endpoints()
	var request events.APIGatewayProxyRequest
	// With only one function, that function judges what is not a proxy event.
	_ = json.Unmarshal(event, &request)
	if endpoint, _, ok := contract.Match(endpoints, request.HTTPMethod, request.Path); ok {
		return endpoint, nil
	}
	if len(endpoints) == 1 {
		return endpoints[0], nil
	}
	return contract.Endpoint{}, fmt.Errorf("no function answers %s %s, which is the event's httpMethod and path", request.HTTPMethod, request.Path)
}

func readEvent(ctx context.Context, c *cli, file string) ([]byte, error) {
	event, err := c.read(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	if !json.Valid(event) {
		return nil, errors.New("the event is not JSON: 'visitplannr event' prints one that is")
	}
	return event, nil
}
