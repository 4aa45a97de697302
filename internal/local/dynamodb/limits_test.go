package dynamodb_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/local/dynamodb"
)

// The pages that state the limits.
const (
	quotas       = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
	naming       = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"
	apiReference = "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_"
)

// repeated joins n texts, in which %d is the number of each.
func repeated(n int, format, separator string) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = strings.ReplaceAll(format, "%d", fmt.Sprint(i))
	}
	return strings.Join(texts, separator)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "limits", schema{"S", ""})
	key := object{"K": text("k")}
	put(t, e, "limits", key)
	create := func(change func(object)) (string, object) {
		body := schema{"S", ""}.create()
		body["TableName"] = "created"
		change(body)
		return "CreateTable", body
	}
	get := func(projection string, names object) (string, object) {
		return "GetItem", object{"TableName": "limits", "Key": key, "ProjectionExpression": projection, "ExpressionAttributeNames": names}
	}
	scan := func(filter string, values object) (string, object) {
		return "Scan", object{"TableName": "limits", "FilterExpression": filter, "ExpressionAttributeValues": values}
	}
	putting := func(name string, value object) (string, object) {
		return "PutItem", object{"TableName": "limits", "Item": object{"K": text("k"), name: value}}
	}
	batch := func(n int) (keys, deletions []any) {
		for i := range n {
			keys = append(keys, object{"K": text(fmt.Sprint(i))})
			deletions = append(deletions, object{"DeleteRequest": object{"Key": keys[i]}})
		}
		return keys, deletions
	}
	for limit, c := range map[string]struct {
		page    string
		largest int
		request func(n int) (operation string, body object)
		message string
	}{
		"operands of IN": {quotas, 100, func(n int) (string, object) { return scan("a IN ("+repeated(n, "b%d", ",")+")", nil) },
			"The IN operator is provided with too many operands; number of operands: 101"},
		"operators of a condition": {quotas, 300, func(n int) (string, object) { return scan(strings.Repeat("NOT ", n-2)+"size(a) = b", nil) },
			"The expression contains too many operators; operator count: 301"},
		"operators of conditions that are joined": {quotas, 300, func(n int) (string, object) {
			return scan(strings.Repeat("NOT ", 1+n%2)+repeated(n/2-1, "a=b", " OR ")+" AND a BETWEEN b AND c", nil)
		}, "operator count: 301"},
		"operators of an update": {quotas, 300, func(n int) (string, object) {
			return "UpdateItem", object{"TableName": "limits", "Key": key, "UpdateExpression": "SET " + repeated(n, "a%d=:n+:n", ","), "ExpressionAttributeValues": object{":n": number("1")}}
		}, "operator count: 301"},
		"bytes of an expression": {quotas, 4096, func(n int) (string, object) { return get(strings.Repeat("a", n), nil) },
			"Expression size has exceeded the maximum allowed size; expression size: 4097"},
		"bytes of an expression attribute name": {quotas, 255, func(n int) (string, object) {
			name := "#" + strings.Repeat("a", n-1)
			return get(name, object{name: "a"})
		}, "ExpressionAttributeNames contains invalid key: Key too long; size of key: 256"},
		"bytes of an expression attribute value's name": {quotas, 255, func(n int) (string, object) {
			name := ":" + strings.Repeat("a", n-1)
			return scan("a = "+name, object{name: text("a")})
		}, "ExpressionAttributeValues contains invalid key: Key too long; size of key: 256"},
		"bytes of all substitution variables": {quotas, 2 << 20, func(n int) (string, object) {
			return scan("a = :v", object{":v": text(strings.Repeat("x", n-len(":v")))})
		}, "2097153 bytes, and may have 2097152"},
		"levels of a path": {quotas, 32, func(n int) (string, object) { return get(repeated(n, "a%d", "."), nil) },
			"The document path has too many nesting levels; nesting levels: 33"},
		"levels of an item": {quotas, 32, func(n int) (string, object) {
			value := text("x")
			for range n {
				value = object{"M": object{"m": value}}
			}
			return putting("a", value)
		}, "Nesting Levels have exceeded supported limits"},
		"bytes of an attribute's name": {quotas, 64<<10 - 1, func(n int) (string, object) { return putting(strings.Repeat("a", n), text("x")) },
			"Attribute name is too large, must be less than 65536 bytes"},
		"bytes of a member's name": {naming, 64<<10 - 1, func(n int) (string, object) {
			return putting("a", object{"M": object{strings.Repeat("a", n): text("x")}})
		}, "Attribute name is too large"},
		"bytes of a name that a placeholder stands for": {naming, 64<<10 - 1, func(n int) (string, object) { return get("#a", object{"#a": strings.Repeat("a", n)}) },
			"ExpressionAttributeNames contains invalid value: Attribute name is too large"},
		"bytes of a key attribute's name": {apiReference + "KeySchemaElement.html", 255, func(n int) (string, object) {
			return create(func(body object) {
				name := strings.Repeat("a", n)
				body["KeySchema"], body["AttributeDefinitions"] = []any{object{"AttributeName": name, "KeyType": "HASH"}}, []any{object{"AttributeName": name, "AttributeType": "S"}}
			})
		}, "at 'keySchema.1.member.attributeName' failed to satisfy constraint: Member must have length less than or equal to 255"},
		"characters of a table's name": {naming, 255, func(n int) (string, object) {
			return create(func(body object) { body["TableName"] = strings.Repeat("t", n) })
		}, "length less than or equal to 255"},
		"read capacity units of a table": {quotas, 40_000, func(n int) (string, object) {
			return create(func(body object) {
				body["BillingMode"], body["ProvisionedThroughput"] = "PROVISIONED", object{"ReadCapacityUnits": n, "WriteCapacityUnits": 1}
			})
		}, "Subscriber limit exceeded"},
		"items of BatchGetItem": {apiReference + "BatchGetItem.html", 100, func(n int) (string, object) {
			keys, _ := batch(n)
			return "BatchGetItem", object{"RequestItems": object{"limits": object{"Keys": keys}}}
		}, "length less than or equal to 100"},
		"items of BatchWriteItem": {apiReference + "BatchWriteItem.html", 25, func(n int) (string, object) {
			_, deletions := batch(n)
			return "BatchWriteItem", object{"RequestItems": object{"limits": deletions}}
		}, "length less than or equal to 25"},
		"segments of a scan": {apiReference + "Scan.html", 1_000_000, func(n int) (string, object) {
			return "Scan", object{"TableName": "limits", "Segment": 0, "TotalSegments": n}
		}, "value less than or equal to 1000000"},
	} {
		t.Run(limit+" are at most as many as the page says", func(t *testing.T) {
			operation, body := c.request(c.largest)
			must(t, e, operation, body)
			if operation == "CreateTable" {
				must(t, e, "DeleteTable", object{"TableName": body["TableName"]})
			}
			operation, body = c.request(c.largest + 1)
			status, answer := call(t, e, operation, body)
			if message, _ := answer["message"].(string); status != 400 || !strings.Contains(message, c.message) {
				t.Errorf("%d: got %d %.300v, want %q (%s)", c.largest+1, status, answer, c.message, c.page)
			}
		})
	}

	t.Run("attributes without a name are refused (Naming rules)", func(t *testing.T) {
		operation, body := putting("", text("x"))
		wantFault(t, e, operation, body, 400, "ValidationException", "Empty attribute name")
	})

	t.Run("an account has 2,500 tables (Service quotas)", func(t *testing.T) {
		e := open(t, dynamodb.Options{})
		for i := range 2500 {
			createTable(t, e, fmt.Sprint("table-", i), schema{"S", ""})
		}
		operation, body := create(func(object) {})
		wantFault(t, e, operation, body, 400, "LimitExceededException", "a limit of 2500 tables")
	})
}

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
func TestBatchGetItemReturns16MB(t *testing.T) {
	t.Parallel()
	const largest = 16 << 20 / 100 // bytes of each of 100 items
	for outcome, c := range map[string]struct{ size, found int }{
		"100 items of 16 MB together are returned":      {largest, 100},
		"the one with which they are more is left over": {largest + 1, 99},
		"and so are all behind it":                      {2 * largest, 50},
	} {
		t.Run(outcome, func(t *testing.T) {
			e := open(t, dynamodb.Options{})
			asked := object{}
			for _, table := range []string{"one", "two"} { // the limit is for all tables together
				createTable(t, e, "table-"+table, schema{"S", ""})
				var keys []any
				for i := range 50 {
					key := text(fmt.Sprintf("%02d", i))
					put(t, e, "table-"+table, object{"K": key, "T": text(strings.Repeat("x", c.size-len("K00T")))})
					keys = append(keys, object{"K": key})
				}
				asked["arn:aws:dynamodb:eu-west-1:123456789012:table/table-"+table] = object{"Keys": keys, "ConsistentRead": true, "ProjectionExpression": "#k", "ExpressionAttributeNames": object{"#k": "K"}}
			}
			var found []string
			for len(asked) > 0 {
				answer := must(t, e, "BatchGetItem", object{"RequestItems": asked, "ReturnConsumedCapacity": "TOTAL"})
				for table, items := range answer["Responses"].(object) {
					for _, item := range items.([]any) {
						found = append(found, fmt.Sprint(table, item))
					}
				}
				if first := len(asked) == 2; first && len(found) != c.found {
					t.Errorf("the first answer has %d items, want %d", len(found), c.found)
				}
				asked = answer["UnprocessedKeys"].(object)
			}
			slices.Sort(found)
			if got := len(slices.Compact(found)); got != 100 || !strings.HasPrefix(found[0], "arn:") {
				t.Errorf("got %d of 100 items, such as %s", got, found[0])
			}
		})
	}
}
