package openapi

import (
	"encoding/json"

	"visitplannr/internal/contract"
)

// The parts of an OpenAPI 3.1 document that this API needs, with the names and the
// order of https://spec.openapis.org/oas/v3.1.1.html. What is raw is in frame.json.
type (
	document struct {
		OpenAPI    string              `json:"openapi"`
		Info       json.RawMessage     `json:"info"`
		Servers    json.RawMessage     `json:"servers"`
		Security   json.RawMessage     `json:"security"`
		Paths      map[string]pathItem `json:"paths"`
		Components components          `json:"components"`
	}
	pathItem  map[string]operation // by method, in lower case
	operation struct {
		OperationID string              `json:"operationId"`
		Summary     string              `json:"summary"`
		Description string              `json:"description,omitempty"`
		Parameters  []parameter         `json:"parameters,omitempty"`
		RequestBody *requestBody        `json:"requestBody,omitempty"`
		Responses   map[string]response `json:"responses"`
	}
	parameter struct {
		Name        string             `json:"name"`
		In          string             `json:"in"`
		Description string             `json:"description"`
		Required    bool               `json:"required"`
		Schema      contract.Schema    `json:"schema"`
		Examples    map[string]example `json:"examples,omitempty"`
	}
	requestBody struct {
		Description string               `json:"description"`
		Required    bool                 `json:"required"`
		Content     map[string]mediaType `json:"content"`
	}
	response struct {
		Description string               `json:"description"`
		Headers     map[string]reference `json:"headers,omitempty"`
		Content     map[string]mediaType `json:"content"`
	}
	mediaType struct {
		Schema   contract.Schema    `json:"schema"`
		Examples map[string]example `json:"examples,omitempty"`
	}
	example struct {
		Summary string `json:"summary,omitempty"`
		Value   any    `json:"value"`
	}
	reference struct {
		Ref string `json:"$ref"`
	}
	components struct {
		Schemas         map[string]any  `json:"schemas"`
		Headers         json.RawMessage `json:"headers"`
		SecuritySchemes json.RawMessage `json:"securitySchemes"`
	}
)

// The components that every endpoint's answers refer to.
const (
	schemaProblem    = "Problem"
	schemaFieldError = "FieldError"
)

func schemaRef(name string) contract.Schema {
	return contract.Schema{Ref: "#/components/schemas/" + name}
}

// headerRefs refers to headers that are described once.
func headerRefs(names ...string) map[string]reference {
	refs := map[string]reference{}
	for _, name := range names {
		refs[name] = reference{"#/components/headers/" + name}
	}
	return refs
}

func text(description string) contract.Schema {
	return contract.Schema{Type: contract.TypeString, Description: description}
}
