package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"visitplannr/internal/eventstore"
)

// Local engines need up to half a second to create a table.
const (
	tablePoll    = 20 * time.Millisecond
	tableTimeout = 30 * time.Second
)

// CreateTable creates the store's table on a local engine, with the deployed table's
// key, and reports whether it already existed. The stack creates deployed tables.
func (s *Store) CreateTable(ctx context.Context) (existed bool, err error) {
	out, err := s.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &s.table,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(eventstore.AttrStreamName), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String(eventstore.AttrEventID), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String(eventstore.AttrStreamName), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String(eventstore.AttrEventID), KeyType: types.KeyTypeRange},
		},
		BillingMode: types.BillingModePayPerRequest,
	})
	if _, ok := errors.AsType[*types.ResourceInUseException](err); ok {
		return true, nil
	}
	if err != nil {
		return false, s.translate("create", err)
	}
	if out.TableDescription.TableStatus == types.TableStatusActive {
		return false, nil
	}
	ready := dynamodb.NewTableExistsWaiter(s.client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = tablePoll, tablePoll
	})
	err = ready.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &s.table}, tableTimeout)
	return false, s.translate("await", err)
}

// CheckTable reports whether the store's table can be used: nil,
// eventstore.ErrNoTable, or another error of that package.
func (s *Store) CheckTable(ctx context.Context) error {
	_, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	return s.translate("describe", err)
}
