// Command propose-destination is the Lambda function behind POST /destination.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/httpapi"
)

func main() {
	handler, err := build(os.Getenv)
	if err != nil {
		httpapi.NewLogger(os.Stdout).Error("cannot start", "cause", err.Error())
		os.Exit(1)
	}
	lambda.Start(handler.Handle)
}

// warmUp bounds the connection that is opened before the first request. A slower
// one is left to the request itself.
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
	cfg := httpapi.Config{
		Store:        store,
		Output:       os.Stdout,
		LogLevel:     getenv("AWS_LAMBDA_LOG_LEVEL"),
		InvocationID: invocationID,
		FunctionName: getenv("AWS_LAMBDA_FUNCTION_NAME"),
		CORSOrigins:  strings.FieldsFunc(getenv(contract.EnvCORSOrigins), func(r rune) bool { return r == ',' }),
	}

	// One thread does both: it rehearses whenever the network is waited for.
	rehearsed := make(chan struct{})
	go func() {
		defer close(rehearsed)
		rehearse(cfg, store.Rehearsal())
	}()
	ctx, cancel := context.WithTimeout(context.Background(), warmUp)
	defer cancel()
	_ = dynamo.Warm(ctx, client) // a store that cannot be reached is the request's problem, which reports it
	<-rehearsed
	return httpapi.New(cfg), nil
}

// rehearse takes one proposal through all of the function's code, and the runtime
// library's, without a line of log and without the network: what code does the
// first time only (learning types, building tables) then does not wait for the
// first editor.
func rehearse(cfg httpapi.Config, store destination.EventStore) {
	cfg.Store, cfg.Output = store, io.Discard
	// What comes of it is nobody's business.
	_, _ = lambda.NewHandler(httpapi.New(cfg).Handle).Invoke(context.Background(), []byte(rehearsal))
}

const rehearsal = `{
	"httpMethod": "POST",
	"headers": {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": "rehearsal"},
	"multiValueHeaders": {"Content-Type": ["application/json"]},
	"requestContext": {"requestId": "rehearsal"},
	"body": "{\"name\": \"Rehearsal\", \"geolocation\": {\"latitude\": 53.77, \"longitude\": -2.63}}"
}`

func invocationID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}
