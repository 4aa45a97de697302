package contract

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// Schema is the subset of JSON Schema that this API needs and that reads the same
// in draft 4 (the draft of API Gateway's models,
// https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html)
// and in 2020-12 (the draft of OpenAPI 3.1).
type Schema struct {
	Ref                  string            `json:"$ref,omitempty"`
	Type                 string            `json:"type,omitempty"`
	Description          string            `json:"description,omitempty"`
	Properties           map[string]Schema `json:"properties,omitempty"`
	Required             []string          `json:"required,omitempty"`
	AdditionalProperties *bool             `json:"additionalProperties,omitempty"`
	MinLength            *int              `json:"minLength,omitempty"`
	Minimum              *float64          `json:"minimum,omitempty"`
	Maximum              *float64          `json:"maximum,omitempty"`

	// These describe answers and headers; for request bodies the function checks them.
	Const   string   `json:"const,omitempty"`
	Enum    []string `json:"enum,omitempty"`
	Format  string   `json:"format,omitempty"`
	Pattern string   `json:"pattern,omitempty"`
	Items   *Schema  `json:"items,omitempty"`

	// DocPattern is a pattern for the API's description alone, because the gateway uses
	// another regular expression engine.
	DocPattern string `json:"-"`

	// Example is a valid value of a leaf. No two leaves of a body have the same
	// example, so a test can find each in what is stored.
	Example any `json:"-"`
}

// The types of JSON values that a Schema may ask for.
const (
	TypeObject = "object"
	TypeString = "string"
	TypeNumber = "number"
)

// PointerRoot is the JSON pointer, in its URI fragment form (RFC 6901, section 6),
// to the whole body.
const PointerRoot = "#"

// Leaves yields each value of the schema that is not an object, with its pointer, in
// order of pointers.
func (s Schema) Leaves() iter.Seq2[string, Schema] {
	return func(yield func(string, Schema) bool) { s.leaves(PointerRoot, yield) }
}

func (s Schema) leaves(pointer string, yield func(string, Schema) bool) bool {
	if s.Type != TypeObject {
		return yield(pointer, s)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !s.Properties[name].leaves(pointer+"/"+name, yield) {
			return false
		}
	}
	return true
}

// Rule describes in words what a value must be, member by member: "an object with
// exactly the members a (must be …) and, optionally, b (must be …)".
func (s Schema) Rule() string {
	if s.Type != TypeObject {
		return s.Description
	}
	var required, optional []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		member := name + " (" + s.Properties[name].Rule() + ")"
		if slices.Contains(s.Required, name) {
			required = append(required, member)
		} else {
			optional = append(optional, member)
		}
	}
	rule := "an object with exactly the members " + enumerate(required)
	switch {
	case len(required) == 0:
		rule = "an object with no members but, optionally, " + enumerate(optional)
	case len(optional) > 0:
		rule += " and, optionally, " + enumerate(optional)
	}
	return rule
}

func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// Described returns the schema as the API's description shows it.
func (s Schema) Described() Schema {
	if s.DocPattern != "" {
		s.Pattern = s.DocPattern
	}
	s.Properties = maps.Clone(s.Properties)
	for name, member := range s.Properties {
		s.Properties[name] = member.Described()
	}
	return s
}

// Sample returns a value that fits the schema: the example of each leaf.
func (s Schema) Sample() any {
	if s.Type != TypeObject {
		return s.Example
	}
	members := map[string]any{}
	for name, member := range s.Properties {
		members[name] = member.Sample()
	}
	return members
}

// Object is an object with exactly these members. All but the optional ones are
// required. A misspelt member is an error, so data is never dropped.
func Object(description string, properties map[string]Schema, optional ...string) Schema {
	required := slices.DeleteFunc(slices.Sorted(maps.Keys(properties)), func(name string) bool {
		return slices.Contains(optional, name)
	})
	return Schema{
		Type:                 TypeObject,
		Description:          description,
		Properties:           properties,
		Required:             required,
		AdditionalProperties: new(false),
	}
}
