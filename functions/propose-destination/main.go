// Command propose-destination is the Lambda function behind POST /destination.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"visitplannr/internal/contract"
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
	ctx, cancel := context.WithTimeout(context.Background(), warmUp)
	defer cancel()
	_ = dynamo.Warm(ctx, client) // a store that cannot be reached is the request's problem, which reports it

	return httpapi.New(httpapi.Config{
		Store:        dynamo.New(client, table),
		Output:       os.Stdout,
		InvocationID: invocationID,
		FunctionName: getenv("AWS_LAMBDA_FUNCTION_NAME"),
		CORSOrigins:  strings.FieldsFunc(getenv(contract.EnvCORSOrigins), func(r rune) bool { return r == ',' }),
	}), nil
}

func invocationID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}
