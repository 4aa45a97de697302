// Package openapi describes the API in OpenAPI 3.1. It derives the description from the
// same values as the gateway and the functions. docs/openapi.yaml holds the result; a
// test keeps it up to date.
package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"visitplannr/internal/contract"
)

// headerRetryAfter is defined by RFC 9110, section 10.2.3.
const headerRetryAfter = "Retry-After"

// exampleRequestID is the request id in all examples.
const exampleRequestID = "6c4a1f3e-2b7d-4e0c-9a58-d1f0b3c2e4a6"

// frame is the part of the description that is the same whatever the endpoints are. The
// empty security requirement covers the local run and a stack with access=open.
//
//go:embed frame.json
var frame []byte

// YAML returns the description of the endpoints, as docs/openapi.yaml holds it.
func YAML(endpoints []contract.Endpoint) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(describe(endpoints)); err != nil {
		return nil, fmt.Errorf("encode description: %w", err)
	}
	// JSON is valid YAML. Reading it as nodes keeps the order of members; only the
	// nodes' JSON style has to be removed.
	var root yaml.Node
	if err := yaml.Unmarshal(text.Bytes(), &root); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	plain(&root)
	root.HeadComment = "Generated from package contract: go generate ./test/generated writes it. Do not edit."
	var document bytes.Buffer
	writer := yaml.NewEncoder(&document)
	writer.SetIndent(2)
	if err := writer.Encode(&root); err != nil {
		return nil, fmt.Errorf("write description: %w", err)
	}
	return document.Bytes(), nil
}

func plain(node *yaml.Node) {
	node.Style = 0
	for _, inner := range node.Content {
		plain(inner)
	}
}

func describe(endpoints []contract.Endpoint) document {
	paths := map[string]pathItem{}
	schemas := map[string]any{schemaProblem: problemSchema(endpoints), schemaFieldError: fieldErrorSchema()}
	for _, e := range endpoints {
		if paths[e.Path] == nil {
			paths[e.Path] = pathItem{}
		}
		paths[e.Path][strings.ToLower(e.Method)] = describeEndpoint(e)
		schemas[answerSchema(e)] = e.Answer
		if e.Body != nil {
			schemas[bodySchema(e)] = e.Body.Described()
		}
	}
	var described document
	if err := json.Unmarshal(frame, &described); err != nil {
		panic(fmt.Errorf("frame.json: %w", err))
	}
	described.Paths, described.Components.Schemas = paths, schemas
	return described
}

// The names of an endpoint's own schemas.
func bodySchema(e contract.Endpoint) string   { return title(e.OperationID()) + "Body" }
func answerSchema(e contract.Endpoint) string { return title(e.OperationID()) + "Answer" }

func title(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func describeEndpoint(e contract.Endpoint) operation {
	described := operation{OperationID: e.OperationID(), Summary: e.Summary, Responses: responses(e)}
	for element := range strings.SplitSeq(e.Path, "/") {
		if name, ok := strings.CutPrefix(element, "{"); ok {
			described.Parameters = append(described.Parameters, parameter{
				Name: strings.TrimSuffix(name, "}"), In: "path", Description: "Part of the path.", Required: true,
				Schema: contract.Schema{Type: contract.TypeString, MinLength: new(1)},
			})
		}
	}
	if e.TakesKey {
		described.Parameters = append(described.Parameters, keyParameter())
	}
	if e.Body != nil {
		described.Description = fmt.Sprintf("Without a content type the body counts as %s. It may have at most %d bytes, "+
			"and each member of an object once.", contract.MediaTypeJSON, contract.BodyMaxBytes)
		described.RequestBody = &requestBody{
			Description: e.Body.Description,
			Required:    true,
			Content: map[string]mediaType{contract.MediaTypeJSON: {
				Schema:   schemaRef(bodySchema(e)),
				Examples: map[string]example{"sample": {Value: e.Body.Sample()}},
			}},
		}
	}
	return described
}

func keyParameter() parameter {
	return parameter{
		Name: contract.HeaderIdempotencyKey,
		In:   "header",
		Description: fmt.Sprintf("Makes the request safe to repeat: however often and however concurrently it is sent with the "+
			"same key, it is carried out once, and each answer is the first one again, marked with %s. "+
			"It is 1 to %d visible ASCII characters, plain or as a quoted string, and does not expire. "+
			"Use a fresh random key, such as a UUID, for each request.",
			contract.HeaderIdempotencyReplayed, contract.IdempotencyKeyMaxBytes),
		Schema: contract.Schema{Type: contract.TypeString, Pattern: contract.IdempotencyKeyPattern},
		Examples: map[string]example{
			"plain":  {Value: "0b9f3c52-54c1-4f9e-9d9c-2f6a5f1f7a11"},
			"quoted": {Summary: "The structured form of the IETF draft; the same key.", Value: `"0b9f3c52-54c1-4f9e-9d9c-2f6a5f1f7a11"`},
		},
	}
}

// responses lists success and every problem that the endpoint can return, by status.
func responses(e contract.Endpoint) map[string]response {
	success := response{
		Description: "Done.",
		Headers:     headerRefs(contract.HeaderRequestID),
		Content: map[string]mediaType{contract.MediaTypeJSON: {
			Schema:   schemaRef(answerSchema(e)),
			Examples: map[string]example{"done": {Value: e.Answer.Sample()}},
		}},
	}
	if e.Text != "" {
		success.Description = "Done. The answer is text, unless the Accept header prefers JSON."
		success.Content[contract.MediaTypeText] = mediaType{
			Schema:   contract.Schema{Type: contract.TypeString, Const: e.Text},
			Examples: map[string]example{"done": {Value: e.Text}},
		}
	}
	if e.TakesKey {
		success.Headers = headerRefs(contract.HeaderIdempotencyReplayed, contract.HeaderRequestID)
	}
	all := map[string]response{
		"200": success,
		"default": problemResponse("Any other failure that the gateway answers. Such a problem does not repeat the status.",
			withoutStatus(contract.ProblemInvalidRequest), withoutStatus(contract.ProblemUnavailable)),
	}
	byStatus := map[int][]contract.ProblemType{}
	for _, problem := range e.ProblemTypes() {
		byStatus[problem.Status] = append(byStatus[problem.Status], problem)
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		var titles []string
		for _, problem := range byStatus[status] {
			titles = append(titles, problem.Title)
		}
		described := problemResponse(strings.Join(titles, "; ")+".", byStatus[status]...)
		if status == contract.ProblemInvalidBody.Status && e.Body != nil {
			described.Content[contract.MediaTypeProblem].Examples[slug(contract.ProblemInvalidBody)+"-errors"] = twoErrors(*e.Body)
		}
		all[strconv.Itoa(status)] = described
	}
	return all
}

func withoutStatus(problem contract.ProblemType) contract.ProblemType {
	problem.Status = 0
	return problem
}

// problemResponse describes an answer that is one of several problems, with an example
// of each.
func problemResponse(description string, problems ...contract.ProblemType) response {
	headers := []string{contract.HeaderRequestID}
	examples := map[string]example{}
	for _, problem := range problems {
		if problem.RetryAfter > 0 && !slices.Contains(headers, headerRetryAfter) {
			headers = append(headers, headerRetryAfter)
		}
		examples[slug(problem)] = example{Value: problem.Problem(exampleRequestID, "")}
	}
	return response{
		Description: description,
		Headers:     headerRefs(headers...),
		Content:     map[string]mediaType{contract.MediaTypeProblem: {Schema: schemaRef(schemaProblem), Examples: examples}},
	}
}

// twoErrors is the problem of a body with a misspelt member and a wrong value.
func twoErrors(body contract.Schema) example {
	for pointer, leaf := range body.Leaves() {
		return example{
			Summary: "The function names everything that is wrong with a body.",
			Value: contract.ProblemInvalidBody.Problem(exampleRequestID, "The body has 2 problems; see errors.",
				contract.FieldError{Pointer: contract.PointerRoot + "/nmae", Detail: "is not a known member"},
				contract.FieldError{Pointer: pointer, Detail: leaf.Description}),
		}
	}
	return example{}
}

// slug returns the part of a problem's type that is its own.
func slug(problem contract.ProblemType) string {
	return problem.Type[strings.LastIndexByte(problem.Type, ':')+1:]
}

func problemSchema(endpoints []contract.Endpoint) contract.Schema {
	var types []string
	for _, e := range endpoints {
		for _, problem := range e.ProblemTypes() {
			if !slices.Contains(types, problem.Type) {
				types = append(types, problem.Type)
			}
		}
	}
	fieldError := schemaRef(schemaFieldError)
	return contract.Object("A failure: RFC 9457, Problem Details for HTTP APIs.", map[string]contract.Schema{
		"type":     {Type: contract.TypeString, Format: "uri", Enum: types, Description: "The kind of failure, for programs."},
		"title":    text("The kind of failure, for people."),
		"status":   {Type: "integer", Minimum: new(400.0), Maximum: new(599.0), Description: "The status of the answer."},
		"detail":   text("What was wrong and what to do, for people. Do not parse it."),
		"instance": {Type: contract.TypeString, Format: "uri", Description: "This one failure: a URN of the request's id."},
		"errors":   {Type: "array", Items: &fieldError, Description: "All that is wrong with a body, when the function judged it."},
	}, "status", "errors")
}

func fieldErrorSchema() contract.Schema {
	return contract.Object("One thing that is wrong with a body.", map[string]contract.Schema{
		"pointer": {Type: contract.TypeString, Format: "uri-reference",
			Description: "Where: a JSON pointer in the form of a URI fragment (RFC 6901, section 6)."},
		"detail": text("What is wrong there, for people."),
	})
}
