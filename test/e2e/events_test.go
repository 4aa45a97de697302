package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// released holds the SHA-256 of the golden file of every schema version that was
// released. Events are stored forever: add lines, never change one.
var released = map[string]string{
	"destinationProposed-1.json": "072c377e36885ec594927398aeb90594a9b9726b8a583d130603e2bedc683f55",
}

// golden is an event as a release stored it, and the request that it recorded.
type golden struct {
	What   string
	Caller string
	Key    string
	Body   string
	Item   json.RawMessage // in DynamoDB's JSON
}

func goldenEvents(t *testing.T, file string) []golden {
	t.Helper()
	text := check.Value(os.ReadFile(filepath.Join("testdata/events", file)))(t)
	var all []golden
	if err := json.Unmarshal(text, &all); err != nil || len(all) == 0 {
		t.Fatalf("%s: %v, %d events", file, err, len(all))
	}
	return all
}

func TestGoldenEventsAreNeverChanged(t *testing.T) {
	t.Parallel()
	files := check.Value(filepath.Glob("testdata/events/*"))(t)
	for _, path := range files {
		text := check.Value(os.ReadFile(path))(t)
		sum := sha256.Sum256(text)
		if got, want := hex.EncodeToString(sum[:]), released[filepath.Base(path)]; got != want {
			t.Errorf("%s has the SHA-256 %s, want %q: a released file never changes; a new one gets a line in released (docs/events.md)", path, got, want)
		}
	}
	if len(files) != len(released) {
		t.Errorf("there are %d golden files, and %d were released (docs/events.md)", len(files), len(released))
	}
	for version := range destination.ProposedSchemaVersion {
		file := fmt.Sprintf("%s-%d.json", destination.EventProposed, version+1)
		if released[file] == "" {
			t.Errorf("schema version %d of %s has no golden file %s (docs/events.md)", version+1, destination.EventProposed, file)
		}
	}
}

// Whatever release stored an event, this one reads it, and knows its request again.
func TestARetryOfWhatAnyReleaseStoredIsAReplay(t *testing.T) {
	t.Parallel()
	for file := range released {
		for _, g := range goldenEvents(t, file) {
			t.Run(file+": "+g.What, func(t *testing.T) {
				t.Parallel()
				engine := enginetest.Embedded.Start(t)
				table := fmt.Sprint("events-", tables.Add(1))
				store := storeOn(t, engine, table)
				check.Value(store.CreateTable(t.Context()))(t)
				putItem(t, engine, table, g.Item)
				var stored eventstore.Event
				for event, err := range store.All(t.Context()) {
					check.OK(t, err)
					stored = event
				}
				if g.Key == "" {
					return
				}
				proposer := destination.NewProposer(store)
				handler := propose.New(proposer, httpapi.Config{Output: t.Output()})
				send := func(body string) events.APIGatewayProxyResponse {
					event := events.APIGatewayProxyRequest{Body: body, Headers: map[string]string{
						contract.HeaderIdempotencyKey: g.Key, "Accept": contract.MediaTypeJSON,
					}}
					if g.Caller != "anonymous" {
						event.RequestContext.Identity.UserArn = g.Caller
					}
					return check.Value(handler.Handle(t.Context(), event))(t)
				}
				var receipt contract.Receipt
				got := send(g.Body)
				if err := json.Unmarshal([]byte(got.Body), &receipt); err != nil || got.StatusCode != http.StatusOK ||
					got.Headers[contract.HeaderIdempotencyReplayed] != "true" ||
					receipt.EventID != stored.ID.String() || receipt.Timestamp != stored.Timestamp.String() {
					t.Errorf("the request again: got %d %v %s, want a replay of %s", got.StatusCode, got.Headers, got.Body, stored.ID)
				}
				const other = `{"name":"another","geolocation":{"latitude":1.25,"longitude":-179.5}}`
				if got := send(other); got.StatusCode != contract.ProblemKeyReused.Status {
					t.Errorf("another body with the key: got %d %s, want %d", got.StatusCode, got.Body, contract.ProblemKeyReused.Status)
				}
			})
		}
	}
}

// putItem stores an item past the adapter, as another release did.
func putItem(t *testing.T, engine, table string, item json.RawMessage) {
	t.Helper()
	body := fmt.Sprintf(`{"TableName":%q,"Item":%s}`, table, item)
	request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, engine, bytes.NewReader([]byte(body))))(t)
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20261123/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	response := check.Value(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("put: %s", response.Status)
	}
}
