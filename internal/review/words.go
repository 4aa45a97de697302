package review

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// short returns a template's value in one readable line: a policy statement as a
// sentence, a function such as Fn::GetAtt as what it refers to. A long value is cut.
func short(v any) string {
	const enough = 400
	text := []rune(words(v, true))
	if len(text) > enough {
		return string(text[:enough]) + "… (cut; the full diff has the rest)"
	}
	return string(text)
}

// words returns a value, with or without quotes around strings.
func words(v any, quoted bool) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case []any:
		if quoted {
			return "[" + joined(v, ", ", true) + "]"
		}
		return joined(v, ", ", false)
	case map[string]any:
		if name := reference(v); name != "" {
			return name
		}
		if v["Effect"] != nil {
			return statement(v)
		}
		if join, ok := v["Fn::Join"].([]any); ok && len(join) == 2 {
			return joined(join[1], words(join[0], false), false)
		}
		var members []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			members = append(members, key+": "+words(v[key], quoted))
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	text, err := json.Marshal(v) // escapes line breaks
	if err != nil {
		return fmt.Sprintf("%q", fmt.Sprint(v))
	}
	line := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
	if !quoted {
		line = strings.Trim(line, `"`)
	}
	return line
}

// joined returns the elements of a list as text.
func joined(list any, separator string, quoted bool) string {
	elements, _ := list.([]any)
	var texts []string
	for _, element := range elements {
		texts = append(texts, words(element, quoted))
	}
	return strings.Join(texts, separator)
}

// reference names what Ref or Fn::GetAtt refers to; "" for anything else.
func reference(m map[string]any) string {
	if name, ok := m["Ref"].(string); ok {
		return name
	}
	if name, ok := m["Fn::GetAtt"].(string); ok {
		return name
	}
	return joined(m["Fn::GetAtt"], ".", false)
}

// statement returns a statement of a policy as a sentence
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html).
func statement(s map[string]any) string {
	text := words(s["Effect"], false)
	for _, part := range []struct{ element, before string }{
		{"Action", " "}, {"NotAction", " all but "}, {"Resource", " on "}, {"NotResource", " on all but "},
		{"Principal", " to "}, {"NotPrincipal", " to all but "}, {"Condition", " if "},
	} {
		if v := s[part.element]; v != nil {
			text += part.before + words(v, false)
		}
	}
	return text
}
