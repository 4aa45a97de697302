package propose_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/test/check"
	"visitplannr/test/corpus"
)

// How a fuzzed body is put into its event.
const (
	bodyAsIs     = iota
	bodyInBase64 // as the gateway carries what is not UTF-8
	bodyCalledBase64
	bodyForms
)

// FuzzRequest sends arbitrary input through the whole request path. Nothing may panic
// or give a 5xx, every refusal is a complete problem, and an accepted proposal is
// stored as the body says.
func FuzzRequest(f *testing.F) {
	for _, body := range corpus.Bodies() {
		f.Add([]byte(body.Bytes), contract.MediaTypeJSON, "", "", byte(bodyAsIs))
	}
	good := []byte(corpus.Bodies()[0].Bytes)
	for _, key := range []string{"a", `"a"`, `"a\"b"`, `"`, "a b", "é", strings.Repeat("k", 256)} {
		f.Add(good, contract.MediaTypeJSON, contract.MediaTypeJSON, key, byte(bodyInBase64))
	}
	for _, contentType := range []string{"", "application/json; charset=utf-8", "APPLICATION/JSON", "text/plain", "application/json; charset", ";", "\x00"} {
		f.Add(good, contentType, "*/*", "", byte(bodyAsIs))
	}
	for _, accept := range []string{"application/*", "application/json;q=0.5, text/plain;q=0.4", "text/plain", "*/*;q=0", ",;q", `a/b;c="`} {
		f.Add(good, "", accept, "k-1", byte(bodyAsIs))
	}
	f.Add(good, "", "", "", byte(bodyCalledBase64))

	f.Fuzz(func(t *testing.T, body []byte, contentType, accept, key string, form byte) {
		store := &fuzzStore{}
		var logs bytes.Buffer
		handler := propose.New(destination.NewProposer(store), httpapi.Config{Output: &logs, FunctionName: "fuzz"})
		event := events.APIGatewayProxyRequest{
			HTTPMethod: http.MethodPost,
			Path:       contract.ProposeDestination.Path,
			Headers:    map[string]string{"Accept": accept},
			Body:       string(body),
		}
		event.RequestContext.RequestID = fuzzRequestID
		switch form % bodyForms {
		case bodyInBase64:
			event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
		case bodyCalledBase64:
			event.IsBase64Encoded = true
			body, _ = base64.StdEncoding.DecodeString(string(body))
		}
		if contentType != "" {
			event.MultiValueHeaders = map[string][]string{"content-type": {contentType}}
		}
		if key != "" {
			event.Headers[contract.HeaderIdempotencyKey] = key
		}

		response := handleFuzzed(t, handler, event)
		checkLogs(t, logs.String(), event, key)
		if response.StatusCode != http.StatusOK {
			if len(store.events) != 0 {
				t.Errorf("status %d, and %d events stored", response.StatusCode, len(store.events))
			}
			checkProblem(t, response, fuzzRequestID)
			return
		}
		stored := checkStored(t, store, body)
		checkSuccess(t, response, stored)
		if key == "" {
			return
		}
		// The same again is a replay, something else with the key is refused.
		event.RequestContext.RequestID = fuzzLaterID
		again := handleFuzzed(t, handler, event)
		if again.StatusCode != http.StatusOK || again.Body != response.Body || again.Headers[contract.HeaderIdempotencyReplayed] != "true" {
			t.Errorf("the same again: got %d %q %v, want 200 %q, replayed", again.StatusCode, again.Body, again.Headers, response.Body)
		}
		event.Body, event.IsBase64Encoded = `{"name":"another","geolocation":{"latitude":1.25,"longitude":-179.5}}`, false
		if other := handleFuzzed(t, handler, event); other.StatusCode != contract.ProblemKeyReused.Status {
			t.Errorf("another proposal with the key: got %d %s, want %d", other.StatusCode, other.Body, contract.ProblemKeyReused.Status)
		} else {
			checkProblem(t, other, fuzzLaterID)
		}
		if len(store.events) != 1 {
			t.Errorf("got %d events of one key, want 1", len(store.events))
		}
	})
}

// Requests of the first and of the later calls.
const (
	fuzzRequestID = "0192f000-0000-4000-8000-000000000000"
	fuzzLaterID   = "0192f000-0000-4000-8000-000000000001"
)

func handleFuzzed(t *testing.T, handler *httpapi.Handler, event events.APIGatewayProxyRequest) events.APIGatewayProxyResponse {
	t.Helper()
	response := check.Value(handler.Handle(t.Context(), event))(t)
	return response
}

// checkProblem checks an answer other than a success.
func checkProblem(t *testing.T, response events.APIGatewayProxyResponse, requestID string) {
	t.Helper()
	if response.StatusCode < 400 || response.StatusCode > 499 {
		t.Errorf("got status %d: %s", response.StatusCode, response.Body)
	}
	if got := response.Headers["Content-Type"]; got != contract.MediaTypeProblem {
		t.Errorf("got Content-Type %q", got)
	}
	var problem contract.Problem
	decoder := json.NewDecoder(strings.NewReader(response.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&problem); err != nil {
		t.Fatalf("problem %s: %v", response.Body, err)
	}
	if problem.Status != response.StatusCode || problem.Detail == "" || problem.Instance != "urn:uuid:"+requestID {
		t.Errorf("status %d: got %+v", response.StatusCode, problem)
	}
	known := false
	for _, kind := range contract.ProblemTypes() {
		known = known || problem.Type == kind.Type && problem.Title == kind.Title && problem.Status == kind.Status
	}
	if !known {
		t.Errorf("got %+v, which is no kind of problem", problem)
	}
	if len(problem.Errors) > 21 || len(response.Body) > 16<<10 {
		t.Errorf("got %d errors and %d bytes; nobody reads that", len(problem.Errors), len(response.Body))
	}
	for _, e := range problem.Errors {
		fragment, found := strings.CutPrefix(e.Pointer, "#")
		if _, err := url.PathUnescape(fragment); err != nil || !found || e.Detail == "" || fragment != "" && fragment[0] != '/' || strings.ContainsAny(fragment, "#\" <>\\^`{|}\x00\n") {
			t.Errorf("got error %+v, whose pointer is no URI fragment of a JSON pointer", e)
		}
	}
}

// checkStored compares the one event with what an independent reading of the
// body finds, and returns it.
func checkStored(t *testing.T, store *fuzzStore, body []byte) eventstore.Event {
	t.Helper()
	if len(store.events) != 1 {
		t.Fatalf("got %d events, want 1", len(store.events))
	}
	var stored eventstore.Event
	for _, stored = range store.events {
	}
	var said, data struct {
		Name        string
		Geolocation struct{ Latitude, Longitude json.Number }
	}
	if err := json.Unmarshal(body, &said); err != nil {
		t.Fatalf("accepted %q: %v", body, err)
	}
	if err := json.Unmarshal(stored.Data, &data); err != nil {
		t.Fatalf("stored %s: %v", stored.Data, err)
	}
	if want := strings.TrimSpace(said.Name); data.Name != want {
		t.Errorf("stored the name %q, want %q", data.Name, want)
	}
	for _, pair := range [][2]json.Number{
		{data.Geolocation.Latitude, said.Geolocation.Latitude},
		{data.Geolocation.Longitude, said.Geolocation.Longitude},
	} {
		got, err := pair[0].Float64()
		if err != nil {
			t.Errorf("stored %s: %v", pair[0], err)
		}
		if want, ok := nearest(pair[1].String()); ok && got != want {
			t.Errorf("stored %v, want %v", got, want)
		}
	}
	return stored
}

// nearest reads a number with math/big, unless that would take long.
func nearest(number string) (float64, bool) {
	if i := strings.IndexAny(number, "eE"); i >= 0 {
		if exponent, err := strconv.Atoi(number[i+1:]); err != nil || exponent > 20_000 || exponent < -20_000 {
			return 0, false
		}
	}
	rat, ok := new(big.Rat).SetString(number)
	if !ok {
		return 0, false
	}
	value, _ := rat.Float64()
	if math.Abs(value) < 1e-15 { // less than an atom, and stored as zero
		value = 0
	}
	return value, true
}

func checkSuccess(t *testing.T, response events.APIGatewayProxyResponse, stored eventstore.Event) {
	t.Helper()
	switch contentType := response.Headers["Content-Type"]; contentType {
	case contract.MediaTypeText:
		if response.Body != contract.StatusOK {
			t.Errorf("got text %q, want %q", response.Body, contract.StatusOK)
		}
	case contract.MediaTypeJSON:
		var got contract.Receipt
		if err := json.Unmarshal([]byte(response.Body), &got); err != nil {
			t.Fatalf("receipt %s: %v", response.Body, err)
		}
		want := contract.Receipt{Status: contract.StatusOK, StreamName: stored.StreamName.String(), EventID: stored.ID.String(),
			CorrelationID: stored.CorrelationID, Timestamp: stored.Timestamp.String()}
		if got != want {
			t.Errorf("got receipt %+v, want %+v", got, want)
		}
	default:
		t.Errorf("got Content-Type %q", contentType)
	}
	if got, found := response.Headers[contract.HeaderIdempotencyReplayed]; found {
		t.Errorf("a first answer is marked replayed: %q", got)
	}
}

// checkLogs wants JSON lines, and no key in them.
func checkLogs(t *testing.T, logs string, event events.APIGatewayProxyRequest, key string) {
	t.Helper()
	for line := range strings.Lines(logs) {
		if !json.Valid([]byte(line)) || !strings.HasSuffix(line, "\n") {
			t.Errorf("logged %q, which is no line of JSON", line)
		}
	}
	quoted, _ := json.Marshal(key) // as a log would hold it
	encoded := strings.Trim(string(quoted), `"`)
	if len(key) < 12 || !strings.Contains(logs, encoded) {
		return // a shorter one is in many words
	}
	// The key is in the logs. That is a leak unless it would be there without being
	// the key: as a part of the body, or as a word that is always logged.
	var without bytes.Buffer
	event.Headers = maps.Clone(event.Headers)
	delete(event.Headers, contract.HeaderIdempotencyKey)
	handleFuzzed(t, propose.New(destination.NewProposer(&fuzzStore{}), httpapi.Config{Output: &without, FunctionName: "fuzz"}), event)
	if !strings.Contains(without.String(), encoded) {
		t.Errorf("the key %q is in the logs: %s", key, logs)
	}
}

// fuzzStore keeps events, as a store does.
type fuzzStore struct {
	mu     sync.Mutex
	events map[eventstore.StreamName]eventstore.Event
}

func (s *fuzzStore) Open(_ context.Context, opening eventstore.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := opening.Validate(); err != nil {
		return err
	}
	if stored, found := s.events[opening.StreamName]; found {
		return &eventstore.StreamExistsError{Opening: stored}
	}
	if s.events == nil {
		s.events = map[eventstore.StreamName]eventstore.Event{}
	}
	s.events[opening.StreamName] = opening
	return nil
}
