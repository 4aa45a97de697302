package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/eventstore"
	"visitplannr/internal/settings"
)

// targetUtilization is how full, in percent, autoscaling keeps the provisioned
// capacity: what is left absorbs a burst while it scales.
const targetUtilization = 70

// newEventsTable holds the events: one stream is one partition, in the order of
// its event ids. Where the settings name a table that is there already, it is used as
// it is, and keeps its capacity and its protection.
//
// The data is encrypted at rest with a key that DynamoDB owns, as always when no
// other is named. A key of our own would buy an audit trail of its use, for the
// price of a KMS request path that can fail; the events are not secret.
func newEventsTable(stack awscdk.Stack, c settings.Config) awsdynamodb.ITable {
	if c.EventsTable != "" {
		return awsdynamodb.Table_FromTableName(stack, jsii.String("events"), jsii.String(c.EventsTable))
	}
	props := &awsdynamodb.TableProps{
		PartitionKey:       &awsdynamodb.Attribute{Name: jsii.String(eventstore.AttrStreamName), Type: awsdynamodb.AttributeType_STRING},
		SortKey:            &awsdynamodb.Attribute{Name: jsii.String(eventstore.AttrEventID), Type: awsdynamodb.AttributeType_STRING},
		BillingMode:        awsdynamodb.BillingMode_PAY_PER_REQUEST,
		DeletionProtection: jsii.Bool(c.DeletionProtection),
		RemovalPolicy:      removalPolicy(c),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(c.PointInTimeRecovery),
		},
	}
	if c.Capacity == settings.OnDemand {
		return awsdynamodb.NewTable(stack, jsii.String("events"), props)
	}
	props.BillingMode = awsdynamodb.BillingMode_PROVISIONED
	props.ReadCapacity = jsii.Number(c.CapacityMin)
	props.WriteCapacity = jsii.Number(c.CapacityMin)
	table := awsdynamodb.NewTable(stack, jsii.String("events"), props)

	bounds := &awsdynamodb.EnableScalingProps{MinCapacity: jsii.Number(c.CapacityMin), MaxCapacity: jsii.Number(c.CapacityMax)}
	target := &awsdynamodb.UtilizationScalingProps{TargetUtilizationPercent: jsii.Number(targetUtilization)}
	table.AutoScaleReadCapacity(bounds).ScaleOnUtilization(target)
	table.AutoScaleWriteCapacity(bounds).ScaleOnUtilization(target)
	return table
}
