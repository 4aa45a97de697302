package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"visitplannr/internal/contract"
)

// deployment says where the parts of a deployed stack are.
type deployment struct {
	apiURL, table string
	region        string
	endpoint      string // of DynamoDB
	credentials   aws.Credentials
}

// findStack reads the outputs of a deployed stack.
func findStack(ctx context.Context, name string) (deployment, error) {
	a, err := openAccount(ctx)
	if err != nil {
		return deployment{}, fmt.Errorf("look for stack %s: %w", name, err)
	}
	s, err := a.stack(ctx, name)
	if err != nil {
		return deployment{}, fmt.Errorf("stack %s in %s: %w", name, a.region, err)
	}
	d := deployment{s.output(contract.OutputAPIURL), s.output(contract.OutputEventsTable), a.region, a.endpoint("dynamodb"), a.credentials}
	if d.apiURL == "" || d.table == "" {
		return deployment{}, fmt.Errorf("stack %s in %s has no outputs %s and %s: it is not a visitplannr stack", name, a.region, contract.OutputAPIURL, contract.OutputEventsTable)
	}
	return d, nil
}
