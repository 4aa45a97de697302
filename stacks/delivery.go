package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscodedeploy"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

// aliasName is the alias of a function that the API invokes, if versions are published.
const aliasName = "live"

// newAlias publishes the function's code and settings as a version.
//
// Old versions stay, because CodeDeploy rolls back to one.
func newAlias(stack awscdk.Stack, name string, lambda awslambda.Function) awslambda.Alias {
	version := lambda.CurrentVersion()
	version.ApplyRemovalPolicy(awscdk.RemovalPolicy_RETAIN)
	return awslambda.NewAlias(stack, jsii.String(name+"-"+aliasName), &awslambda.AliasProps{
		AliasName: jsii.String(aliasName),
		Version:   version,
	})
}

// deliverGradually sends a tenth of the requests to a new version for five minutes. If
// an alarm rings meanwhile or the deployment fails, the old version takes all requests
// again.
func deliverGradually(stack awscdk.Stack, f function, alarms []awscloudwatch.Alarm) {
	id := f.name + "-delivery"
	role := awsiam.NewRole(stack, jsii.String(id+"-role"), &awsiam.RoleProps{
		// https://docs.aws.amazon.com/codedeploy/latest/userguide/security_confused_deputy.html
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("codedeploy.amazonaws.com"),
			&awsiam.ServicePrincipalOpts{Conditions: ofThisAccount(stack)}),
		Description: jsii.String("Shifts requests between versions of " + f.name),
	})
	// The actions of AWSCodeDeployRoleForLambdaLimited that this deployment uses. It
	// has no hooks, triggers or revisions in S3.
	//
	// The alias's own ARN would be a circular reference: alias, deployment group, role,
	// alias.
	alias := awscdk.Fn_Join(jsii.String(":"), &[]*string{f.lambda.FunctionArn(), jsii.String(aliasName)})
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings("lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"),
		Resources: &[]*string{f.lambda.FunctionArn(), alias},
	}))
	role.AddToPolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		// CloudWatch checks this action against all alarms, whichever are requested.
		Actions:   jsii.Strings("cloudwatch:DescribeAlarms"),
		Resources: jsii.Strings("*"),
	}))

	var rollback []interfacesawscloudwatch.IAlarmRef
	for _, alarm := range alarms {
		rollback = append(rollback, alarm)
	}
	awscodedeploy.NewLambdaDeploymentGroup(stack, jsii.String(id), &awscodedeploy.LambdaDeploymentGroupProps{
		Alias:            f.alias,
		DeploymentConfig: awscodedeploy.LambdaDeploymentConfig_CANARY_10PERCENT_5MINUTES(),
		Alarms:           &rollback,
		AutoRollback: &awscodedeploy.AutoRollbackConfig{
			DeploymentInAlarm: jsii.Bool(true),
			FailedDeployment:  jsii.Bool(true),
			StoppedDeployment: jsii.Bool(true),
		},
		// The CDK would add a managed policy to a mutable role.
		Role: role.WithoutPolicyUpdates(nil),
	})
}
