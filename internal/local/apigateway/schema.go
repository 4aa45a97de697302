package apigateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"visitplannr/internal/contract"
	"visitplannr/internal/decimal"
)

// compile returns a validator for the contract's schema, in the draft that API
// Gateway's models use.
func compile(schema contract.Schema) (*jsonschema.Schema, error) {
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	const url = "urn:visitplannr:schema:proposal"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("add schema: %w", err)
	}
	compiled, err := compiler.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return compiled, nil
}

// model is an endpoint's schema, as the contract's type and the validator's.
type model struct {
	contract contract.Schema
	compiled *jsonschema.Schema
}

func (m model) validate(body []byte) error {
	if len(body) > contract.BodyMaxBytes {
		decoder := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if err := departs(m.contract, decoder); err != nil {
			return fmt.Errorf("request body does not match model schema: %w", err)
		}
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("request body is not JSON: %w", err)
	}
	if err := m.compiled.Validate(tame(document)); err != nil {
		return fmt.Errorf("request body does not match model schema: %w", err)
	}
	return nil
}

// departs returns an error at the first place where a body departs from its schema's
// members and types. The validator would list all such places, which takes seconds and
// megabytes for a body of 5 MB. It still checks everything else.
func departs(schema contract.Schema, decoder *jsontext.Decoder) error {
	want := map[string]jsontext.Kind{contract.TypeObject: jsontext.KindBeginObject,
		contract.TypeString: jsontext.KindString, contract.TypeNumber: jsontext.KindNumber}[schema.Type]
	if got := decoder.PeekKind(); got != want {
		return fmt.Errorf("at %q: want %s", decoder.StackPointer(), schema.Type)
	}
	if want != jsontext.KindBeginObject {
		return decoder.SkipValue()
	}
	if _, err := decoder.ReadToken(); err != nil {
		return err
	}
	for decoder.PeekKind() != jsontext.KindEndObject {
		name, err := decoder.ReadToken()
		if err != nil {
			return err
		}
		member, known := schema.Properties[name.String()]
		if !known {
			return errors.New("there is a member that it does not know")
		}
		if err := departs(member, decoder); err != nil {
			return err
		}
	}
	_, err := decoder.ReadToken()
	return err
}

// tame rewrites numbers for the validator, which computes exact values: 1e-999999 would
// take it milliseconds, and 1e1000001 would crash it.
func tame(value any) any {
	switch v := value.(type) {
	case json.Number:
		return json.Number(decimal.Normalize(v.String()))
	case []any:
		for i := range v {
			v[i] = tame(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = tame(v[name])
		}
	}
	return value
}
