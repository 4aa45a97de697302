package dynamodb

import (
	_ "embed" // the reserved words
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Limits of an expression. Item attributes nest no deeper than a path.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const (
	maxExpression = 4096 // bytes
	maxOperators  = 300  // and functions
	maxOperands   = 100  // of IN
)

// A node is a part of a parsed expression.
type node struct {
	op    string  // "path", "value", an operator (AND, BETWEEN, <=, +, …) or a function
	args  []*node // its operands
	path  path
	value value
	paren bool // it is in parentheses
}

// A path names an attribute or a part of it.
type path []step

// A step is a member's name, or an index if that is not negative.
type step struct {
	name  string
	index int
}

// String returns the path as DynamoDB writes it into messages: [a, [0], b].
func (p path) String() string {
	parts := make([]string, len(p))
	for i, s := range p {
		parts[i] = s.name
		if s.index >= 0 {
			parts[i] = "[" + strconv.Itoa(s.index) + "]"
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// placeholders are a request's expression attribute names and values, which of them its
// expressions have used, and the first error in an expression.
type placeholders struct {
	names  map[string]string
	values item
	used   map[string]bool
	err    error
}

// check returns the first error in an expression, or else the one for placeholders that
// no expression has used.
func (h *placeholders) check() error {
	if h.err != nil {
		return h.err
	}
	for what, keys := range map[string][]string{"Values": slices.Sorted(maps.Keys(h.values)), "Names": slices.Sorted(maps.Keys(h.names))} {
		keys = slices.DeleteFunc(keys, func(key string) bool { return h.used[key] })
		if len(keys) > 0 {
			return invalid("Value provided in ExpressionAttribute%s unused in expressions: keys: {%s}", what, strings.Join(keys, ", "))
		}
	}
	return nil
}

// A parser reads one expression by recursive descent. After a syntax error it acts as
// if the expression had ended, so that it stops at once.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
type parser struct {
	*placeholders
	text   string
	tokens []token
	at     int

	functions map[string]function // that the expression can have
	operators int                 // and functions so far

	syntax string // the syntax error, which is reported first
	fault  string // other errors
}

type token struct {
	text     string // "": the end
	from, to int
}

var tokens = regexp.MustCompile(`[#:]?[A-Za-z_][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|[0-9]+|<>|<=|>=|\s+|(?s:.)`)

// parse reads an expression with one of the parser's rules, unless text is nil or there
// is an error already. what names the request parameter that holds it.
func parse[T any](h *placeholders, what string, text *string, rule func(*parser) T) (parsed T) {
	switch {
	case text == nil || h.err != nil:
		return parsed
	case *text == "":
		h.err = invalid("Invalid %s: The expression can not be empty;", what)
		return parsed
	case len(*text) > maxExpression:
		h.err = invalid("Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %d", what, len(*text))
		return parsed
	}
	p := &parser{placeholders: h, text: *text, functions: conditionFunctions}
	for _, span := range tokens.FindAllStringIndex(p.text, -1) {
		if t := p.text[span[0]:span[1]]; strings.TrimSpace(t) != "" {
			p.tokens = append(p.tokens, token{t, span[0], span[1]})
		}
	}
	p.tokens = append(p.tokens, token{from: len(p.text), to: len(p.text)})
	parsed = rule(p)
	if p.peek() != "" {
		p.unexpected()
	}
	if p.syntax != "" {
		p.fault = p.syntax
	}
	if p.fault != "" {
		h.err = invalid("Invalid %s: %s", what, p.fault)
	}
	return parsed
}

func (p *parser) peek() string { return p.tokens[p.at].text }

func (p *parser) next() string {
	text := p.peek()
	if text != "" {
		p.at++
	}
	return text
}

// accept consumes the next token if it is this one, ignoring case.
func (p *parser) accept(text string) bool {
	if p.peek() == "" || !strings.EqualFold(p.peek(), text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.unexpected()
	}
}

// unexpected reports the next token as the syntax error, with its neighbours.
func (p *parser) unexpected() {
	if p.syntax != "" {
		return
	}
	found, from, to := p.tokens[p.at].text, p.tokens[max(p.at-1, 0)].from, p.tokens[min(p.at+1, len(p.tokens)-1)].to
	if found == "" {
		found = "<EOF>"
	}
	p.syntax = fmt.Sprintf("Syntax error; token: %q, near: %q", found, p.text[from:to])
	p.at = len(p.tokens) - 1
}

// wrong records an error in an expression whose syntax is valid.
func (p *parser) wrongf(format string, args ...any) {
	if p.fault == "" {
		p.fault = fmt.Sprintf(format, args...)
	}
}

// count counts an operator or a function.
func (p *parser) count() {
	if p.operators++; p.operators > maxOperators {
		p.wrongf("The expression contains too many operators; operator count: %d", p.operators)
	}
}

// reserved are the words, in capitals, that cannot be used as names without a
// placeholder.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html
var reserved = func() map[string]bool {
	words := map[string]bool{}
	for word := range strings.FieldsSeq(reservedWords) {
		words[word] = true
	}
	return words
}()

//go:embed reserved.txt
var reservedWords string

var (
	word     = regexp.MustCompile(`^[A-Za-z_]`)
	keywords = []string{"AND", "OR", "NOT", "IN", "BETWEEN"}
)

func isWord(text string) bool {
	return word.MatchString(text) && !slices.Contains(keywords, strings.ToUpper(text))
}

// name reads the name of an attribute.
func (p *parser) name() string {
	text := p.peek()
	switch {
	case len(text) > 1 && text[0] == '#':
		name, ok := p.names[p.next()]
		if !ok {
			p.wrongf("An expression attribute name used in the document path is not defined; attribute name: %s", text)
		}
		p.used[text] = true
		return name
	case !isWord(text):
		p.unexpected()
	case reserved[strings.ToUpper(text)]:
		p.wrongf("Attribute name is a reserved keyword; reserved keyword: %s", text)
	}
	return p.next()
}

func (p *parser) readPath() path {
	read := path{{p.name(), -1}}
	for {
		switch {
		case p.accept("."):
			read = append(read, step{p.name(), -1})
		case p.accept("["):
			index, err := strconv.Atoi(p.peek())
			if err != nil {
				p.unexpected()
			}
			p.next()
			read = append(read, step{index: index})
			p.expect("]")
		default:
			if len(read) > maxNesting {
				p.wrongf("The document path has too many nesting levels; nesting levels: %d", len(read))
			}
			return read
		}
	}
}

// operand reads a path, a value or a function with its operands.
func (p *parser) operand() *node {
	text := p.peek()
	if len(text) > 1 && text[0] == ':' {
		v, ok := p.values[p.next()]
		if !ok {
			p.wrongf("An expression attribute value used in expression is not defined; attribute value: %s", text)
		}
		p.used[text] = true
		return &node{op: "value", value: v}
	}
	if isWord(text) && p.tokens[p.at+1].text == "(" {
		n := &node{op: p.next()}
		p.count()
		p.next()
		n.args = p.list(p.operand)
		p.expect(")")
		p.checkFunction(n)
		return n
	}
	return &node{op: "path", path: p.readPath()}
}

// list reads one or more operands, separated by commas.
func (p *parser) list(operand func() *node) []*node {
	nodes := []*node{operand()}
	for p.accept(",") {
		nodes = append(nodes, operand())
	}
	return nodes
}

// A function has a number of operands. The first may have to be a path, and values in
// the request may have to be of certain types.
type function struct {
	operands int
	path     bool
	types    []string // nil: any
}

var (
	conditionFunctions = map[string]function{
		"attribute_exists": {1, true, nil}, "attribute_not_exists": {1, true, nil}, "attribute_type": {2, false, []string{"S"}},
		"begins_with": {2, false, []string{"S", "B"}}, "contains": {2, false, nil}, "size": {1, false, []string{"S", "B", "SS", "NS", "BS", "L", "M"}},
	}
	updateFunctions = map[string]function{"if_not_exists": {2, true, nil}, "list_append": {2, false, []string{"L"}}}
)

func (p *parser) checkFunction(n *node) {
	switch f, known := p.functions[n.op]; {
	case !known:
		p.wrongf("Invalid function name; function: %s", n.op)
	case len(n.args) != f.operands:
		p.wrongf("Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.op, len(n.args))
	case f.path && n.args[0].op != "path":
		p.wrongf("Operator or function requires a document path; operator or function: %s", n.op)
	case n.op == "attribute_type" && n.args[1].op != "value":
		p.wrongf("Operator or function requires an expression attribute value; operator or function: %s", n.op)
	case f.types != nil:
		p.checkTypes(n, f.types)
	}
	if n.op == "attribute_type" && len(n.args) == 2 && n.args[1].value.kind == "S" && !slices.Contains(kinds, n.args[1].value.text) {
		p.wrongf("Invalid attribute type name found; type: %s, valid types: {%s}", n.args[1].value.text, strings.Join(kinds, ","))
	}
}

// checkTypes checks the operands whose type the request says.
func (p *parser) checkTypes(n *node, allowed []string) {
	for _, arg := range n.args {
		kind := arg.value.kind
		if arg.op == "size" {
			kind = "N"
		}
		if kind != "" && !slices.Contains(allowed, kind) {
			p.wrongf("Incorrect operand type for operator or function; operator or function: %s, operand type: %s", n.op, kind)
		}
	}
}
