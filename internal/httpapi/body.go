package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/go-json-experiment/json/jsontext"

	"visitplannr/internal/contract"
)

// Leaf parses the value at pointer in the request's body, such as
// "#/geolocation/latitude", with a constructor of the domain. If the value is missing
// or parse refuses it, Leaf returns T's zero value and the request is refused before
// its command is carried out; the client reads parse's error.
func Leaf[T any](r *Request, pointer string, parse func(string) (T, error)) T {
	var zero T
	r.body.read[pointer] = true
	text, found := r.body.leaves[pointer]
	if !found {
		return zero
	}
	value, err := parse(text)
	if err != nil {
		r.body.problem(pointer, err.Error())
		return zero
	}
	return value
}

// ParseBody reads a body as the endpoint's handler does, with the operation's Decode. Its
// error says why the handler would refuse it.
func ParseBody[C any](endpoint contract.Endpoint, body []byte, decode func(*Request) C) (C, error) {
	r := &Request{endpoint: endpoint, event: events.APIGatewayProxyRequest{Body: string(body)}, values: http.Header{}}
	if err := r.read(); err != nil {
		var none C
		return none, err
	}
	command := decode(r)
	return command, r.finish(leavesOf(endpoint))
}

// leavesOf returns the pointers of the leaves of an endpoint's body.
func leavesOf(endpoint contract.Endpoint) (leaves []string) {
	if endpoint.Body != nil {
		for pointer := range endpoint.Body.Leaves() {
			leaves = append(leaves, pointer)
		}
	}
	return leaves
}

// finish returns why the request must not be carried out: a *requestError that lists all
// errors in its body with their places, or an internal error if the operation did not
// read exactly the leaves of the endpoint's schema.
func (r *Request) finish(leaves []string) error {
	if r.endpoint.Body == nil {
		return nil
	}
	for _, pointer := range leaves {
		if !r.body.read[pointer] {
			return fmt.Errorf("the schema of %s has the leaf %s, which its operation does not read: it would be dropped", r.endpoint.Route(), pointer)
		}
	}
	for pointer := range r.body.read {
		if !slices.Contains(leaves, pointer) {
			return fmt.Errorf("the operation of %s reads %s, which is no leaf of its schema", r.endpoint.Route(), pointer)
		}
	}
	if problems := r.body.problems; len(problems) > 0 {
		return &requestError{kind: contract.ProblemInvalidBody, detail: summary(len(problems)), fields: problems}
	}
	return nil
}

func summary(problems int) string {
	if problems == 1 {
		return "The body has a problem; see errors."
	}
	return fmt.Sprintf("The body has %d problems; see errors.", problems)
}

// malformed says where a body stops being JSON, without quoting the parser.
func malformed(body []byte, err error) string {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "The body is not valid JSON: it ends too early."
	case errors.As(err, &syntax):
		before := body[:min(int(syntax.ByteOffset), len(body))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
		return fmt.Sprintf("The body is not valid JSON (RFC 8259, in UTF-8) from line %d, byte %d.", line, column)
	default:
		return "The body is not valid JSON."
	}
}

// parser walks a body along a schema. It collects the text of each string and number by
// pointer, and every departure from the schema.
//
// It reads tokens instead of decoding into a struct: encoding/json would drop unknown
// and duplicate members and replace broken UTF-8 and lone surrogates, but what a client
// wrote must be stored as written or refused.
type parser struct {
	decoder  *jsontext.Decoder
	leaves   map[string]string
	read     map[string]bool // the pointers that the operation asked for
	skipped  []string        // pointers of values that the schema does not have
	problems []contract.FieldError
}

// parse reads a body. Its error is a *requestError, which means that the body is not JSON.
func (p *parser) parse(schema contract.Schema, body []byte) error {
	p.leaves, p.read = map[string]string{}, map[string]bool{}
	if len(bytes.TrimSpace(body)) == 0 {
		return &requestError{kind: contract.ProblemInvalidBody,
			detail: "The body is empty. " + contract.ProblemInvalidBody.Detail}
	}
	// Duplicates are checked by this parser, so that they are reported with other
	// errors.
	p.decoder = jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if err := p.document(schema, body); err != nil {
		return &requestError{kind: contract.ProblemInvalidBody, detail: malformed(body, err)}
	}
	return nil
}

func (p *parser) problem(pointer, detail string) {
	p.problems = append(p.problems, contract.FieldError{Pointer: pointer, Detail: detail})
}

// maxProblems bounds an answer. A body of 16 KiB has room for thousands of
// unknown members, and nobody reads more than a screen of them.
const maxProblems = 20

// document reads the one value of a body. Its error means that the body is not
// JSON.
func (p *parser) document(schema contract.Schema, body []byte) error {
	if err := p.value(schema, contract.PointerRoot); err != nil {
		return err
	}
	end := int(p.decoder.InputOffset())
	if _, err := p.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil { // there is more JSON
			behind := bytes.TrimLeft(body[end:], " \t\r\n")
			err = &jsontext.SyntacticError{ByteOffset: int64(len(body) - len(behind))}
		}
		return err
	}
	if len(p.problems) > maxProblems {
		p.problems = append(p.problems[:maxProblems],
			contract.FieldError{Pointer: contract.PointerRoot, Detail: "has more problems than these"})
	}
	return nil
}

func (p *parser) skip(pointer string) error {
	p.skipped = append(p.skipped, pointer)
	return p.decoder.SkipValue()
}

func (p *parser) value(schema contract.Schema, pointer string) error {
	kind := p.decoder.PeekKind()
	switch {
	case kind == jsontext.KindBeginObject && schema.Type == contract.TypeObject:
		return p.object(schema, pointer)
	case kind == jsontext.KindString && schema.Type == contract.TypeString,
		kind == jsontext.KindNumber && schema.Type == contract.TypeNumber:
		token, err := p.decoder.ReadToken()
		if err != nil {
			return err
		}
		p.leaves[pointer] = token.String()
		return nil
	}
	if err := p.skip(pointer); err != nil {
		return err
	}
	p.problem(pointer, mustBe(schema))
	return nil
}

// mustBe says what a value of the wrong type should have been. A rule that names the
// type is more helpful than the type alone.
func mustBe(schema contract.Schema) string {
	switch schema.Type {
	case contract.TypeObject:
		return "must be an object"
	case contract.TypeString:
		return "must be a string"
	default:
		return schema.Description
	}
}

func (p *parser) object(schema contract.Schema, pointer string) error {
	if _, err := p.decoder.ReadToken(); err != nil { // the opening brace
		return err
	}
	seen := map[string]bool{}
	for p.decoder.PeekKind() != jsontext.KindEndObject {
		token, err := p.decoder.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		at := pointer + "/" + escapePointer(name)
		member, known := schema.Properties[name]
		switch {
		case !known:
			p.problem(at, "is not a known member")
		case seen[name]:
			p.problem(at, "appears more than once")
		}
		if !known || seen[name] {
			err = p.skip(at)
		} else {
			err = p.value(member, at)
		}
		if err != nil {
			return err
		}
		seen[name] = true
	}
	for _, name := range schema.Required {
		if !seen[name] {
			p.problem(pointer+"/"+name, "is missing")
		}
	}
	_, err := p.decoder.ReadToken() // the closing brace
	return err
}

// escapePointer writes a member's name as a reference token of a JSON pointer in a URI
// fragment (RFC 6901, sections 3 and 6), truncated if it is very long.
func escapePointer(name string) string {
	token := strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.ToValidUTF8(shorten(name), ""))
	escaped := (&url.URL{Fragment: token}).EscapedFragment()
	return strings.ReplaceAll(escaped, "%27", "'") // which a fragment may hold as it is, as RFC 3986, section 3.5, has it
}
