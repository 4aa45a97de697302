package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/settings"
)

// function is a Lambda function with a role and a log group of its own.
type function struct {
	name   string
	lambda awslambda.Function
	alias  awslambda.Alias // nil: requests go to the latest code
}

// newFunction creates an endpoint's function from the code in the directory asset. Its
// grants cover the table alone, not indexes or streams that the table may get later. A
// function without grants does not get the table's name.
func newFunction(stack awscdk.Stack, c settings.Config, e contract.Endpoint, asset string, table awsdynamodb.ITable) function {
	name := e.Function
	logs := newLogGroup(stack, c, name+"-logs")

	// Without this role the CDK would attach a managed policy that allows writing to
	// every log group of the account.
	//
	// Its trust policy has no condition on aws:SourceAccount: AWS does not document
	// that Lambda sends it when it assumes a role, and if it did not, no function would
	// start. Only a principal with iam:PassRole can give the role to a function, and
	// only to one in this account
	// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
	role := awsiam.NewRole(stack, jsii.String(name+"-role"), &awsiam.RoleProps{
		AssumedBy:   awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("What the function " + name + " may do"),
	})
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("logs:CreateLogStream", "logs:PutLogEvents"),
		Resources: &[]*string{logs.LogGroupArn()},
	}))
	if e.UsesTable() {
		var actions []string
		for _, action := range e.TableActions {
			actions = append(actions, "dynamodb:"+action)
		}
		role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Actions:   jsii.Strings(actions...),
			Resources: &[]*string{table.TableArn()},
		}))
	}
	// The CDK adds the two X-Ray actions that active tracing needs, on "*", because
	// they support no specific resources
	// (https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html).

	props := &awslambda.FunctionProps{
		Description:   jsii.String("visitplannr " + string(c.Stage) + ": " + name),
		Runtime:       awslambda.Runtime_PROVIDED_AL2023(),
		Architecture:  architecture(c.Architecture),
		Handler:       jsii.String(gobuild.Executable),
		Code:          awslambda.Code_FromAsset(jsii.String(asset), nil),
		Role:          role,
		Timeout:       awscdk.Duration_Millis(jsii.Number(settings.FunctionTimeout.Milliseconds())),
		MemorySize:    jsii.Number(c.MemoryMiB),
		Tracing:       awslambda.Tracing_ACTIVE,
		LogGroup:      logs,
		LoggingFormat: awslambda.LoggingFormat_JSON,
		Environment:   environment(c, e, table),
	}
	if c.ReservedConcurrency > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(c.ReservedConcurrency)
	}
	f := function{name: name, lambda: awslambda.NewFunction(stack, jsii.String(name), props)}
	if c.Delivery == settings.Canary {
		f.alias = newAlias(stack, name, f.lambda)
	}
	return f
}

func architecture(a settings.Architecture) awslambda.Architecture {
	if a == settings.X86 {
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

// target is what the API invokes.
func (f function) target() awslambda.IFunction {
	if f.alias != nil {
		return f.alias
	}
	return f.lambda
}

// environment returns the function's variables in the CDK's type.
func environment(c settings.Config, e contract.Endpoint, table awsdynamodb.ITable) *map[string]*string {
	env := map[string]*string{}
	for name, value := range c.Environment(e, *table.TableName()) {
		env[name] = jsii.String(value)
	}
	return &env
}

// newLogGroup keeps logs for as long as the stage's setting says. CloudFormation
// generates its name, so that a stack can be recreated next to retained logs.
func newLogGroup(stack awscdk.Stack, c settings.Config, id string) awslogs.LogGroup {
	logs := awslogs.NewLogGroup(stack, jsii.String(id), &awslogs.LogGroupProps{RemovalPolicy: removalPolicy(c)})
	logs.Node().DefaultChild().(awslogs.CfnLogGroup).SetRetentionInDays(jsii.Number(c.LogRetentionDays))
	return logs
}
