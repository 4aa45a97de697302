package apigateway

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"visitplannr/internal/contract"
	"visitplannr/internal/decimal"
)

// compile makes a validator of the contract's schema, in the draft that API
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

func validate(schema *jsonschema.Schema, body []byte) error {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("request body is not JSON: %w", err)
	}
	if err := schema.Validate(tame(document)); err != nil {
		return fmt.Errorf("request body does not match model schema: %w", err)
	}
	return nil
}

// tame spells numbers so that the validator, which computes exact values, does
// it quickly: that of 1e-999999 takes it milliseconds, that of 1e1000001 a crash.
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
