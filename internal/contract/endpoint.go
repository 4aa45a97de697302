package contract

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Endpoint is one operation of the API. Everything else is derived from it: the stack's
// function, route, grants, alarms and dashboard rows; the local gateway's route and the
// local process; the sample event; and the API's description.
type Endpoint struct {
	// Function is the folder below functions/ that holds the function's code. It also
	// names the construct, the asset, the alarms and, in camel case, the OpenAPI
	// operation.
	Function string

	Method string
	// Path may have parameters, each for one path element: /streams/{name}.
	Path    string
	Summary string // one sentence

	// Body is the JSON schema of the request's body; nil: a body is ignored.
	Body *Schema

	// TableActions are the operations of DynamoDB, such as PutItem, that the function may
	// use on the events table: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
	// Without any, the function does not get the table's name.
	TableActions []string

	// TakesKey says that HeaderIdempotencyKey makes a request safe to repeat. A key is
	// unique per method and path and never expires, so changing the method or path
	// forgets all keys.
	TakesKey bool

	// Problems are the kinds of failure that are this endpoint's own: no other answers
	// with them, and they are described nowhere else.
	Problems []ProblemType

	// Text is the body of a success for a client that does not ask for JSON; if empty,
	// a success is always JSON. Answer is the schema of that JSON.
	Text   string
	Answer Schema
}

// Endpoints lists what the API offers.
func Endpoints() []Endpoint {
	return []Endpoint{
		ProposeDestination,
	}
}

// Route names the endpoint as a log line or an error does: "POST /destination".
func (e Endpoint) Route() string { return e.Method + " " + e.Path }

// OperationID names the endpoint in camel case: "proposeDestination".
func (e Endpoint) OperationID() string {
	words := strings.Split(e.Function, "-")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// ProblemTypes lists every kind of failure that a request to the endpoint can get, in
// the order of their statuses.
func (e Endpoint) ProblemTypes() []ProblemType {
	types := slices.DeleteFunc(commonProblems(), func(p ProblemType) bool {
		switch p {
		case ProblemInvalidBody, ProblemUnsupportedMediaType:
			return e.Body == nil
		case ProblemInvalidKey, ProblemKeyReused:
			return !e.TakesKey
		}
		return false
	})
	return byStatus(append(types, e.Problems...))
}

// UsesTable reports whether the function may do anything to the events table.
func (e Endpoint) UsesTable() bool { return len(e.TableActions) > 0 }

// SamplePath returns the path with each parameter's name in place of the parameter.
func (e Endpoint) SamplePath() string { return strings.NewReplacer("{", "", "}", "").Replace(e.Path) }

// SampleBody returns a body that the endpoint accepts, built from the schema's
// examples; it is empty if the endpoint takes no body.
func (e Endpoint) SampleBody() string {
	if e.Body == nil {
		return ""
	}
	body, err := json.Marshal(e.Body.Sample())
	if err != nil {
		panic(err) // examples are strings, numbers and objects
	}
	return string(body)
}

// Match returns the endpoint that a method and a path lead to, and the values of the
// path's parameters, decoded. The path is as it came, so an encoded slash separates
// nothing. Like API Gateway, it compares element by element, case-sensitively, and
// ignores slashes before the first element and behind the last:
// https://github.com/localstack/localstack/issues/11253,
// https://github.com/aws/aws-sam-cli/pull/1495.
func Match(endpoints []Endpoint, method, path string) (e Endpoint, parameters map[string]string, ok bool) {
	for _, e := range endpoints {
		if e.Method != method {
			continue
		}
		if parameters, ok := e.matchPath(path); ok {
			return e, parameters, true
		}
	}
	return Endpoint{}, nil, false
}

func (e Endpoint) matchPath(path string) (map[string]string, bool) {
	want, got := strings.Split(strings.Trim(e.Path, "/"), "/"), strings.Split(strings.Trim(path, "/"), "/")
	if len(want) != len(got) {
		return nil, false
	}
	var parameters map[string]string
	for i, element := range want {
		if decoded, err := url.PathUnescape(got[i]); err == nil {
			got[i] = decoded
		}
		name, isParameter := strings.CutPrefix(element, "{")
		switch {
		case isParameter && got[i] != "":
			if parameters == nil {
				parameters = map[string]string{}
			}
			parameters[strings.TrimSuffix(name, "}")] = got[i]
		case element != got[i]:
			return nil, false
		}
	}
	return parameters, true
}

// bodyRules describes what each endpoint's body must be.
func bodyRules(endpoints []Endpoint) string {
	var sentences []string
	for _, e := range endpoints {
		if e.Body != nil {
			sentences = append(sentences, fmt.Sprintf("%s takes, as JSON, %s.", e.Route(), e.Body.Rule()))
		}
	}
	return strings.Join(sentences, " ")
}

// routes lists all endpoints: "POST /a, GET /b".
func routes(endpoints []Endpoint) string {
	var names []string
	for _, e := range endpoints {
		names = append(names, e.Route())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
