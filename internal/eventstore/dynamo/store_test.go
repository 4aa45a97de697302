package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"visitplannr/internal/eventstore"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	for _, engine := range enginetest.All() {
		t.Run(engine.Name, func(t *testing.T) {
			client := clientOf(t, engine.Start(t))
			runSuite(t, func(t *testing.T) subject {
				store := newTable(t, client)
				return subject{
					Store: store,
					Append: func(ctx context.Context, event eventstore.Event) error {
						item, err := encode(event)
						if err != nil {
							return err
						}
						_, err = client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &store.table, Item: item})
						return err
					},
					NoTable: New(client, "no-such-table"),
				}
			})
			t.Run("a table is made once, found then, and missed before", func(t *testing.T) {
				wantTableMadeOnce(t, client)
			})
		})
	}
}

// clientOf returns a client as the function has it. Engines on this machine take
// any region and credentials; one elsewhere needs those of the environment.
func clientOf(t *testing.T, endpoint string) *dynamodb.Client {
	t.Helper()
	client, err := NewClient(func(name string) string {
		if name == EnvEndpoint {
			return endpoint
		}
		local := map[string]string{envRegion: "eu-west-1", envAccessKey: "local", envSecretKey: "local"}
		return cmp.Or(os.Getenv(name), local[name])
	})
	check.OK(t, err)
	return client
}

var tables atomic.Int64

// newTable returns a store in a table of its own, which goes with the test.
func newTable(t *testing.T, client *dynamodb.Client) *Store {
	t.Helper()
	store := New(client, tableName())
	existed, err := store.CreateTable(t.Context())
	if err != nil || existed {
		t.Fatalf("CreateTable: existed %t, %v", existed, err)
	}
	t.Cleanup(func() { dropTable(t, store) })
	return store
}

// tableName returns a name that no other test has, in this run or another one.
func tableName() string {
	return fmt.Sprintf("test-%d-%d", time.Now().UnixNano(), tables.Add(1))
}

func dropTable(t *testing.T, store *Store) {
	t.Helper()
	if _, err := store.client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &store.table}); err != nil {
		t.Errorf("delete table: %v", err)
	}
}

func wantTableMadeOnce(t *testing.T, client *dynamodb.Client) {
	t.Helper()
	store := New(client, tableName())
	if err := store.CheckTable(t.Context()); !errors.Is(err, eventstore.ErrNoTable) {
		t.Errorf("CheckTable before: %v, want ErrNoTable", err)
	}
	for _, want := range []bool{false, true} {
		existed, err := store.CreateTable(t.Context())
		if err != nil || existed != want {
			t.Errorf("CreateTable: existed %t, %v; want %t", existed, err, want)
		}
	}
	if err := store.CheckTable(t.Context()); err != nil {
		t.Errorf("CheckTable after: %v", err)
	}
	dropTable(t, store)
}

func embedded(t *testing.T) *Store {
	t.Helper()
	return newTable(t, clientOf(t, enginetest.Embedded.Start(t)))
}

func brockholes(t *testing.T) eventstore.Event {
	t.Helper()
	id := check.Value(eventstore.ParseID("01920000-0000-7000-8000-00000000000a"))(t)
	event, err := eventstore.Opening("destination", id, "destinationProposed", 1, time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		"request-1", json.RawMessage(`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`))
	check.OK(t, err)
	return event
}

func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

// brockholesItem is an event as it is stored. Deployed tables are full of such items:
// the shape may grow but never change.
func brockholesItem() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"StreamName":    text("destination-01920000-0000-7000-8000-00000000000a"),
		"EventId":       text("01920000-0000-7000-8000-00000000000a"),
		"EventType":     text("destinationProposed"),
		"SchemaVersion": number("1"),
		"Timestamp":     text("2026-11-23T09:00:00.000Z"),
		"CorrelationId": text("01920000-0000-7000-8000-00000000000a"),
		"CausationId":   text("request-1"),
		"Data": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"name": text("Brockholes"),
			"geolocation": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"latitude": number("53.77"), "longitude": number("-2.63"),
			}},
		}},
	}
}

func TestItem(t *testing.T) {
	t.Parallel()

	t.Run("has the attributes of the design, and no others", func(t *testing.T) {
		store := embedded(t)
		check.OK(t, store.Open(t.Context(), brockholes(t)))
		want := brockholesItem()
		out, err := store.client.GetItem(t.Context(), &dynamodb.GetItemInput{
			TableName: &store.table, ConsistentRead: aws.Bool(true),
			Key: map[string]types.AttributeValue{"StreamName": want["StreamName"], "EventId": want["EventId"]},
		})
		check.OK(t, err)
		if !reflect.DeepEqual(out.Item, want) {
			t.Errorf("item\n got %s\nwant %s", show(out.Item), show(want))
		}
	})

	for outcome, change := range map[string]func(map[string]types.AttributeValue){
		"with attributes of a later version is read": func(item map[string]types.AttributeValue) { item["Added"] = text("later") },
		"with a schema version of 2 is read":         func(item map[string]types.AttributeValue) { item["SchemaVersion"] = number("2") },
		"of another type is read":                    func(item map[string]types.AttributeValue) { item["EventType"] = text("destinationRejected") },
		"with unknown data is read":                  func(item map[string]types.AttributeValue) { item["Data"] = &types.AttributeValueMemberM{} },
		"with another correlation and cause, is read": func(item map[string]types.AttributeValue) {
			item["CorrelationId"], item["CausationId"] = text("a"), text("b")
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			item := brockholesItem()
			change(item)
			if event, err := decode(item); err != nil {
				t.Errorf("decode = %+v, %v; want no error", event, err)
			}
		})
	}

	for outcome, change := range map[string]func(map[string]types.AttributeValue){
		"without a timestamp is an error":          func(item map[string]types.AttributeValue) { delete(item, "Timestamp") },
		"without data is an error":                 func(item map[string]types.AttributeValue) { delete(item, "Data") },
		"without a type is an error":               func(item map[string]types.AttributeValue) { delete(item, "EventType") },
		"without anything is an error":             func(item map[string]types.AttributeValue) { clear(item) },
		"with a number for a text is an error":     func(item map[string]types.AttributeValue) { item["CausationId"] = number("1") },
		"with a text for a number is an error":     func(item map[string]types.AttributeValue) { item["SchemaVersion"] = text("1") },
		"with half a schema version is an error":   func(item map[string]types.AttributeValue) { item["SchemaVersion"] = number("1.5") },
		"with a schema version of 0 is an error":   func(item map[string]types.AttributeValue) { item["SchemaVersion"] = number("0") },
		"with a malformed stream name is an error": func(item map[string]types.AttributeValue) { item["StreamName"] = text("destination") },
		"with an event id in capitals is an error": func(item map[string]types.AttributeValue) {
			item["EventId"] = text("01920000-0000-7000-8000-00000000000A")
		},
		"with a time of another form is an error": func(item map[string]types.AttributeValue) { item["Timestamp"] = text("2026-11-23T09:00:00Z") },
		"with data that is a list is an error":    func(item map[string]types.AttributeValue) { item["Data"] = &types.AttributeValueMemberL{} },
		"with data that is a text is an error":    func(item map[string]types.AttributeValue) { item["Data"] = text("{}") },
		"with binary in its data is an error": func(item map[string]types.AttributeValue) {
			item["Data"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"b": &types.AttributeValueMemberB{Value: []byte{0}}}}
		},
		"with a set in its data is an error": func(item map[string]types.AttributeValue) {
			item["Data"] = &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{"l": &types.AttributeValueMemberL{Value: []types.AttributeValue{&types.AttributeValueMemberSS{Value: []string{"x"}}}}}}
		},
	} {
		t.Run(outcome, func(t *testing.T) {
			item := brockholesItem()
			change(item)
			if event, err := decode(item); !errors.Is(err, eventstore.ErrInvalid) {
				t.Errorf("decode = %+v, %v; want an error that is ErrInvalid", event, err)
			}
		})
	}

	t.Run("that cannot be read ends the reading, by name", func(t *testing.T) {
		store := embedded(t)
		item := brockholesItem()
		delete(item, "Timestamp")
		check.Value(store.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &store.table, Item: item}))(t)
		for event, err := range store.All(t.Context()) {
			if !errors.Is(err, eventstore.ErrInvalid) || eventstore.Retryable(err) {
				t.Errorf("got %+v, %v; want an error that is ErrInvalid", event, err)
			}
		}
		if err := store.Open(t.Context(), brockholes(t)); !errors.Is(err, eventstore.ErrInvalid) || errors.As(err, new(*eventstore.StreamExistsError)) {
			t.Errorf("Open: %v, want an error that is ErrInvalid", err)
		}
	})
}

func show(item map[string]types.AttributeValue) string {
	value, err := jsonValue(&types.AttributeValueMemberM{Value: item})
	if err != nil {
		return err.Error()
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}
