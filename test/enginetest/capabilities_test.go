package enginetest_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// An asker sends an operation on a table of its own to an engine. It returns the answer
// to members of a JSON object, in which ' stands for ".
type asker func(operation, members string) string

func (ask asker) refuses(members string) bool {
	return strings.Contains(ask("PutItem", members), "ValidationException")
}

func (ask asker) readsBack(attribute string) string {
	ask("PutItem", item("read", attribute))
	return ask("GetItem", "'Key':{'P':{'S':'read'},'S':{'S':'s'}},'ConsistentRead':true")
}

func item(partition, attribute string) string {
	return fmt.Sprintf("'Item':{'P':{'S':'%s'},'S':{'S':'s'},%s}", partition, attribute)
}

// capabilities are the rows of the table in docs/engines.md.
var capabilities = map[string]func(asker) bool{
	"A refused conditional put returns the item in the way, if asked to": func(ask asker) bool {
		ask("PutItem", item("old", "'A':{'S':'first'}"))
		answer := ask("PutItem", item("old", "'A':{'S':'second'}")+",'ConditionExpression':'attribute_not_exists(P)','ReturnValuesOnConditionCheckFailure':'ALL_OLD'")
		return strings.Contains(answer, "ConditionalCheckFailedException") && strings.Contains(answer, "first")
	},
	"Refuses items over 400 KB": func(ask asker) bool {
		return ask.refuses(item("large", "'A':{'S':'"+strings.Repeat("x", 400<<10)+"'}"))
	},
	"Refuses empty strings as keys":          func(ask asker) bool { return ask.refuses(item("", "'A':{'S':'x'}")) },
	"Refuses numbers from 1e126":             func(ask asker) bool { return ask.refuses(item("huge", "'A':{'N':'1e126'}")) },
	"Refuses numbers of more than 38 digits": func(ask asker) bool { return ask.refuses(item("long", "'A':{'N':'1"+strings.Repeat("0", 37)+"1'}")) },
	"Reads 1e1 back as 10":                   func(ask asker) bool { return strings.Contains(ask.readsBack("'A':{'N':'1e1'}"), `{"N":"10"}`) },
	"Reads empty maps and lists back": func(ask asker) bool {
		answer := ask.readsBack("'M':{'M':{}},'L':{'L':[]}")
		return strings.Contains(answer, `{"M":{}}`) && strings.Contains(answer, `{"L":[]}`)
	},
	"Ends a query's page at 1 MB": func(ask asker) bool {
		for i := range 4 {
			ask("PutItem", fmt.Sprintf("'Item':{'P':{'S':'pages'},'S':{'S':'%d'},'A':{'S':'%s'}}", i, strings.Repeat("x", 350<<10)))
		}
		return strings.Contains(ask("Query", "'KeyConditionExpression':'P = :p','ExpressionAttributeValues':{':p':{'S':'pages'}}"), "LastEvaluatedKey")
	},
	"SET behind a list's end appends": func(ask asker) bool {
		ask("PutItem", item("list", "'L':{'L':[]}"))
		update := "'Key':{'P':{'S':'list'},'S':{'S':'s'}},'UpdateExpression':'SET L[5] = :x','ExpressionAttributeValues':{':x':{'S':'x'}},'ReturnValues':'ALL_NEW'"
		return strings.Contains(ask("UpdateItem", update), `{"L":[{"S":"x"}]}`)
	},
	"Has transactions": func(ask asker) bool {
		return strings.Contains(ask("TransactWriteItems", "'TransactItems':[{'ConditionCheck':{'TableName':'capabilities','Key':{'P':{'S':'absent'},'S':{'S':'s'}},'ConditionExpression':'attribute_exists(P)'}}]"), "TransactionCanceledException")
	},
}

// Every engine is measured against what docs/engines.md says about it, so that a new
// version that behaves otherwise fails here, and nowhere else.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	page := check.Value(os.ReadFile("../../docs/engines.md"))(t)
	rows := regexp.MustCompile(`(?m)^\| (.+) \| yes \| (yes|no)\b.* \| (yes|no)\b.* \|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) != len(capabilities) {
		t.Errorf("docs/engines.md has %d rows, want %d", len(rows), len(capabilities))
	}
	for _, engine := range enginetest.All() {
		t.Run(engine.Name, func(t *testing.T) {
			t.Parallel()
			ask := newAsker(t, engine.Start(t))
			for _, row := range rows {
				measure := capabilities[row[1]]
				if measure == nil {
					t.Errorf("nothing measures %q", row[1])
					continue
				}
				got := map[bool]string{true: "yes", false: "no"}[measure(ask)]
				switch want, known := map[string]string{enginetest.Embedded.Name: row[2], enginetest.Dynoxide.Name: row[3]}[engine.Name]; {
				case !known:
					t.Logf("%s: %s", row[1], got)
				case got != want:
					t.Errorf("%s: got %s, and docs/engines.md says %s", row[1], got, want)
				}
			}
		})
	}
}

func newAsker(t *testing.T, endpoint string) asker {
	t.Helper()
	ask := func(operation, members string) string {
		body := `{"TableName":"capabilities",` + strings.ReplaceAll(members, "'", `"`) + "}"
		r := check.Value(http.NewRequest(http.MethodPost, endpoint, strings.NewReader(body)))(t)
		r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
		r.Header.Set("X-Amz-Date", "20261124T000000Z")
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
		response := check.Value(http.DefaultClient.Do(r))(t)
		defer response.Body.Close()
		answer := check.Value(io.ReadAll(response.Body))(t)
		return string(answer)
	}
	created := ask("CreateTable", "'BillingMode':'PAY_PER_REQUEST','KeySchema':[{'AttributeName':'P','KeyType':'HASH'},{'AttributeName':'S','KeyType':'RANGE'}],"+
		"'AttributeDefinitions':[{'AttributeName':'P','AttributeType':'S'},{'AttributeName':'S','AttributeType':'S'}]")
	if !strings.Contains(created, "TableDescription") {
		t.Fatal(created)
	}
	return ask
}
