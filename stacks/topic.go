package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/jsii-runtime-go"
)

// ofThisAccount is the condition that a service acts for this account, and not for
// another account that knows our resource names.
func ofThisAccount(stack awscdk.Stack) *map[string]any {
	return &map[string]any{"StringEquals": map[string]any{"aws:SourceAccount": stack.Account()}}
}

// newAlarmTopic creates a topic that sends this account's alarms to an address,
// encrypted at rest and in transit.
//
// The key is our own because CloudWatch may not use the one that AWS manages for SNS
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html).
// Nothing encrypted with it outlives a message, so it is deleted with the stack.
func newAlarmTopic(stack awscdk.Stack, email string) awssns.Topic {
	cloudwatch := func(action string, more ...string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
			Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)},
			Actions:    jsii.Strings(append(more, action)...),
			Conditions: ofThisAccount(stack),
		})
	}

	key := awskms.NewKey(stack, jsii.String("alarms-key"), &awskms.KeyProps{
		Description:       jsii.String("Encrypts the alarms of " + *stack.StackName()),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_DESTROY,
	})
	use := cloudwatch("kms:Decrypt", "kms:GenerateDataKey")
	use.AddAllResources() // in a key's policy: this key
	key.AddToResourcePolicy(use, nil)

	topic := awssns.NewTopic(stack, jsii.String("alarms"), &awssns.TopicProps{
		DisplayName: jsii.String(*stack.StackName() + " alarms"),
		MasterKey:   key,
		EnforceSSL:  jsii.Bool(true),
	})
	publish := cloudwatch("sns:Publish")
	publish.SetSid(jsii.String("AlarmsOfThisAccount"))
	publish.AddResources(topic.TopicArn())
	topic.AddToResourcePolicy(publish)

	topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(email), nil))
	return topic
}
