package contract

import (
	"maps"
	"os"
	"strings"
	"testing"

	"visitplannr/test/check"
)

func TestEndpointsAreConsistent(t *testing.T) {
	t.Parallel()
	functions, routes := map[string]bool{}, map[string]bool{}
	for _, e := range Endpoints() {
		if functions[e.Function] || routes[e.Route()] {
			t.Errorf("%s (%s) is listed twice", e.Route(), e.Function)
		}
		functions[e.Function], routes[e.Route()] = true, true
		if e.Summary == "" || e.Method != strings.ToUpper(e.Method) || !strings.HasPrefix(e.Path, "/") {
			t.Errorf("%+v lacks a summary, a method in capitals or a path", e)
		}
		if _, _, ok := Match(Endpoints(), e.Method, e.SamplePath()); !ok {
			t.Errorf("%s does not match its own sample path %s", e.Route(), e.SamplePath())
		}
		if _, answers := e.Answer.Sample().(map[string]any); !answers {
			t.Errorf("%s says nothing of the JSON that it answers: set Answer", e.Route())
		}
		for _, action := range e.TableActions {
			if action == "" || strings.ContainsAny(action, ":*") {
				t.Errorf("%s may use %q; want the names of single actions of DynamoDB, such as PutItem", e.Route(), action)
			}
		}
		if e.Body == nil {
			continue
		}
		examples := map[any]string{}
		for pointer, leaf := range e.Body.Leaves() {
			if leaf.Type != TypeString && leaf.Type != TypeNumber {
				t.Errorf("leaf %s of %s is of type %q; the border reads strings and numbers", pointer, e.Route(), leaf.Type)
			}
			if leaf.Description == "" || leaf.Example == nil {
				t.Errorf("leaf %s of %s lacks a description or an example", pointer, e.Route())
			}
			if other, taken := examples[leaf.Example]; taken {
				t.Errorf("leaves %s and %s of %s share the example %v", pointer, other, e.Route(), leaf.Example)
			}
			examples[leaf.Example] = pointer
		}
	}

	// A folder that is not listed is deployed by nobody, and a name without a folder
	// cannot be built.
	entries := check.Value(os.ReadDir("../../functions"))(t)
	for _, entry := range entries {
		if entry.IsDir() && !functions[entry.Name()] {
			t.Errorf("functions/%s is no endpoint's function: add it to Endpoints in internal/contract/endpoint.go", entry.Name())
		}
		delete(functions, entry.Name())
	}
	for name := range functions {
		t.Errorf("there is no folder functions/%s, which Endpoints in internal/contract/endpoint.go names", name)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	endpoints := []Endpoint{
		{Function: "a", Method: "GET", Path: "/streams/{name}"},
		{Function: "b", Method: "GET", Path: "/streams/{name}/events/{id}"},
		{Function: "c", Method: "POST", Path: "/streams"},
		{Function: "d", Method: "GET", Path: "/"},
	}
	for request, want := range map[string]struct {
		function   string
		parameters map[string]string
	}{
		"GET /streams/x":          {"a", map[string]string{"name": "x"}},
		"GET /streams/x/events/1": {"b", map[string]string{"name": "x", "id": "1"}},
		"POST /streams":           {"c", nil},
		"GET /":                   {"d", nil},
		"POST /streams/x":         {},
		"GET /streams/":           {},
		"GET /streams/x/":         {"a", map[string]string{"name": "x"}},
		"GET //streams/x//":       {"a", map[string]string{"name": "x"}},
		"GET //":                  {"d", nil},
		"POST /streams/":          {"c", nil},
		"GET /streams/a%2Fb%20c":  {"a", map[string]string{"name": "a/b c"}},
		"GET /streams//x":         {},
		"GET /streams%2Fx":        {},
		"POST /streams%2F":        {},
		"GET /Streams/x":          {},
		"GET /streams/x/events":   {},
		"get /streams/x":          {},
	} {
		method, path, _ := strings.Cut(request, " ")
		e, parameters, ok := Match(endpoints, method, path)
		if e.Function != want.function || ok != (want.function != "") || !maps.Equal(parameters, want.parameters) {
			t.Errorf("%s: got %q %v %t, want %q %v", request, e.Function, parameters, ok, want.function, want.parameters)
		}
	}
}

func TestSchemaTellsItsRuleInWords(t *testing.T) {
	t.Parallel()
	leaf := func(rule string) Schema { return Schema{Type: TypeString, Description: rule} }
	for _, c := range []struct {
		schema Schema
		want   string
	}{
		{Object("", map[string]Schema{"a": leaf("x"), "b": leaf("y"), "c": leaf("z")}),
			"an object with exactly the members a (x), b (y) and c (z)"},
		{Object("", map[string]Schema{"a": leaf("x"), "b": leaf("y")}, "b"),
			"an object with exactly the members a (x) and, optionally, b (y)"},
		{Object("", map[string]Schema{"b": leaf("y")}, "b"),
			"an object with no members but, optionally, b (y)"},
		{Object("", map[string]Schema{"a": Object("", map[string]Schema{"b": leaf("y")})}),
			"an object with exactly the members a (an object with exactly the members b (y))"},
	} {
		if got := c.schema.Rule(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	for _, want := range []string{"name (" + RuleName + ")", "latitude (" + RuleLatitude + ")", ProposeDestination.Route()} {
		if !strings.Contains(ProblemInvalidBody.Detail, want) {
			t.Errorf("%q does not say %q", ProblemInvalidBody.Detail, want)
		}
	}
	leaves := maps.Collect(ProposeDestination.Body.Leaves())
	for _, pointer := range []string{PointerName, PointerLatitude, PointerLongitude} {
		if leaves[pointer].Type == "" {
			t.Errorf("%s is no leaf of a proposal", pointer)
		}
	}
}
