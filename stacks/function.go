package stacks

import (
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
)

// function is a Lambda function with a role and a log group of its own.
type function struct {
	name   string
	lambda awslambda.Function
	role   awsiam.Role
	alias  awslambda.Alias // nil: requests go to the latest code
}

// newFunction runs the code in the directory asset.
func newFunction(stack awscdk.Stack, c Config, name, asset string, table awsdynamodb.Table) function {
	logs := newLogGroup(stack, c, name+"-logs")

	// Without a role of ours the CDK would attach a managed policy, which may
	// write to every log group of the account.
	role := awsiam.NewRole(stack, jsii.String(name+"-role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the function " + name + " may do"),
	})
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"),
		Resources: &[]*string{logs.LogGroupArn()},
	}))
	// The CDK adds the two X-Ray actions that active tracing needs, on "*": X-Ray
	// has no resources to name
	// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html).

	props := &awslambda.FunctionProps{
		Description:   jsii.String("visitplannr " + string(c.Stage) + ": " + name),
		Runtime:       awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:  awslambda.Architecture_ARM_64(),
		Handler:       jsii.String(gobuild.Bootstrap),
		Code:          awslambda.Code_FromAsset(jsii.String(asset), nil),
		Role:          role,
		Timeout:       awscdk.Duration_Millis(jsii.Number(gobuild.FunctionTimeout.Milliseconds())),
		MemorySize:    jsii.Number(c.MemoryMiB),
		Tracing:       awslambda.Tracing_ACTIVE,
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		Environment:   environment(c, table),
	}
	if c.ReservedConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(c.ReservedConcurrency)
	}
	f := function{name: name, role: role, lambda: awslambda.NewFunction(stack, jsii.String(name), props)}
	if c.Delivery == Canary {
		f.alias = newAlias(stack, name, f.lambda)
	}
	return f
}

// target is what the API invokes.
func (f function) target() awslambda.IFunction {
	if f.alias != nil {
		return f.alias
	}
	return f.lambda
}

// environment is what the function reads, and what the Go runtime in it reads.
func environment(c Config, table awsdynamodb.Table) *map[string]*string {
	env := map[string]*string{
		contract.EnvEventsTable: table.TableName(),
	}
	for _, setting := range gobuild.Environment(c.MemoryMiB) {
		name, value, _ := strings.Cut(setting, "=")
		env[name] = jsii.String(value)
	}
	if len(c.CORSOrigins) > 0 {
		env[contract.EnvCORSOrigins] = jsii.String(strings.Join(c.CORSOrigins, ","))
	}
	return &env
}

// allow grants the function single actions on the table alone, not on indexes or
// streams that it may get one day.
func (f function) allow(table awsdynamodb.Table, actions []string) {
	f.role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &[]*string{table.TableArn()},
	}))
}

// newLogGroup keeps logs as long as the stage's setting says. Its name is the
// stack's own, so that a stack can be made again beside logs that were retained.
func newLogGroup(stack awscdk.Stack, c Config, id string) awslogs.LogGroup {
	logs := awslogs.NewLogGroup(stack, jsii.String(id), &awslogs.LogGroupProps{RemovalPolicy: removalPolicy(c)})
	logs.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(c.LogRetentionDays))
	return logs
}
