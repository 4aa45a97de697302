// Command propose-destination is the Lambda function behind POST /destination.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
)

func main() {
	handler, err := build(os.Getenv)
	if err != nil {
		httpapi.NewLogger(os.Stdout).Error("cannot start", "cause", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler.Handle)
}

// warmUp is the time to open a connection before the first request. If it takes longer,
// the request opens its own.
const warmUp = time.Second

// build wires the function from its environment.
func build(getenv func(string) string) (*httpapi.Handler, error) {
	table := getenv(contract.EnvEventsTable)
	if table == "" {
		return nil, fmt.Errorf("%s is not set: the stack sets it to the name of the events table", contract.EnvEventsTable)
	}
	client, err := dynamo.NewClient(getenv)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(client, table)
	cfg := httpapi.FromEnvironment(getenv)

	rehearse(cfg, store.Rehearsal())
	ctx, cancel := context.WithTimeout(context.Background(), warmUp)
	defer cancel()
	_ = dynamo.Warm(ctx, client) // if the store cannot be reached, the request reports it
	return propose.New(proposer(store), cfg), nil
}

func proposer(store destination.EventStore) *destination.Proposer {
	return &destination.Proposer{Store: store, Now: time.Now, NewID: eventstore.NewID}
}

// rehearse runs one proposal through the function's code and the runtime library,
// without logs or network. Work that code does only once (learning types, building
// tables) is then done before the first request.
func rehearse(cfg httpapi.Config, store destination.EventStore) {
	cfg.Output = io.Discard
	handler := lambda.NewHandler(propose.New(proposer(store), cfg).Handle)
	// Nobody needs the answer.
	_, _ = handler.Invoke(context.Background(), fmt.Appendf(nil, rehearsal, contract.ProposeDestination.SampleBody()))
}

// rehearsal is an event. %q is its body; Go quotes it as JSON does.
const rehearsal = `{
	"httpMethod": "POST",
	"headers": {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": "rehearsal"},
	"multiValueHeaders": {"Content-Type": ["application/json"]},
	"requestContext": {"requestId": "rehearsal"},
	"body": %q
}`
