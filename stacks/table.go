package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/eventstore"
	"visitplannr/internal/settings"
)

// targetUtilization is the percentage of provisioned capacity that autoscaling aims
// for: the rest absorbs a burst while it scales.
const targetUtilization = 70

// newEventsTable creates the table of the events: a stream is a partition, ordered by
// event id. If the settings name an existing table, that one is used unchanged and
// keeps its capacity and protection.
//
// The data is encrypted at rest with a key that DynamoDB owns, which is the default. A
// key of our own would give an audit trail of its use but add KMS as a point of
// failure; the events are not secret.
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
