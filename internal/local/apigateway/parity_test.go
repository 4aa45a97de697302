package apigateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/test/check"
	"visitplannr/test/corpus"
)

// The contract's schema is enforced twice: by the gateway, as JSON Schema, and by
// the function, by hand. The corpus says of each body who refuses it.

func TestSchemaIsValidDraft4(t *testing.T) {
	t.Parallel()
	document := schemaDocument(t)
	metaschema := check.Value(jsonschema.NewCompiler().Compile("http://json-schema.org/draft-04/schema#"))(t)
	if err := metaschema.Validate(document); err != nil {
		t.Errorf("the contract's schema: %v", err)
	}
	// The metaschema lets unknown keywords pass, so a misspelt one would.
	known := slices.Collect(maps.Keys(metaschemaProperties(t)))
	for path, keyword := range keywords(document, "#") {
		if !slices.Contains(known, keyword) {
			t.Errorf("%s has the keyword %q, which draft 4 does not know", path, keyword)
		}
	}
}

func schemaDocument(t *testing.T) any {
	t.Helper()
	text := check.Value(json.Marshal(*contract.ProposeDestination.Body))(t)
	return check.Value(jsonschema.UnmarshalJSON(strings.NewReader(string(text))))(t)
}

// metaschemaProperties lists what draft 4's own schema describes.
func metaschemaProperties(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	metaschema := check.Value(jsonschema.NewCompiler().Compile("http://json-schema.org/draft-04/schema#"))(t)
	return metaschema.Properties
}

// keywords yields every keyword of a schema with its place.
func keywords(schema any, path string) func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		object, _ := schema.(map[string]any)
		for keyword, value := range object {
			if !yield(path, keyword) {
				return
			}
			if keyword != "properties" {
				continue
			}
			for name, member := range value.(map[string]any) {
				for at, inner := range keywords(member, path+"/"+name) {
					if !yield(at, inner) {
						return
					}
				}
			}
		}
	}
}

func TestGatewaySchemaAndFunctionAgreeWithCorpus(t *testing.T) {
	t.Parallel()
	schema := check.Value(compile(*contract.ProposeDestination.Body))(t)
	for _, body := range corpus.Bodies() {
		t.Run(body.Title, func(t *testing.T) {
			byGateway := model{*contract.ProposeDestination.Body, schema}.validate([]byte(body.Bytes))
			function := newFunction()
			response := function.propose(t, body.Bytes)
			accepts := response.StatusCode == http.StatusOK

			if byGateway != nil && accepts {
				t.Fatalf("the gateway refuses what the function accepts: %v", byGateway)
			}
			if got := verdict(byGateway, accepts); got != body.Verdict {
				t.Fatalf("got %v, want %v\ngateway: %v\nfunction: %s", got, body.Verdict, byGateway, response.Body)
			}
			if accepts {
				if got := function.onlyProposal(t); got != body.Stored {
					t.Errorf("stored %+v, want %+v", got, body.Stored)
				}
				return
			}
			if stored := function.store.all(); len(stored) != 0 {
				t.Errorf("stored %d events of a body that was refused", len(stored))
			}
			problem := parseProblem(t, response.StatusCode, response.Headers["Content-Type"], response.Body)
			if problem.Type != body.Problem.Type || problem.Status != body.Problem.Status {
				t.Errorf("got problem %s (%d), want %s (%d)", problem.Type, problem.Status, body.Problem.Type, body.Problem.Status)
			}
			var pointers []string
			for _, e := range problem.Errors {
				pointers = append(pointers, e.Pointer)
			}
			if !slices.Equal(pointers, body.Pointers) {
				t.Errorf("got errors at %q, want %q", pointers, body.Pointers)
			}
		})
	}
}

func verdict(byGateway error, functionAccepts bool) corpus.Verdict {
	switch {
	case functionAccepts:
		return corpus.Accepted
	case byGateway != nil:
		return corpus.RefusedByGateway
	default:
		return corpus.RefusedByFunction
	}
}

// Whoever checks first, a client sees the same status. That the function alone gives
// it over HTTP is seen by the acceptance suite.
func TestGatewayThatValidatesAnswersTheCorpusAsTheFunctionDoes(t *testing.T) {
	t.Parallel()
	function := newFunction()
	server := serve(t, Config{Endpoints: contract.Endpoints(), Functions: only(function.invoker()), ValidateBodies: true})
	accepted := 0
	for _, body := range corpus.Bodies() {
		response, answer := post(t, server, body.Bytes, "Content-Type", "application/json")
		want := body.Problem.Status
		switch body.Verdict {
		case corpus.Accepted:
			accepted++
			want = http.StatusOK
		case corpus.RefusedByGateway:
			want = http.StatusBadRequest // also of one too large for the function
		}
		if response.StatusCode != want {
			t.Errorf("%s: got %d, want %d: %s", body.Title, response.StatusCode, want, answer)
		} else if want != http.StatusOK {
			parseProblem(t, response.StatusCode, response.Header.Get("Content-Type"), answer)
		}
	}
	if got := len(function.store.all()); got != accepted {
		t.Errorf("stored %d events, want one for each of %d accepted bodies", got, accepted)
	}
}

// function is the real function on a store in memory.
type function struct {
	handler *httpapi.Handler
	store   *memory
}

func newFunction() function {
	store := &memory{}
	proposer := destination.NewProposer(store)
	return function{propose.New(proposer, httpapi.Config{Output: io.Discard}), store}
}

// invoker calls the function with what a JSON event holds.
func (f function) invoker() Invoker {
	return invokerFunc(func(ctx context.Context, event []byte) ([]byte, error) {
		var request events.APIGatewayProxyRequest
		if err := json.Unmarshal(event, &request); err != nil {
			return nil, err
		}
		response, err := f.handler.Handle(ctx, request)
		if err != nil {
			return nil, err
		}
		return json.Marshal(response)
	})
}

// only makes f the function of the one endpoint.
func only(f Invoker) map[string]Invoker {
	return map[string]Invoker{contract.ProposeDestination.Function: f}
}

// propose calls the function past the gateway.
func (f function) propose(t *testing.T, body string) events.APIGatewayProxyResponse {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, contract.ProposeDestination.Path, nil)
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	response := check.Value(f.handler.Handle(t.Context(), NewEvent(contract.ProposeDestination, nil, request, []byte(body), "0192f000-0000-4000-8000-000000000000")))(t)
	return response
}

// onlyProposal returns what the one stored event says.
func (f function) onlyProposal(t *testing.T) corpus.Proposal {
	t.Helper()
	stored := f.store.all()
	if len(stored) != 1 {
		t.Fatalf("stored %d events, want 1", len(stored))
	}
	return proposalOf(t, stored[0])
}

// proposalOf reads what an event's Data says of a proposal. That it says nothing else
// is tested where the event is made.
func proposalOf(t *testing.T, event eventstore.Event) corpus.Proposal {
	t.Helper()
	var data struct {
		Name        string `json:"name"`
		Geolocation struct {
			Latitude  float64 `json:"latitude"`
			Longitude float64 `json:"longitude"`
		} `json:"geolocation"`
	}
	if err := json.Unmarshal(event.Data, &data); err != nil {
		t.Fatalf("Data %s: %v", event.Data, err)
	}
	return corpus.Proposal{Name: data.Name, Latitude: data.Geolocation.Latitude, Longitude: data.Geolocation.Longitude}
}

// memory is a store of opening events, safe for concurrent use.
type memory struct {
	mu     sync.Mutex
	events map[eventstore.StreamName]eventstore.Event
}

func (m *memory) Open(_ context.Context, opening eventstore.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if stored, found := m.events[opening.StreamName]; found {
		return &eventstore.StreamExistsError{Opening: stored}
	}
	if m.events == nil {
		m.events = map[eventstore.StreamName]eventstore.Event{}
	}
	m.events[opening.StreamName] = opening
	return nil
}

func (m *memory) all() []eventstore.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.events))
}

// serve starts a local gateway, which logs nowhere unless cfg says so.
func serve(t *testing.T, cfg Config) *httptest.Server {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	api := check.Value(New(cfg))(t)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server
}

// post sends a body to the API's one route, with headers given as name and value
// in turn, and reads the answer.
func post(t *testing.T, server *httptest.Server, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	response, answer, err := send(t.Context(), server, body, headers...)
	check.OK(t, err)
	return response, answer
}

// send is post for goroutines, which must not end a test.
func send(ctx context.Context, server *httptest.Server, body string, headers ...string) (*http.Response, string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		server.URL+contract.ProposeDestination.Path, strings.NewReader(body))
	if err != nil {
		return nil, "", err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return exchange(server, request)
}

func do(t *testing.T, server *httptest.Server, request *http.Request) (*http.Response, string) {
	t.Helper()
	response, answer, err := exchange(server, request)
	check.OK(t, err)
	return response, answer
}

func exchange(server *httptest.Server, request *http.Request) (*http.Response, string, error) {
	response, err := server.Client().Do(request)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response, string(answer), err
}

// parseProblem reads an answer that must be problem+json, and checks what holds
// of every one.
func parseProblem(t testing.TB, status int, contentType, body string) contract.Problem {
	t.Helper()
	if contentType != contract.MediaTypeProblem {
		t.Errorf("status %d has the content type %q, want %q", status, contentType, contract.MediaTypeProblem)
	}
	var problem contract.Problem
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&problem); err != nil {
		t.Fatalf("status %d has the body %q: %v", status, body, err)
	}
	if problem.Status != status {
		t.Errorf("the problem says status %d, the answer has %d", problem.Status, status)
	}
	if problem.Type == "" || problem.Title == "" || problem.Detail == "" || !strings.HasPrefix(problem.Instance, "urn:uuid:") {
		t.Errorf("problem %s: want type, title, detail and an instance in urn:uuid", body)
	}
	return problem
}
