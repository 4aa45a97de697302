package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

// The local run serves every endpoint of the contract. An endpoint that writes to the
// table stores every leaf of its sample.
func TestEveryEndpointAnswersItsSampleAndLosesNoLeaf(t *testing.T) {
	t.Parallel()
	api, dynamoDB := runningSlice(t)
	base := strings.TrimSuffix(api, contract.ProposeDestination.Path)
	db, err := openDatabase(t.Context(), dynamoDB)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range contract.Endpoints() {
		request, err := http.NewRequestWithContext(t.Context(), e.Method, base+e.SamplePath(), strings.NewReader(e.SampleBody()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", contract.MediaTypeJSON)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		// What a parameter's sample names need not exist.
		found := response.StatusCode == http.StatusNotFound && strings.Contains(e.Path, "{")
		if err != nil || response.StatusCode != http.StatusOK && !found {
			t.Errorf("%s answers its sample %d %s, %v; want 200", e.Route(), response.StatusCode, answer, err)
		}
		if e.Body == nil || !writes(e) {
			continue
		}
		stored := map[any]bool{}
		for event, err := range db.store(defaultTable).All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			var data any
			if err := json.Unmarshal(event.Data, &data); err != nil {
				t.Fatal(err)
			}
			collectLeaves(data, stored)
		}
		for pointer, leaf := range e.Body.Leaves() {
			if !stored[leaf.Example] {
				t.Errorf("%s was answered 200, and the value %v of its leaf %s is in no event", e.Route(), leaf.Example, pointer)
			}
		}
	}
}

// writes reports whether an endpoint may write to the table.
func writes(e contract.Endpoint) bool {
	for _, action := range e.TableActions {
		if action == "PutItem" || action == "UpdateItem" {
			return true
		}
	}
	return false
}

func collectLeaves(value any, into map[any]bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, member := range v {
			collectLeaves(member, into)
		}
	case []any:
		for _, element := range v {
			collectLeaves(element, into)
		}
	default:
		into[v] = true
	}
}

// The engine knows each function, and lets it do only what the contract grants.
func TestFunctionsMayDoToTheTableWhatTheContractGrants(t *testing.T) {
	t.Parallel()
	_, dynamoDB := runningSlice(t)
	scan := func(keyID string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, dynamoDB, strings.NewReader(`{"TableName":"`+defaultTable+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-amz-json-1.0")
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810.Scan")
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+keyID+"/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(answer)
	}
	if status, answer := scan(functionKeyID(contract.ProposeDestination.Function)); status != http.StatusBadRequest || !strings.Contains(answer, "AccessDeniedException") {
		t.Errorf("a scan by the function that may only put: got %d %s, want an AccessDeniedException", status, answer)
	}
	if status, answer := scan("anybody"); status != http.StatusOK {
		t.Errorf("a scan by a developer's tool: got %d %s, want 200", status, answer)
	}
}
