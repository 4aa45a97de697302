package openapi

import "visitplannr/internal/contract"

// The parts of an OpenAPI 3.1 document that this one needs, as
// https://spec.openapis.org/oas/v3.1.1.html names and orders them.
type (
	document struct {
		OpenAPI    string                `json:"openapi"`
		Info       info                  `json:"info"`
		Servers    []server              `json:"servers"`
		Security   []map[string][]string `json:"security"`
		Paths      map[string]pathItem   `json:"paths"`
		Components components            `json:"components"`
	}
	info struct {
		Title       string `json:"title"`
		Summary     string `json:"summary"`
		Description string `json:"description"`
		Version     string `json:"version"`
	}
	server struct {
		URL         string              `json:"url"`
		Description string              `json:"description"`
		Variables   map[string]variable `json:"variables,omitempty"`
	}
	variable struct {
		Default     string `json:"default"`
		Description string `json:"description"`
	}
	pathItem  map[string]operation // by method, in lower case
	operation struct {
		OperationID string              `json:"operationId"`
		Summary     string              `json:"summary"`
		Description string              `json:"description"`
		Parameters  []parameter         `json:"parameters"`
		RequestBody requestBody         `json:"requestBody"`
		Responses   map[string]response `json:"responses"`
	}
	parameter struct {
		Name        string             `json:"name"`
		In          string             `json:"in"`
		Description string             `json:"description"`
		Required    bool               `json:"required"`
		Schema      schema             `json:"schema"`
		Examples    map[string]example `json:"examples"`
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
		Schema   schema             `json:"schema"`
		Examples map[string]example `json:"examples"`
	}
	example struct {
		Summary string `json:"summary,omitempty"`
		Value   any    `json:"value"`
	}
	reference struct {
		Ref string `json:"$ref"`
	}
	components struct {
		Schemas         map[string]any            `json:"schemas"`
		Headers         map[string]header         `json:"headers"`
		SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
	}
	header struct {
		Description string `json:"description"`
		Schema      schema `json:"schema"`
	}
	securityScheme struct {
		Type        string `json:"type"`
		Name        string `json:"name"`
		In          string `json:"in"`
		Description string `json:"description"`
		AuthType    string `json:"x-amazon-apigateway-authtype"`
	}

	// schema says of answers what contract.Schema need not say of requests.
	schema struct {
		Ref                  string            `json:"$ref,omitempty"`
		Type                 string            `json:"type,omitempty"`
		Description          string            `json:"description,omitempty"`
		Const                string            `json:"const,omitempty"`
		Enum                 []string          `json:"enum,omitempty"`
		Format               string            `json:"format,omitempty"`
		Pattern              string            `json:"pattern,omitempty"`
		Minimum              int               `json:"minimum,omitempty"`
		Maximum              int               `json:"maximum,omitempty"`
		Items                *schema           `json:"items,omitempty"`
		Properties           map[string]schema `json:"properties,omitempty"`
		Required             []string          `json:"required,omitempty"`
		AdditionalProperties *bool             `json:"additionalProperties,omitempty"`
	}
)

// proposal is a request body, for examples.
type proposal struct {
	Name        string      `json:"name"`
	Geolocation geolocation `json:"geolocation"`
}

type geolocation struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// schemaNames are the names of the components that others refer to.
const (
	schemaProposal   = "Proposal"
	schemaReceipt    = "Receipt"
	schemaProblem    = "Problem"
	schemaFieldError = "FieldError"

	securitySigV4 = "sigv4"
)

func schemaRef(name string) schema { return schema{Ref: "#/components/schemas/" + name} }

// headerRefs refers to headers that are described once.
func headerRefs(names ...string) map[string]reference {
	refs := map[string]reference{}
	for _, name := range names {
		refs[name] = reference{"#/components/headers/" + name}
	}
	return refs
}

// closed is an object with exactly these members.
func closed(description string, properties map[string]schema, required ...string) schema {
	return schema{Type: contract.TypeObject, Description: description, Properties: properties,
		Required: required, AdditionalProperties: new(false)}
}

func text(description string) schema {
	return schema{Type: contract.TypeString, Description: description}
}
