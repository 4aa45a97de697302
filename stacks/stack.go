// Package stacks defines the infrastructure of a stage with AWS CDK. NewStack is the
// overview; each part has its own file.
package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
)

// NewStack adds a stage's stack to the scope: the events table; for each endpoint a
// function with its grants on the table, and a route; and monitoring. assets holds the
// code of each endpoint's function.
//
// The stack names no account and no region, so its template is the same in all.
func NewStack(scope constructs.Construct, c settings.Config, endpoints []contract.Endpoint, assets Assets) awscdk.Stack {
	stack := awscdk.NewStack(scope, jsii.String(c.Stage.StackName()), &awscdk.StackProps{
		Description:           jsii.String("visitplannr: the command channel through which editors propose destinations (" + string(c.Stage) + ")"),
		TerminationProtection: jsii.Bool(c.DeletionProtection),
		Tags:                  &map[string]*string{"project": jsii.String("visitplannr"), "stage": jsii.String(string(c.Stage))},
	})

	table := newEventsTable(stack, c)
	api := newAPI(stack, c)
	operations := newMonitoring(stack, c)
	operations.watchAPI()
	var names []string
	for _, e := range endpoints {
		function := newFunction(stack, c, e, assets[e.Function], table)
		api.route(e, function)
		alarms := operations.watchFunction(function, e)
		if c.Delivery == settings.Canary {
			deliverGradually(stack, function, alarms)
		}
		names = append(names, *function.lambda.FunctionName())
	}
	operations.watchTable(table, endpoints)
	operations.showDashboard()

	output(stack, contract.OutputAPIURL, "Base URL of the API.", *api.rest.Url())
	output(stack, contract.OutputEventsTable, "Name of the table that holds the events.", *table.TableName())
	output(stack, contract.OutputFunctionName, "Names of the functions, separated by commas.", strings.Join(names, ","))
	return stack
}

func output(stack awscdk.Stack, id, description, value string) {
	awscdk.NewCfnOutput(stack, jsii.String(id), &awscdk.CfnOutputProps{
		Description: jsii.String(description),
		Value:       jsii.String(value),
	})
}

// removalPolicy returns the policy for resources that hold data.
func removalPolicy(c settings.Config) awscdk.RemovalPolicy {
	if c.Removal == settings.Retain {
		return awscdk.RemovalPolicy_RETAIN
	}
	return awscdk.RemovalPolicy_DESTROY
}
