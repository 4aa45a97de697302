package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/local"
	"visitplannr/test/check"
)

// The local run serves every endpoint of the contract. An endpoint that writes to the
// table stores every leaf of its sample.
func TestEveryEndpointAnswersItsSampleAndLosesNoLeaf(t *testing.T) {
	t.Parallel()
	api, dynamoDB := sharedSlice(t)
	base := strings.TrimSuffix(api, contract.ProposeDestination.Path)
	db := check.Value(local.OpenDatabase(t.Context(), dynamoDB))(t)
	for _, e := range contract.Endpoints() {
		request := check.Value(http.NewRequestWithContext(t.Context(), e.Method, base+e.SamplePath(), strings.NewReader(e.SampleBody())))(t)
		request.Header.Set("Accept", contract.MediaTypeJSON)
		response := check.Value(http.DefaultClient.Do(request))(t)
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
		for event, err := range db.Store(defaultTable).All(t.Context()) {
			check.OK(t, err)
			var data any
			check.OK(t, json.Unmarshal(event.Data, &data))
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
