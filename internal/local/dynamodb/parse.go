package dynamodb

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxExpression is the most bytes of an expression.
const maxExpression = 4096

// A node is a part of a parsed expression.
type node struct {
	op    string  // "path", "value", an operator (AND, BETWEEN, <=, +, …) or a function
	args  []*node // what it works on
	path  path
	value value
	paren bool // it stands in parentheses
}

// A path names an attribute or something inside of it.
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

// placeholders are a request's expression attribute names and values, and which of
// them its expressions have used.
type placeholders struct {
	names  map[string]string
	values item
	used   map[string]bool
}

// unused returns the error for placeholders that no expression has used.
func (h *placeholders) unused() error {
	for what, keys := range map[string][]string{"Values": slices.Sorted(maps.Keys(h.values)), "Names": slices.Sorted(maps.Keys(h.names))} {
		keys = slices.DeleteFunc(keys, func(key string) bool { return h.used[key] })
		if len(keys) > 0 {
			return invalid("Value provided in ExpressionAttribute%s unused in expressions: keys: {%s}", what, strings.Join(keys, ", "))
		}
	}
	return nil
}

// A parser reads one expression by recursive descent. After a syntax error it sees
// the end of the expression everywhere, so that it ends at once.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
type parser struct {
	*placeholders
	text   string
	tokens []token
	at     int
	syntax string // the syntax error
	fault  string // what else is wrong
	rank   int    // of fault: DynamoDB reports the lowest one
}

// Ranks of what is wrong with an expression whose syntax is right.
const (
	rankParentheses = iota
	rankFunction
	rankMisused
	rankReserved
	rankSection
	rankPlaceholder
	rankOverlap
	rankOperand
)

type token struct {
	text     string // "": the end
	from, to int
}

var tokens = regexp.MustCompile(`[#:]?[A-Za-z_][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|[0-9]+|<>|<=|>=|\s+|(?s:.)`)

// parse reads an expression with one of the parser's rules. what is the parameter
// that holds it.
func parse[T any](h *placeholders, what, text string, rule func(*parser) T) (parsed T, err error) {
	p := &parser{placeholders: h, text: text}
	switch {
	case text == "":
		p.syntax = "The expression can not be empty;"
	case len(text) > maxExpression:
		p.syntax = "Expression size has exceeded the maximum allowed size;"
	default:
		for _, span := range tokens.FindAllStringIndex(text, -1) {
			if t := text[span[0]:span[1]]; strings.TrimSpace(t) != "" {
				p.tokens = append(p.tokens, token{t, span[0], span[1]})
			}
		}
		p.tokens = append(p.tokens, token{from: len(text), to: len(text)})
		parsed = rule(p)
		if p.peek() != "" {
			p.unexpected()
		}
	}
	switch {
	case p.syntax != "":
		return parsed, invalid("Invalid %s: %s", what, p.syntax)
	case p.fault != "":
		return parsed, invalid("Invalid %s: %s", what, p.fault)
	}
	return parsed, nil
}

func (p *parser) peek() string { return p.tokens[p.at].text }

func (p *parser) next() string {
	text := p.peek()
	if text != "" {
		p.at++
	}
	return text
}

// accept takes the next token if it is this one; words in any case.
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

// unexpected makes the next token the syntax error, with its neighbours.
func (p *parser) unexpected() {
	if p.syntax != "" {
		return
	}
	found, from, to := p.tokens[p.at], max(p.at-1, 0), min(p.at+1, len(p.tokens)-1)
	if found.text == "" {
		found.text = "<EOF>"
	}
	p.syntax = fmt.Sprintf("Syntax error; token: %q, near: %q", found.text, p.text[p.tokens[from].from:p.tokens[to].to])
	p.at = len(p.tokens) - 1
}

func (p *parser) wrong(rank int, format string, args ...any) {
	if p.fault == "" || rank < p.rank {
		p.fault, p.rank = fmt.Sprintf(format, args...), rank
	}
}

var (
	word     = regexp.MustCompile(`^[A-Za-z_]`)
	keywords = []string{"AND", "OR", "NOT", "IN", "BETWEEN"}
	sections = []string{"SET", "ADD", "DELETE", "REMOVE"} // in the order in which they are done
)

func isKeyword(text string) bool { return slices.Contains(keywords, strings.ToUpper(text)) }

// name reads the name of an attribute.
func (p *parser) name() string {
	text := p.peek()
	switch {
	case strings.HasPrefix(text, "#") && len(text) > 1:
		p.next()
		name, ok := p.names[text]
		if !ok {
			p.wrong(rankPlaceholder, "An expression attribute name used in the document path is not defined; attribute name: %s", text)
		}
		p.used[text] = true
		return name
	case !word.MatchString(text) || isKeyword(text):
		p.unexpected()
	case reserved[strings.ToUpper(text)]:
		p.wrong(rankReserved, "Attribute name is a reserved keyword; reserved keyword: %s", text)
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
			return read
		}
	}
}

// operand reads a path, a value or a function with its operands.
func (p *parser) operand() *node {
	text := p.peek()
	if strings.HasPrefix(text, ":") && len(text) > 1 {
		p.next()
		v, ok := p.values[text]
		if !ok {
			p.wrong(rankPlaceholder, "An expression attribute value used in expression is not defined; attribute value: %s", text)
		}
		p.used[text] = true
		return &node{op: "value", value: v}
	}
	if word.MatchString(text) && !isKeyword(text) && p.tokens[p.at+1].text == "(" {
		p.next()
		p.next()
		function := &node{op: text, args: []*node{p.operand()}}
		for p.accept(",") {
			function.args = append(function.args, p.operand())
		}
		p.expect(")")
		return function
	}
	return &node{op: "path", path: p.readPath()}
}

// condition reads a condition. OR binds less than AND, and that less than NOT.
func (p *parser) condition() *node {
	n := p.conjunction()
	for p.accept("OR") {
		n = &node{op: "OR", args: []*node{n, p.conjunction()}}
	}
	return n
}

func (p *parser) conjunction() *node {
	n := p.negation()
	for p.accept("AND") {
		n = &node{op: "AND", args: []*node{n, p.negation()}}
	}
	return n
}

func (p *parser) negation() *node {
	if p.accept("NOT") {
		return &node{op: "NOT", args: []*node{p.negation()}}
	}
	if p.accept("(") {
		n := p.condition()
		p.expect(")")
		if n.paren {
			p.wrong(rankParentheses, "The expression has redundant parentheses;")
		}
		n.paren = true
		return n
	}
	return p.comparison()
}

var comparators = []string{"=", "<>", "<", "<=", ">", ">="}

func (p *parser) comparison() *node {
	n := &node{args: []*node{p.operand()}}
	switch {
	case slices.Contains(comparators, p.peek()):
		n.op = p.next()
		n.args = append(n.args, p.operand())
	case p.accept("BETWEEN"):
		n.op = "BETWEEN"
		n.args = append(n.args, p.operand())
		p.expect("AND")
		n.args = append(n.args, p.operand())
	case p.accept("IN"):
		n.op = "IN"
		p.expect("(")
		n.args = append(n.args, p.operand())
		for p.accept(",") {
			n.args = append(n.args, p.operand())
		}
		p.expect(")")
	default:
		if n = n.args[0]; n.op == "path" || n.op == "value" {
			p.unexpected()
			return n
		}
		if n.op == "size" {
			p.misused(n.op)
		}
	}
	p.checkCondition(n)
	return n
}

func (p *parser) misused(function string) {
	p.wrong(rankMisused, "The function is not allowed to be used this way in an expression; function: %s", function)
}

// operandCounts are the functions of conditions and how many operands they have.
var operandCounts = map[string]int{
	"attribute_exists": 1, "attribute_not_exists": 1, "attribute_type": 2, "begins_with": 2, "contains": 2, "size": 1,
}

// checkCondition finds what is wrong with an operator or function and its operands,
// as far as that can be told without an item.
func (p *parser) checkCondition(n *node) {
	if word.MatchString(n.op) && !isKeyword(n.op) {
		p.checkFunction(n)
	}
	for _, arg := range n.args {
		switch {
		case arg.op == "path" || arg.op == "value":
		case arg.op == "size":
			p.checkFunction(arg)
		case operandCounts[arg.op] > 0:
			p.misused(arg.op)
		default:
			p.wrong(rankFunction, "Invalid function name; function: %s", arg.op)
		}
	}
	if len(n.args) == 2 && n.args[0].op == "path" && n.args[1].op == "path" && slices.Equal(n.args[0].path, n.args[1].path) {
		p.wrong(rankOperand, "The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", n.op, n.args[0].path)
	}
	if slices.Contains([]string{"<", "<=", ">", ">=", "BETWEEN"}, n.op) {
		p.literals(n, scalars...)
	}
	if n.op == "BETWEEN" && n.args[1].op == "value" && n.args[2].op == "value" {
		p.checkBounds(n.args[1].value, n.args[2].value)
	}
}

func (p *parser) checkBounds(low, high value) {
	what := ""
	switch order, ordered := low.order(high); {
	case low.kind == "" || high.kind == "": // undefined
	case low.kind != high.kind:
		what = "same data type for lower and upper bounds"
	case ordered && order > 0:
		what = "upper bound to be greater than or equal to lower bound"
	}
	if what != "" {
		p.wrong(rankOperand, "The BETWEEN operator requires %s; lower bound operand: AttributeValue: {%s:%s}, upper bound operand: AttributeValue: {%s:%s}",
			what, low.kind, low.content(), high.kind, high.content())
	}
}

func (p *parser) checkFunction(n *node) {
	switch count, known := operandCounts[n.op]; {
	case !known:
		p.wrong(rankFunction, "Invalid function name; function: %s", n.op)
	case count != len(n.args):
		p.countWrong(n)
	case strings.HasPrefix(n.op, "attribute_") && n.op != "attribute_type" && n.args[0].op != "path":
		p.pathNeeded(n)
	case n.op == "begins_with":
		p.literals(n, "S", "B")
	case n.op == "size":
		p.literals(n, "S", "B", "SS", "NS", "BS", "L", "M")
	case n.op == "attribute_type":
		p.checkType(n.args[1])
	}
}

func (p *parser) countWrong(n *node) {
	p.wrong(rankOperand, "Incorrect number of operands for operator or function; operator or function: %s, number of operands: %d", n.op, len(n.args))
}

func (p *parser) pathNeeded(n *node) {
	p.wrong(rankOperand, "Operator or function requires a document path; operator or function: %s", n.op)
}

func (p *parser) checkType(operand *node) {
	switch v := operand.value; {
	case operand.op != "value":
		p.wrong(rankOperand, "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
	case v.kind != "S":
		p.wrong(rankOperand, "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: %s", v.kind)
	case !slices.Contains(kinds, v.text):
		p.wrong(rankOperand, "Invalid attribute type name found; type: %s, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}", v.text)
	}
}

// literals checks the operands that are values of the request.
func (p *parser) literals(n *node, allowed ...string) {
	for _, arg := range n.args {
		if arg.op == "value" && arg.value.kind != "" && !slices.Contains(allowed, arg.value.kind) {
			p.wrong(rankOperand, "Incorrect operand type for operator or function; operator or function: %s, operand type: %s", n.op, arg.value.kind)
		}
	}
}

// projection reads the paths of a projection.
func (p *parser) projection() []path {
	paths := []path{p.readPath()}
	for p.accept(",") {
		paths = append(paths, p.readPath())
	}
	p.checkOverlap(paths)
	return paths
}

// checkOverlap finds two paths of which one contains the other, or that take the
// same thing for a map and for a list.
func (p *parser) checkOverlap(paths []path) {
	for i, second := range paths {
		for _, first := range paths[:i] {
			same := 0
			for same < min(len(first), len(second)) && first[same] == second[same] {
				same++
			}
			switch {
			case same == len(first) || same == len(second):
				p.wrong(rankOverlap, "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", first, second)
			case first[same].index >= 0 != (second[same].index >= 0):
				p.wrong(rankOverlap, "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", first, second)
			}
		}
	}
}

// An action changes one path of an item.
type action struct {
	section string // SET, REMOVE, ADD or DELETE
	path    path
	operand *node // nil: of REMOVE
}

// update reads an update: each section at most once.
func (p *parser) update() []action {
	var actions []action
	var paths []path
	seen := map[string]bool{}
	for first := true; first || p.peek() != ""; first = false {
		section := strings.ToUpper(p.peek())
		if !slices.Contains(sections, section) {
			p.unexpected()
			return nil
		}
		if p.next(); seen[section] {
			p.wrong(rankSection, "The %q section can only be used once in an update expression;", section)
		}
		seen[section] = true
		for more := true; more; more = p.accept(",") {
			a := action{section: section, path: p.readPath()}
			switch section {
			case "SET":
				p.expect("=")
				a.operand = p.sum()
			case "ADD":
				a.operand = p.addend(section, "N", "SS", "NS", "BS")
			case "DELETE":
				a.operand = p.addend(section, "SS", "NS", "BS")
			}
			actions, paths = append(actions, a), append(paths, a.path)
		}
	}
	p.checkOverlap(paths)
	return actions
}

// sum reads what SET sets a path to.
func (p *parser) sum() *node {
	n := p.setOperand()
	if operator := p.peek(); operator == "+" || operator == "-" {
		p.next()
		n = &node{op: operator, args: []*node{n, p.setOperand()}}
		p.literals(n, "N")
	}
	return n
}

func (p *parser) setOperand() *node {
	if p.accept("(") {
		n := p.sum()
		p.expect(")")
		return n
	}
	n := p.operand()
	p.checkSetOperand(n)
	return n
}

func (p *parser) checkSetOperand(n *node) {
	switch {
	case n.op == "path" || n.op == "value":
		return
	case n.op != "if_not_exists" && n.op != "list_append":
		p.wrong(rankFunction, "Invalid function name; function: %s", n.op)
	case len(n.args) != 2:
		p.countWrong(n)
	case n.op == "list_append":
		p.literals(n, "L")
	case n.args[0].op != "path":
		p.pathNeeded(n)
	}
	for _, arg := range n.args {
		p.checkSetOperand(arg)
	}
}

// typeNames are what DynamoDB calls some types in messages about ADD and DELETE.
var typeNames = map[string]string{"S": "STRING", "N": "NUMBER", "B": "BINARY", "NULL": "NULL", "BOOL": "BOOLEAN", "L": "LIST", "M": "MAP"}

// addend reads the value of an ADD or a DELETE.
func (p *parser) addend(section string, allowed ...string) *node {
	if !strings.HasPrefix(p.peek(), ":") {
		p.unexpected()
	}
	n := p.operand()
	if kind := n.value.kind; kind != "" && !slices.Contains(allowed, kind) {
		p.wrong(rankOperand, "Incorrect operand type for operator or function; operator: %s, operand type: %s", section, typeNames[kind])
	}
	return n
}
