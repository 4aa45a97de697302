package dynamodb

import (
	"slices"
	"strings"
)

// condition reads a condition. OR binds less tightly than AND, and AND less than NOT.
func (p *parser) condition() *node { return p.joined("OR", p.conjunction) }

func (p *parser) conjunction() *node { return p.joined("AND", p.negation) }

// joined reads one or more operands with the operator between them.
func (p *parser) joined(operator string, operand func() *node) *node {
	n := operand()
	for p.accept(operator) {
		p.count()
		n = &node{op: operator, args: []*node{n, operand()}}
	}
	return n
}

func (p *parser) negation() *node {
	if p.accept("NOT") {
		p.count()
		return &node{op: "NOT", args: []*node{p.negation()}}
	}
	if !p.accept("(") {
		return p.comparison()
	}
	n := p.condition()
	p.expect(")")
	if n.paren {
		p.wrongf("The expression has redundant parentheses;")
	}
	n.paren = true
	return n
}

var (
	comparators = []string{"=", "<>", "<", "<=", ">", ">="}
	ordering    = []string{"<", "<=", ">", ">=", "BETWEEN"}
)

func (p *parser) comparison() *node {
	n := &node{args: []*node{p.operand()}}
	switch {
	case slices.Contains(comparators, p.peek()):
		p.count()
		n.op = p.next()
		n.args = append(n.args, p.operand())
	case p.accept("BETWEEN"):
		p.count()
		n.op = "BETWEEN"
		n.args = append(n.args, p.operand())
		p.expect("AND")
		n.args = append(n.args, p.operand())
	case p.accept("IN"):
		p.count()
		n.op = "IN"
		p.expect("(")
		n.args = append(n.args, p.list(p.operand)...)
		p.expect(")")
		if operands := len(n.args) - 1; operands > maxOperands {
			p.wrongf("The IN operator is provided with too many operands; number of operands: %d", operands)
		}
	default:
		if n = n.args[0]; n.op == "path" || n.op == "value" {
			p.unexpected()
		} else if n.op == "size" {
			p.misused(n.op)
		}
	}
	p.checkOperands(n)
	return n
}

func (p *parser) misused(function string) {
	p.wrongf("The function is not allowed to be used this way in an expression; function: %s", function)
}

// checkOperands checks the operands of a condition's comparison or function, as far as
// possible without an item.
func (p *parser) checkOperands(n *node) {
	for _, arg := range n.args {
		switch arg.op {
		case "path", "value":
		case "size":
			p.checkOperands(arg)
		default:
			p.misused(arg.op)
		}
	}
	if len(n.args) == 2 && n.args[0].op == "path" && n.args[1].op == "path" && slices.Equal(n.args[0].path, n.args[1].path) {
		p.wrongf("The first operand must be distinct from the remaining operands for this operator or function; operator: %s, first operand: %s", n.op, n.args[0].path)
	}
	if slices.Contains(ordering, n.op) {
		p.checkTypes(n, scalars)
	}
	if n.op == "BETWEEN" && n.args[1].op == "value" && n.args[2].op == "value" {
		low, high := n.args[1].value, n.args[2].value
		needs := ""
		if order, _ := low.order(high); low.kind != high.kind {
			needs = "same data type for lower and upper bounds"
		} else if order > 0 {
			needs = "upper bound to be greater than or equal to lower bound"
		}
		if needs != "" {
			p.wrongf("The BETWEEN operator requires %s; lower bound operand: AttributeValue: {%s:%s}, upper bound operand: AttributeValue: {%s:%s}",
				needs, low.kind, low.content(), high.kind, high.content())
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

// checkOverlap finds two paths that overlap, or that treat the same value as a map and
// as a list.
func (p *parser) checkOverlap(paths []path) {
	for i, second := range paths {
		for _, first := range paths[:i] {
			same := 0
			for same < min(len(first), len(second)) && first[same] == second[same] {
				same++
			}
			how := ""
			if same == len(first) || same == len(second) {
				how = "overlap"
			} else if first[same].index >= 0 != (second[same].index >= 0) {
				how = "conflict"
			}
			if how != "" {
				p.wrongf("Two document paths %s with each other; must remove or rewrite one of these paths; path one: %s, path two: %s", how, first, second)
			}
		}
	}
}

// An action changes one path of an item.
type action struct {
	section string // one of sections
	path    path
	operand *node // nil for REMOVE
}

// sections of an update, in the order in which they are done.
var sections = []string{"SET", "ADD", "DELETE", "REMOVE"}

// update reads an update: each section at most once.
func (p *parser) update() []action {
	p.functions = updateFunctions
	var actions []action
	var paths []path
	seen := map[string]bool{}
	for first := true; first || p.peek() != ""; first = false {
		section := strings.ToUpper(p.peek())
		if !slices.Contains(sections, section) {
			p.unexpected()
		}
		if p.next(); seen[section] {
			p.wrongf("The %q section can only be used once in an update expression;", section)
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

// sum reads the value that SET gives to a path.
func (p *parser) sum() *node {
	n := p.term()
	if operator := p.peek(); operator == "+" || operator == "-" {
		p.count()
		p.next()
		n = &node{op: operator, args: []*node{n, p.term()}}
		p.checkTypes(n, []string{"N"})
	}
	return n
}

func (p *parser) term() *node {
	if !p.accept("(") {
		return p.operand()
	}
	n := p.sum()
	p.expect(")")
	return n
}

// typeNames are DynamoDB's names for some types in messages about ADD and DELETE.
var typeNames = map[string]string{"S": "STRING", "N": "NUMBER", "B": "BINARY", "NULL": "NULL", "BOOL": "BOOLEAN", "L": "LIST", "M": "MAP"}

// addend reads the value of an ADD or a DELETE.
func (p *parser) addend(section string, allowed ...string) *node {
	if !strings.HasPrefix(p.peek(), ":") {
		p.unexpected()
	}
	n := p.operand()
	if kind := n.value.kind; kind != "" && !slices.Contains(allowed, kind) {
		p.wrongf("Incorrect operand type for operator or function; operator: %s, operand type: %s", section, typeNames[kind])
	}
	return n
}
