// Package openapi describes the API in OpenAPI 3.1, made of the same values that
// the gateway and the function are made of. docs/openapi.yaml holds the result.
package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"visitplannr/internal/contract"
)

//go:generate go run ./gen ../../docs/openapi.yaml

// headerRetryAfter is defined by RFC 9110, section 10.2.3.
const headerRetryAfter = "Retry-After"

// An occurrence of everything, for the examples.
const (
	exampleRequestID = "6c4a1f3e-2b7d-4e0c-9a58-d1f0b3c2e4a6"
	exampleEventID   = "019ad0f4-0a3c-7c51-8f0e-5b1d2a9c7e64"
)

// YAML returns the description as docs/openapi.yaml holds it.
func YAML() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(describe()); err != nil {
		return nil, fmt.Errorf("encode description: %w", err)
	}
	// JSON is YAML. Reading it as nodes keeps the order of members, and the nodes
	// only have to lose the style of JSON.
	var root yaml.Node
	if err := yaml.Unmarshal(text.Bytes(), &root); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	plain(&root)
	root.HeadComment = "Generated from package contract: go generate ./internal/openapi. Do not edit."
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

func describe() document {
	route := contract.ProposeDestination
	return document{
		OpenAPI: "3.1.1",
		Info: info{
			Title:   "visitplannr",
			Summary: "The command channel through which editors propose destinations.",
			Description: "An answer of 200 means that the proposal is durably stored, once. Every failure is a problem " +
				"(RFC 9457) that says what was wrong and whether to try again.",
			Version: "1",
		},
		Servers: []server{
			{URL: "http://127.0.0.1:3000", Description: "A local run: go run ./cmd/visitplannr local"},
			{
				URL:         "https://{api}.execute-api.{region}.amazonaws.com/{stage}",
				Description: "A deployed stack; its outputs name the URL.",
				Variables: map[string]variable{
					"api":    {Default: "api-id", Description: "The id that API Gateway gave the API."},
					"region": {Default: "eu-west-2", Description: "The AWS region of the stack."},
					"stage":  {Default: "dev", Description: "The stage of the stack."},
				},
			},
		},
		// The empty requirement stands for a local run and a stack with open access.
		Security: []map[string][]string{{securitySigV4: {}}, {}},
		Paths:    map[string]pathItem{route.Path: {strings.ToLower(route.Method): proposeDestination()}},
		Components: components{
			Schemas: map[string]any{
				schemaProposal:   contract.ProposalSchema(),
				schemaReceipt:    receiptSchema(),
				schemaProblem:    problemSchema(),
				schemaFieldError: fieldErrorSchema(),
			},
			Headers: map[string]header{
				contract.HeaderIdempotencyReplayed: {
					Description: "There, and true, when the answer repeats that to an earlier request with the same " +
						contract.HeaderIdempotencyKey + ". Nothing was stored anew.",
					Schema: schema{Type: contract.TypeString, Const: "true"},
				},
				headerRetryAfter: {
					Description: "Seconds to wait before the request is sent again.",
					Schema:      schema{Type: "integer", Minimum: 1},
				},
				contract.HeaderRequestID: {
					Description: "The id of the request, which the logs carry.",
					Schema:      schema{Type: contract.TypeString, Format: "uuid"},
				},
			},
			SecuritySchemes: map[string]securityScheme{
				securitySigV4: {
					Type:        "apiKey",
					Name:        "Authorization",
					In:          "header",
					Description: "AWS Signature Version 4, of a principal that may invoke the API (execute-api:Invoke).",
					AuthType:    "awsSigv4",
				},
			},
		},
	}
}

func proposeDestination() operation {
	return operation{
		OperationID: "proposeDestination",
		Summary:     "Propose a destination.",
		Description: fmt.Sprintf("Records the proposal as an event. Without a content type the body counts as %s. "+
			"The body may have at most %d bytes, and each member of an object once.", contract.MediaTypeJSON, contract.BodyMaxBytes),
		Parameters: []parameter{{
			Name: contract.HeaderIdempotencyKey,
			In:   "header",
			Description: fmt.Sprintf("Makes the request safe to repeat: however often and however concurrently it is sent with the "+
				"same key, the proposal is stored once, and each answer is the first one again, marked with %s. "+
				"It is 1 to %d visible ASCII characters, plain or as a quoted string, and does not expire. "+
				"Use a fresh random key, such as a UUID, for each proposal.",
				contract.HeaderIdempotencyReplayed, contract.IdempotencyKeyMaxBytes),
			Schema: schema{Type: contract.TypeString, Pattern: contract.IdempotencyKeyPattern},
			Examples: map[string]example{
				"plain":  {Value: "0b9f3c52-54c1-4f9e-9d9c-2f6a5f1f7a11"},
				"quoted": {Summary: "The structured form of the IETF draft; the same key.", Value: `"0b9f3c52-54c1-4f9e-9d9c-2f6a5f1f7a11"`},
			},
		}},
		RequestBody: requestBody{
			Description: "The proposal.",
			Required:    true,
			Content: map[string]mediaType{contract.MediaTypeJSON: {
				Schema: schemaRef(schemaProposal),
				Examples: map[string]example{
					"brockholes": {Value: proposal{"Brockholes", geolocation{53.77, -2.63}}},
					"llyn":       {Summary: "White space around the name is not stored.", Value: proposal{"  Pen Llŷn ", geolocation{52.87, -4.56}}},
					"dateLine":   {Summary: "The limits belong to the range.", Value: proposal{"南極点 🐧", geolocation{contract.LatitudeMin, contract.LongitudeMax}}},
				},
			}},
		},
		Responses: responses(),
	}
}

// responses lists success and every problem, by status.
func responses() map[string]response {
	all := map[string]response{
		"200": {
			Description: "The proposal is stored. The answer is text, unless the Accept header prefers JSON.",
			Headers:     headerRefs(contract.HeaderIdempotencyReplayed, contract.HeaderRequestID),
			Content: map[string]mediaType{
				contract.MediaTypeText: {
					Schema:   schema{Type: contract.TypeString, Const: contract.StatusOK},
					Examples: map[string]example{"stored": {Value: contract.StatusOK}},
				},
				contract.MediaTypeJSON: {
					Schema: schemaRef(schemaReceipt),
					Examples: map[string]example{"stored": {Value: contract.Receipt{
						Status:        contract.StatusOK,
						StreamName:    "destination-" + exampleEventID,
						EventID:       exampleEventID,
						CorrelationID: exampleEventID,
						Timestamp:     "2026-11-23T09:00:00.000Z",
					}}},
				},
			},
		},
		"default": problemResponse("Any other failure that the gateway answers. Such a problem does not repeat the status.",
			withoutStatus(contract.ProblemInvalidRequest), withoutStatus(contract.ProblemInternal)),
	}
	byStatus := map[int][]contract.ProblemType{}
	for _, problem := range contract.ProblemTypes() {
		byStatus[problem.Status] = append(byStatus[problem.Status], problem)
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		var titles []string
		for _, problem := range byStatus[status] {
			titles = append(titles, problem.Title)
		}
		all[strconv.Itoa(status)] = problemResponse(strings.Join(titles, "; ")+".", byStatus[status]...)
	}
	return all
}

func withoutStatus(problem contract.ProblemType) contract.ProblemType {
	problem.Status = 0
	return problem
}

// problemResponse is an answer that is one of some problems, with an example of each.
func problemResponse(description string, problems ...contract.ProblemType) response {
	headers := []string{contract.HeaderRequestID}
	examples := map[string]example{}
	for _, problem := range problems {
		if problem.RetryAfter > 0 && !slices.Contains(headers, headerRetryAfter) {
			headers = append(headers, headerRetryAfter)
		}
		examples[slug(problem)] = example{Value: problem.Problem(exampleRequestID, "")}
		if problem.Type == contract.ProblemInvalidBody.Type {
			examples[slug(problem)+"-errors"] = example{
				Summary: "The function names everything that is wrong with a body.",
				Value: problem.Problem(exampleRequestID, "The body has 2 problems; see errors.",
					contract.FieldError{Pointer: contract.PointerRoot + "/nmae", Detail: "is not a member of a proposal"},
					contract.FieldError{Pointer: contract.PointerLatitude, Detail: contract.RuleLatitude}),
			}
		}
	}
	return response{
		Description: description,
		Headers:     headerRefs(headers...),
		Content:     map[string]mediaType{contract.MediaTypeProblem: {Schema: schemaRef(schemaProblem), Examples: examples}},
	}
}

// slug is the part of a problem's type that differs from the others'.
func slug(problem contract.ProblemType) string {
	return problem.Type[strings.LastIndexByte(problem.Type, ':')+1:]
}

func receiptSchema() schema {
	uuid := func(description string) schema {
		return schema{Type: contract.TypeString, Format: "uuid", Description: description}
	}
	return closed("Where the proposal is stored.", map[string]schema{
		"status":        {Type: contract.TypeString, Const: contract.StatusOK},
		"streamName":    text("The stream that the proposal opened."),
		"eventId":       uuid("The event that records the proposal."),
		"correlationId": uuid("What all that follows from the proposal carries."),
		"timestamp": {Type: contract.TypeString, Format: "date-time",
			Description: "When the proposal was recorded, in UTC, to the millisecond."},
	}, "status", "streamName", "eventId", "correlationId", "timestamp")
}

func problemSchema() schema {
	var types []string
	for _, problem := range contract.ProblemTypes() {
		types = append(types, problem.Type)
	}
	fieldError := schemaRef(schemaFieldError)
	return closed("A failure: RFC 9457, Problem Details for HTTP APIs.", map[string]schema{
		"type":     {Type: contract.TypeString, Format: "uri", Enum: types, Description: "The kind of failure, for programs."},
		"title":    text("The kind of failure, for people."),
		"status":   {Type: "integer", Minimum: 400, Maximum: 599, Description: "The status of the answer."},
		"detail":   text("What was wrong and what to do, for people. Do not parse it."),
		"instance": {Type: contract.TypeString, Format: "uri", Description: "This one failure: a URN of the request's id."},
		"errors":   {Type: "array", Items: &fieldError, Description: "All that is wrong with a body, when the function judged it."},
	}, "type", "title", "detail", "instance")
}

func fieldErrorSchema() schema {
	return closed("One thing that is wrong with a body.", map[string]schema{
		"pointer": {Type: contract.TypeString, Format: "uri-reference",
			Description: "Where: a JSON pointer in the form of a URI fragment (RFC 6901, section 6)."},
		"detail": text("What is wrong there, for people."),
	}, "pointer", "detail")
}
