package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/internal/program"
	"visitplannr/test/check"
	"visitplannr/test/corpus"
	"visitplannr/test/generated"
)

const committed = "../../docs/openapi.yaml"

// Not parallel: the other tests read what this one may write.
func TestDescriptionIsUpToDate(t *testing.T) {
	want := check.Value(YAML(contract.Endpoints()))(t)
	generated.Check(t, committed, string(want))
}

// validate is the judgement of another reader of OpenAPI 3.1.
func validate(t *testing.T, text []byte) error {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return err
	}
	return document.Validate(t.Context())
}

func TestDescriptionIsValidOpenAPI31(t *testing.T) {
	t.Parallel()
	text := check.Value(os.ReadFile(committed))(t)
	check.OK(t, validate(t, text))
	for _, member := range []string{"  title: visitplannr\n", "          description: ", "          required: false\n          schema:\n            type: string\n"} {
		if err := validate(t, bytes.ReplaceAll(text, []byte(member), nil)); err == nil {
			t.Errorf("a description without %q is valid", member)
		}
	}
}

// The committed file, and not the values behind it, is what others read.
func readCommitted(t *testing.T) map[string]any {
	t.Helper()
	text := check.Value(os.ReadFile(committed))(t)
	var document map[string]any
	check.OK(t, yaml.Unmarshal(text, &document))
	encoded := check.Value(json.Marshal(document))(t)
	decoded := check.Value(jsonschema.UnmarshalJSON(bytes.NewReader(encoded)))(t)
	return decoded.(map[string]any)
}

// at descends along names.
func at(t *testing.T, object map[string]any, path ...string) map[string]any {
	t.Helper()
	for _, name := range path {
		inner, ok := object[name].(map[string]any)
		if !ok {
			t.Fatalf("there is no object %s of %q", name, path)
		}
		object = inner
	}
	return object
}

func TestEveryExampleFitsItsSchema(t *testing.T) {
	t.Parallel()
	document := readCommitted(t)
	const url = "urn:visitplannr:openapi"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020) // the dialect of OpenAPI 3.1
	compiler.AssertFormat()
	check.OK(t, compiler.AddResource(url, document))
	examples, references := 0, 0
	var walk func(value any, pointer string)
	walk = func(value any, pointer string) {
		switch v := value.(type) {
		case []any:
			for i, inner := range v {
				walk(inner, pointer+"/"+strconv.Itoa(i))
			}
		case map[string]any:
			if ref, found := v["$ref"].(string); found {
				references++
				name, local := strings.CutPrefix(ref, "#/components/")
				kind, name, _ := strings.Cut(name, "/")
				if _, there := at(t, document, "components", kind)[name]; !local || !there {
					t.Errorf("%s refers to %s, which is not there", pointer, ref)
				}
			}
			if v["schema"] != nil && v["examples"] != nil {
				schema, err := compiler.Compile(url + "#" + pointer + "/schema")
				if err != nil {
					t.Errorf("%s: %v", pointer, err)
					return
				}
				for name, example := range v["examples"].(map[string]any) {
					examples++
					if err := schema.Validate(example.(map[string]any)["value"]); err != nil {
						t.Errorf("%s, example %s: %v", pointer, name, err)
					}
				}
			}
			for name, inner := range v {
				walk(inner, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
			}
		}
	}
	walk(document, "")
	if examples < len(contract.ProblemTypes())+5 || references < 20 {
		t.Errorf("found %d examples and %d references; the description has more", examples, references)
	}
}

// An endpoint that differs from those of the contract in all that it can.
func TestEndpointsOfOtherKindsAreDescribed(t *testing.T) {
	t.Parallel()
	own := contract.ProblemType{Type: "urn:visitplannr:problem:no-such-stream", Title: "No such stream", Status: http.StatusNotFound, Detail: "There is none."}
	text, err := YAML([]contract.Endpoint{contract.ProposeDestination, {
		Function: "read-stream", Method: http.MethodGet, Path: "/streams/{name}/events/{id}", Summary: "Reads an event.",
		Problems: []contract.ProblemType{own}, Answer: contract.Object("An event.", map[string]contract.Schema{"id": {Type: contract.TypeString, Example: "x"}}),
	}})
	check.OK(t, err)
	var read map[string]any
	check.OK(t, yaml.Unmarshal(text, &read))
	check.OK(t, validate(t, text))
	if strings.Contains(string(text), ": null") || strings.Contains(string(text), `: ""`) {
		t.Errorf("the description has empty members:\n%s", text)
	}
	operation := at(t, read, "paths", "/streams/{name}/events/{id}", "get")
	if parameters, _ := operation["parameters"].([]any); len(parameters) != 2 {
		t.Errorf("got the parameters %v, want name and id", parameters)
	}
	examples := func(operation map[string]any) string { return jsonOf(at(t, operation, "responses", "404", "content")) }
	if !strings.Contains(examples(operation), own.Type) {
		t.Errorf("%s is not described at its endpoint", own.Type)
	}
	if strings.Contains(examples(at(t, read, "paths", "/destination", "post")), own.Type) {
		t.Errorf("%s is described at another endpoint", own.Type)
	}
	if _, found := at(t, operation, "responses")["422"]; found {
		t.Error("an endpoint without keys has the problem of a key")
	}
	if types := at(t, read, "components", "schemas", "Problem", "properties", "type")["enum"].([]any); !slices.Contains(types, any(own.Type)) {
		t.Errorf("the types of problems are %v, without %s", types, own.Type)
	}
}

func TestEveryProblemIsDescribed(t *testing.T) {
	t.Parallel()
	described := readCommitted(t)
	for _, e := range contract.Endpoints() {
		responses := at(t, described, "paths", e.Path, strings.ToLower(e.Method), "responses")
		for _, problem := range e.ProblemTypes() {
			response := at(t, responses, strconv.Itoa(problem.Status))
			example := at(t, response, "content", contract.MediaTypeProblem, "examples", slug(problem), "value")
			if example["type"] != problem.Type || example["title"] != problem.Title || example["detail"] != problem.Detail {
				t.Errorf("the example of %s at %s is %v", problem.Type, e.Route(), example)
			}
			if _, found := at(t, response, "headers")[headerRetryAfter]; found != (problem.RetryAfter > 0) {
				t.Errorf("status %d of %s describes Retry-After: %t; %s has it: %t", problem.Status, e.Route(), found, problem.Type, problem.RetryAfter > 0)
			}
		}
	}
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// What the description shows, the function does.
func TestFunctionKeepsToTheDescription(t *testing.T) {
	t.Parallel()
	document := readCommitted(t)
	operation := at(t, document, "paths", "/destination", "post")
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	const url = "urn:visitplannr:openapi"
	check.OK(t, compiler.AddResource(url, document))
	fits := func(t *testing.T, schema, body string) {
		t.Helper()
		compiled := check.Value(compiler.Compile(url + "#/components/schemas/" + schema))(t)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}

	for name, example := range at(t, operation, "requestBody", "content", contract.MediaTypeJSON, "examples") {
		body := jsonOf(example.(map[string]any)["value"])
		response := call(t, body, "application/json", "")
		if response.StatusCode != http.StatusOK {
			t.Errorf("request example %s is answered %d: %s", name, response.StatusCode, response.Body)
			continue
		}
		fits(t, "ProposeDestinationAnswer", response.Body)
		if response := call(t, body, "", ""); response.Body != contract.StatusOK {
			t.Errorf("request example %s is answered %q in text", name, response.Body)
		}
	}

	t.Run("the example of errors is the function's answer", func(t *testing.T) {
		t.Parallel()
		want := at(t, operation, "responses", "400", "content", contract.MediaTypeProblem, "examples", "invalid-body-errors", "value")
		response := call(t, `{"nmae":"x","name":"Brockholes","geolocation":{"latitude":91,"longitude":-2.63}}`, "", "")
		fits(t, schemaProblem, response.Body)
		var got map[string]any
		check.OK(t, json.Unmarshal([]byte(response.Body), &got))
		if jsonOf(got) != jsonOf(want) {
			t.Errorf("got %s, want %s", jsonOf(got), jsonOf(want))
		}
	})

	t.Run("the pattern of keys is the function's", func(t *testing.T) {
		t.Parallel()
		pattern := regexp.MustCompile(at(t, operation["parameters"].([]any)[0].(map[string]any), "schema")["pattern"].(string))
		for _, key := range []string{
			"a", "~", "!", "a b", " a", `"`, `""`, `"a"`, `"a`, `a"`, `a"b`, `"a"b`, `"a\"b"`, `"a\\b"`, `"a\b"`, `"a\"`, `\`, `"a b"`,
			"é", "\x7f", "a\tb", strings.Repeat("k", 255), strings.Repeat("k", 256), `"` + strings.Repeat("k", 255) + `"`,
			`"` + strings.Repeat("k", 256) + `"`, `"` + strings.Repeat(`\"`, 255) + `"`, `"` + strings.Repeat(`\"`, 256) + `"`,
		} {
			status := call(t, `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`, "", key).StatusCode
			if got, want := status == http.StatusOK, pattern.MatchString(key); got != want {
				t.Errorf("key %.40q (%d bytes): accepted %t, matches the pattern %t", key, len(key), got, want)
			}
		}
	})
}

// call calls the function with a body and, unless they are empty, those headers.
func call(t *testing.T, body, accept, key string) events.APIGatewayProxyResponse {
	t.Helper()
	event := events.APIGatewayProxyRequest{HTTPMethod: "POST", Path: "/destination", Body: body, Headers: map[string]string{}}
	event.RequestContext.RequestID = exampleRequestID
	if accept != "" {
		event.Headers["Accept"] = accept
	}
	if key != "" {
		event.Headers[contract.HeaderIdempotencyKey] = key
	}
	proposer := destination.NewProposer(accepting{})
	return check.Value(propose.New(proposer, httpapi.Config{Output: io.Discard}).Handle(t.Context(), event))(t)
}

// accepting is a store that takes every event and keeps none.
type accepting struct{}

func (accepting) Open(context.Context, eventstore.Event) error { return nil }

// A name's pattern refuses no accepted name, in Go's regular expressions and in those
// of ECMA 262, which JSON Schema asks for.
func TestPatternOfAName(t *testing.T) {
	t.Parallel()
	pattern := at(t, readCommitted(t), "components", "schemas", "ProposeDestinationBody", "properties", "name")["pattern"].(string)
	var accepted []string
	for _, body := range corpus.Bodies() {
		var said struct{ Name string }
		if body.Verdict == corpus.Accepted && json.Unmarshal([]byte(body.Bytes), &said) == nil {
			accepted = append(accepted, said.Name)
		}
	}
	refused := []string{"", " ", "a\tb", "a\x00"}
	matches := regexp.MustCompile(pattern)
	for _, name := range accepted {
		if !matches.MatchString(name) {
			t.Errorf("%q is accepted and does not match %s", name, pattern)
		}
	}
	for _, name := range refused {
		if matches.MatchString(name) {
			t.Errorf("%q is refused and matches %s", name, pattern)
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	const script = `const {pattern, accepted, refused} = JSON.parse(require("fs").readFileSync(0))
		const matches = new RegExp(pattern, "u")
		console.log(JSON.stringify([...accepted.filter(n => !matches.test(n)), ...refused.filter(n => matches.test(n))]))`
	command := program.Command(t.Context(), "", node, "-e", script)
	command.Stdin = strings.NewReader(jsonOf(map[string]any{"pattern": pattern, "accepted": accepted, "refused": refused}))
	output, err := command.CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) != "[]" {
		t.Errorf("judged otherwise than by the function: %s, %v", output, err)
	}
}
