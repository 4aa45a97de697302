// Command propose-destination is the Lambda function behind POST /destination.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
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

// build wires the function from its environment.
func build(getenv func(string) string) (*httpapi.Handler, error) {
	table, err := contract.EventsTable(getenv)
	if err != nil {
		return nil, err
	}
	client, err := dynamo.NewClient(getenv)
	if err != nil {
		return nil, err
	}
	_ = dynamo.Warm(context.Background(), client) // if the store cannot be reached, the request says so
	proposer := destination.NewProposer(dynamo.New(client, table))
	return propose.New(proposer, httpapi.FromEnvironment(getenv)), nil
}
