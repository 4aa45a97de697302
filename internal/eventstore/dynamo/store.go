// Package dynamo keeps events in a DynamoDB table: the item's shape, the conditional
// write that opens a stream, the reads, and the translation of DynamoDB's errors into
// those of package eventstore. It is the only adapter; it reaches local engines over
// HTTP, just like AWS.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"visitplannr/internal/eventstore"
)

// Store is an event store in one table.
type Store struct {
	client *dynamodb.Client
	table  string
}

// New returns the store of the events in table.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{client: client, table: table}
}

// conditionNew lets a put happen only when no item has its key.
const conditionNew = "attribute_not_exists(" + eventstore.AttrStreamName + ")"

// Open stores the event that opens a stream, once. If the stream exists, it returns an
// *eventstore.StreamExistsError with the event that opened it and changes nothing. That
// event may be this one, if a reply was lost. Other errors are those of package
// eventstore. ErrInvalid includes an event without its stream's id: its key would
// always be free.
func (s *Store) Open(ctx context.Context, opening eventstore.Event) error {
	if opening.ID != opening.StreamName.ID() {
		return fmt.Errorf("%w: event %s does not open stream %s", eventstore.ErrInvalid, opening.ID, opening.StreamName)
	}
	item, err := encode(opening)
	if err != nil {
		return err
	}
	attempts := 0
	_, err = s.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           &s.table,
		Item:                                item,
		ConditionExpression:                 aws.String(conditionNew),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}, func(o *dynamodb.Options) { o.HTTPClient = counting{o.HTTPClient, &attempts} })
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		return s.translate("put", err)
	}
	existing := refused.Item
	if len(existing) == 0 {
		// Not every engine returns the existing item. AWS does, so the function needs
		// no permission to read.
		if existing, err = s.get(ctx, item); err != nil {
			return err
		}
		if len(existing) == 0 {
			return fmt.Errorf("%w: table %s says that stream %s exists, and that it has no item of it", eventstore.ErrUnavailable, s.table, opening.StreamName)
		}
	}
	stored, err := decode(existing)
	if err != nil {
		return fmt.Errorf("stream %s exists: %w", opening.StreamName, err)
	}
	return &eventstore.StreamExistsError{Opening: stored, Foreign: attempts == 1}
}

// counting is an HTTP client that counts the attempts of one call.
type counting struct {
	dynamodb.HTTPClient
	attempts *int
}

// Do implements the SDK's HTTPClient.
func (c counting) Do(request *http.Request) (*http.Response, error) {
	*c.attempts++
	return c.HTTPClient.Do(request)
}

func (s *Store) get(ctx context.Context, item attributes) (attributes, error) {
	out, err := s.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.table,
		Key: attributes{
			eventstore.AttrStreamName: item[eventstore.AttrStreamName],
			eventstore.AttrEventID:    item[eventstore.AttrEventID],
		},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, s.translate("get", err)
	}
	return out.Item, nil
}

// Stream yields the events of one stream in order, read consistently. A stream
// that was never opened yields nothing. An item that is no event yields an error that
// wraps eventstore.ErrInvalid and names it, and reading goes on. Any other error, one of
// package eventstore, is the last.
func (s *Store) Stream(ctx context.Context, name eventstore.StreamName) iter.Seq2[eventstore.Event, error] {
	return s.events("query", func(start attributes) (items []attributes, next attributes, err error) {
		out, err := s.client.Query(ctx, &dynamodb.QueryInput{
			TableName:              &s.table,
			KeyConditionExpression: aws.String("#stream = :stream"),
			ExpressionAttributeNames: map[string]string{
				"#stream": eventstore.AttrStreamName,
			},
			ExpressionAttributeValues: attributes{
				":stream": &types.AttributeValueMemberS{Value: name.String()},
			},
			ConsistentRead:    aws.Bool(true),
			ExclusiveStartKey: start,
		})
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.LastEvaluatedKey, nil
	})
}

// All yields every event of the table in no order. It reads the whole table:
// for development and repair, not for serving. Its errors are those of Stream.
func (s *Store) All(ctx context.Context) iter.Seq2[eventstore.Event, error] {
	return s.events("scan", func(start attributes) (items []attributes, next attributes, err error) {
		out, err := s.client.Scan(ctx, &dynamodb.ScanInput{
			TableName:         &s.table,
			ConsistentRead:    aws.Bool(true),
			ExclusiveStartKey: start,
		})
		if err != nil {
			return nil, nil, err
		}
		return out.Items, out.LastEvaluatedKey, nil
	})
}

// attributes are an item, or its key.
type attributes = map[string]types.AttributeValue

// events yields the events of the pages that read returns, from the key at which one
// ended to the next.
func (s *Store) events(op string, read func(start attributes) (items []attributes, next attributes, err error)) iter.Seq2[eventstore.Event, error] {
	return func(yield func(eventstore.Event, error) bool) {
		var start attributes
		for {
			items, next, err := read(start)
			if err != nil {
				yield(eventstore.Event{}, s.translate(op, err))
				return
			}
			for _, item := range items {
				if !yield(decode(item)) {
					return
				}
			}
			if start = next; len(start) == 0 {
				return
			}
		}
	}
}
