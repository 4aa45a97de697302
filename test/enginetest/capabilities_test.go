package enginetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"visitplannr/test/enginetest"
)

// capabilities are the differences between engines that matter here. DynamoDB itself
// has all of them.
type capabilities struct {
	ReturnsOldItem      bool // a refused conditional put returns the existing item on request
	RefusesLargeItems   bool // items over 400 KB
	RefusesEmptyKeys    bool // an empty string as a key attribute
	RefusesLargeNumbers bool // 1e126 and above
	RefusesLongNumbers  bool // more than 38 significant digits
	NormalizesNumbers   bool // 1e1 is read back as 10
	KeepsEmptyShapes    bool // an empty map or list is read back
	EndsPagesAtMegabyte bool // a query's page has at most 1 MB
	AppendsBehindLists  bool // SET of an index beyond a list's end appends, and fills no gap
	HasTransactions     bool // TransactWriteItems
}

// The measured capabilities of each engine. docs/engines.md says what they mean for
// users.
var measured = map[string]capabilities{
	enginetest.Embedded.Name: {
		ReturnsOldItem: true, RefusesLargeItems: true, RefusesEmptyKeys: true, RefusesLargeNumbers: true, RefusesLongNumbers: true,
		NormalizesNumbers: true, KeepsEmptyShapes: true, EndsPagesAtMegabyte: true, AppendsBehindLists: true,
	},
	enginetest.Dynoxide.Name: {
		ReturnsOldItem: true, RefusesLargeItems: true, RefusesEmptyKeys: true, RefusesLargeNumbers: true, RefusesLongNumbers: true,
		NormalizesNumbers: true, KeepsEmptyShapes: true, EndsPagesAtMegabyte: true, HasTransactions: true,
	},
}

// Every engine is measured against what is written about it, so that a new
// version that behaves otherwise fails here, and nowhere else.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	for _, engine := range enginetest.All() {
		t.Run(engine.Name, func(t *testing.T) {
			t.Parallel()
			p := newProbe(t, engine.Start(t))
			got := capabilities{
				ReturnsOldItem:      p.returnsOldItem(),
				RefusesLargeItems:   p.refuses(item("large", "Text", text(strings.Repeat("x", 400<<10)))),
				RefusesEmptyKeys:    p.refuses(item("", "Text", text("x"))),
				RefusesLargeNumbers: p.refuses(item("huge", "Number", number("1e126"))),
				RefusesLongNumbers:  p.refuses(item("long", "Number", number("1"+strings.Repeat("0", 37)+"1"))),
				NormalizesNumbers:   p.readsBack("1e1") == "10",
				KeepsEmptyShapes:    p.keepsEmptyShapes(),
				EndsPagesAtMegabyte: p.endsPagesAtMegabyte(),
				AppendsBehindLists:  p.appendsBehindLists(),
				HasTransactions:     p.hasTransactions(),
			}
			want, known := measured[engine.Name]
			if !known {
				t.Logf("measured: %+v", got)
			} else if got != want {
				t.Errorf("%s has changed: put it into this file and docs/engines.md\n got %+v\nwant %+v", engine.Name, got, want)
			}
		})
	}
}

// probe asks an engine one question at a time, in one table.
type probe struct {
	t      *testing.T
	client *dynamodb.Client
	table  *string
}

func newProbe(t *testing.T, endpoint string) probe {
	t.Helper()
	client := dynamodb.New(dynamodb.Options{
		BaseEndpoint: &endpoint,
		Region:       "eu-west-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	})
	p := probe{t, client, aws.String("capabilities")}
	_, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: p.table,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("P"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("S"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("P"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("S"), KeyType: types.KeyTypeRange},
		},
		BillingMode: types.BillingModePayPerRequest,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: p.table}); err != nil {
			t.Errorf("delete table: %v", err)
		}
	})
	if _, err := client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: p.table}); err != nil {
		t.Fatal(err)
	}
	return p
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

func item(partition, name string, value types.AttributeValue) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"P": text(partition), "S": text("s"), name: value}
}

func (p probe) put(item map[string]types.AttributeValue) error {
	_, err := p.client.PutItem(p.t.Context(), &dynamodb.PutItemInput{TableName: p.table, Item: item})
	return err
}

func (p probe) mustPut(item map[string]types.AttributeValue) {
	p.t.Helper()
	if err := p.put(item); err != nil {
		p.t.Fatal(err)
	}
}

// invalid reports whether the engine called the request invalid; other errors
// end the test.
func (p probe) invalid(err error) bool {
	p.t.Helper()
	if err == nil {
		return false
	}
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationException" {
		p.t.Fatalf("got %v, want success or a ValidationException", err)
	}
	return true
}

func (p probe) refuses(item map[string]types.AttributeValue) bool {
	p.t.Helper()
	return p.invalid(p.put(item))
}

func (p probe) returnsOldItem() bool {
	p.t.Helper()
	p.mustPut(item("old", "Text", text("first")))
	_, err := p.client.PutItem(p.t.Context(), &dynamodb.PutItemInput{
		TableName:                           p.table,
		Item:                                item("old", "Text", text("second")),
		ConditionExpression:                 aws.String("attribute_not_exists(P)"),
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var refused *types.ConditionalCheckFailedException
	if !errors.As(err, &refused) {
		p.t.Fatalf("got %v, want a ConditionalCheckFailedException", err)
	}
	return len(refused.Item) > 0
}

func (p probe) get(partition string) map[string]types.AttributeValue {
	p.t.Helper()
	out, err := p.client.GetItem(p.t.Context(), &dynamodb.GetItemInput{
		TableName: p.table, Key: map[string]types.AttributeValue{"P": text(partition), "S": text("s")}, ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return out.Item
}

func (p probe) readsBack(digits string) string {
	p.t.Helper()
	p.mustPut(item("number", "Number", number(digits)))
	value, ok := p.get("number")["Number"].(*types.AttributeValueMemberN)
	if !ok {
		p.t.Fatalf("got no number of %s", digits)
	}
	return value.Value
}

func (p probe) keepsEmptyShapes() bool {
	p.t.Helper()
	shapes := item("shapes", "Map", &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{}})
	shapes["List"] = &types.AttributeValueMemberL{Value: []types.AttributeValue{}}
	p.mustPut(shapes)
	got := p.get("shapes")
	_, aMap := got["Map"].(*types.AttributeValueMemberM)
	_, aList := got["List"].(*types.AttributeValueMemberL)
	return aMap && aList
}

func (p probe) endsPagesAtMegabyte() bool {
	p.t.Helper()
	const items = 4
	for i := range items {
		large := item("pages", "Text", text(strings.Repeat("x", 350<<10)))
		large["S"] = text(fmt.Sprint(i))
		p.mustPut(large)
	}
	out, err := p.client.Query(p.t.Context(), &dynamodb.QueryInput{
		TableName: p.table, KeyConditionExpression: aws.String("P = :p"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": text("pages")},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return len(out.Items) < items && len(out.LastEvaluatedKey) > 0
}

func (p probe) appendsBehindLists() bool {
	p.t.Helper()
	p.mustPut(item("list", "List", &types.AttributeValueMemberL{Value: []types.AttributeValue{}}))
	_, err := p.client.UpdateItem(p.t.Context(), &dynamodb.UpdateItemInput{
		TableName: p.table, Key: map[string]types.AttributeValue{"P": text("list"), "S": text("s")},
		UpdateExpression: aws.String("SET #l[5] = :x"), ExpressionAttributeNames: map[string]string{"#l": "List"},
		ExpressionAttributeValues: map[string]types.AttributeValue{":x": text("x")},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	list, ok := p.get("list")["List"].(*types.AttributeValueMemberL)
	return ok && len(list.Value) == 1
}

// hasTransactions asks for a transaction whose check must fail.
func (p probe) hasTransactions() bool {
	p.t.Helper()
	_, err := p.client.TransactWriteItems(p.t.Context(), &dynamodb.TransactWriteItemsInput{
		TransactItems: []types.TransactWriteItem{
			{ConditionCheck: &types.ConditionCheck{
				TableName: p.table, Key: map[string]types.AttributeValue{"P": text("absent"), "S": text("s")},
				ConditionExpression: aws.String("attribute_exists(P)"),
			}},
			{Put: &types.Put{TableName: p.table, Item: item("written", "Text", text("x"))}},
		},
	})
	var canceled *types.TransactionCanceledException
	return errors.As(err, &canceled)
}
