package dynamodb

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// holds reports whether an item meets a condition. Every item meets a missing
// condition.
func (n *node) holds(it item) bool {
	if n == nil {
		return true
	}
	switch n.op {
	case "AND":
		return n.args[0].holds(it) && n.args[1].holds(it)
	case "OR":
		return n.args[0].holds(it) || n.args[1].holds(it)
	case "NOT":
		return !n.args[0].holds(it)
	}
	first, there := n.args[0].resolve(it)
	var others []value // but those that are not there
	for _, arg := range n.args[1:] {
		if v, ok := arg.resolve(it); ok {
			others = append(others, v)
		}
	}
	all := there && len(others) == len(n.args)-1
	switch n.op {
	case "attribute_exists":
		return there
	case "attribute_not_exists":
		return !there
	case "<>":
		return !all || !first.equal(others[0])
	case "IN":
		return slices.ContainsFunc(others, first.equal)
	}
	if !all {
		return false
	}
	switch n.op {
	case "=":
		return first.equal(others[0])
	case "BETWEEN":
		low, ordered := first.order(others[0])
		high, both := first.order(others[1])
		return ordered && both && low >= 0 && high <= 0
	case "attribute_type":
		return first.kind == others[0].text
	case "begins_with":
		return first.kind == others[0].kind && slices.Contains([]string{"S", "B"}, first.kind) && strings.HasPrefix(first.text, others[0].text)
	case "contains":
		return first.contains(others[0])
	}
	order, ordered := first.order(others[0])
	return ordered && map[string]bool{"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[n.op]
}

// resolve returns the value of an operand, if it has one.
func (n *node) resolve(it item) (value, bool) {
	switch n.op {
	case "value":
		return n.value, true
	case "path":
		return it.get(n.path)
	}
	v, ok := n.args[0].resolve(it) // size
	size := len(v.list) + len(v.members)
	switch v.kind {
	case "S":
		size = len(utf16.Encode([]rune(v.text))) // in UTF-16 units, as Java counts
	case "B":
		size = len(v.text)
	case "N", "BOOL", "NULL":
		ok = false
	}
	return value{kind: "N", text: strconv.Itoa(size)}, ok
}

func (v value) contains(w value) bool {
	switch v.kind {
	case "S", "B":
		return v.kind == w.kind && strings.Contains(v.text, w.text)
	default:
		return slices.ContainsFunc(v.list, w.equal)
	}
}

// get returns the value at a path.
func (it item) get(p path) (value, bool) {
	v, ok := it[p[0].name]
	for _, s := range p[1:] {
		v, ok = v.step(s) // false for a part of nothing
	}
	return v, ok
}

func (v value) step(s step) (value, bool) {
	if s.index < 0 {
		member, ok := v.members[s.name]
		return member, ok
	}
	if v.kind != "L" || s.index >= len(v.list) {
		return value{}, false
	}
	return v.list[s.index], true
}

// project returns the parts of an item at the paths.
func (it item) project(paths []path) item {
	return value{members: it}.project(paths).members
}

// project returns the parts of a map or list at the paths, which begin in it.
func (v value) project(paths []path) value {
	part := value{kind: v.kind}
	rest := map[step][]path{}
	for _, p := range paths {
		rest[p[0]] = append(rest[p[0]], p[1:])
	}
	for _, s := range slices.SortedFunc(maps.Keys(rest), func(a, b step) int { return cmp.Compare(a.index, b.index) }) {
		inner, ok := v.step(s)
		if !ok {
			continue
		}
		if len(rest[s][0]) > 0 {
			if inner = inner.project(rest[s]); len(inner.list)+len(inner.members) == 0 {
				continue
			}
		}
		if s.index >= 0 {
			part.list = append(part.list, inner)
			continue
		}
		if part.members == nil {
			part.members = item{}
		}
		part.members[s.name] = inner
	}
	return part
}

var (
	errNoAttribute = invalid("The provided expression refers to an attribute that does not exist in the item")
	errOperandType = invalid("An operand in the update expression has an incorrect data type")
	errUpdatePath  = invalid("The document path provided in the update expression is invalid for update")
)

// apply returns the item after the actions. They all see the original item.
func (it item) apply(actions []action) (item, error) {
	// In this order, elements beyond a list's end are appended in order of their
	// indexes.
	order := func(a, b action) int {
		byIndex := slices.CompareFunc(a.path, b.path, func(s, t step) int { return cmp.Compare(s.index, t.index) })
		return cmp.Or(cmp.Compare(slices.Index(sections, a.section), slices.Index(sections, b.section)), byIndex)
	}
	root := value{kind: "M", members: it}.clone()
	for _, a := range slices.SortedStableFunc(slices.Values(actions), order) {
		v, err := a.result(it)
		if err == nil {
			err = root.set(a.path, v)
		}
		if err != nil {
			return nil, err
		}
	}
	return root.clone().members, nil
}

// result returns the value that the action puts at its path; a value of no kind removes
// the old one.
func (a action) result(it item) (value, error) {
	switch a.section {
	case "SET":
		return a.operand.compute(it)
	case "REMOVE":
		return value{}, nil
	}
	old, there := it.get(a.path)
	operand := a.operand.value
	switch {
	case !there && a.section == "ADD":
		return operand, nil
	case !there:
		return value{}, nil
	case old.kind != operand.kind:
		return value{}, errOperandType
	case operand.kind == "N":
		return plus(old, operand, false)
	}
	set := value{kind: old.kind}
	if a.section == "ADD" {
		set.list = slices.Concat(old.list, slices.DeleteFunc(slices.Clone(operand.list), old.has()))
		return set, nil
	}
	if set.list = slices.DeleteFunc(slices.Clone(old.list), operand.has()); len(set.list) == 0 {
		return value{}, nil // a set is never empty
	}
	return set, nil
}

// compute returns the value that SET gives to a path.
func (n *node) compute(it item) (value, error) {
	switch n.op {
	case "value":
		return n.value, nil
	case "path":
		v, ok := it.get(n.path)
		if !ok {
			return value{}, errNoAttribute
		}
		return v, nil
	case "if_not_exists":
		if v, ok := it.get(n.args[0].path); ok {
			return v, nil
		}
		return n.args[1].compute(it)
	}
	first, err := n.args[0].compute(it)
	if err != nil {
		return value{}, err
	}
	second, err := n.args[1].compute(it)
	if err != nil {
		return value{}, err
	}
	if n.op != "list_append" {
		return plus(first, second, n.op == "-")
	}
	if first.kind != "L" || second.kind != "L" {
		return value{}, errOperandType
	}
	return value{kind: "L", list: slices.Concat(first.list, second.list)}, nil
}

func plus(v, w value, minus bool) (value, error) {
	if v.kind != "N" || w.kind != "N" {
		return value{}, errOperandType
	}
	a, b := v.number(), w.number()
	b.negative = b.negative != minus
	sum, err := a.plus(b)
	return value{kind: "N", text: sum.String()}, err
}

// set puts a value at a path in a map or list. A value of no kind removes what is
// there: from a list only when the list is cloned, so that no element moves meanwhile.
func (v *value) set(p path, w value) error {
	s, removing := p[0], w.kind == ""
	inner, ok := v.step(s)
	switch {
	case removing && !ok:
		return nil
	case s.index < 0 && v.kind != "M" || s.index >= 0 && v.kind != "L":
		return errUpdatePath
	case len(p) > 1:
		if err := inner.set(p[1:], w); err != nil {
			return err
		}
		w = inner
	}
	switch {
	case s.index < 0 && w.kind == "":
		delete(v.members, s.name)
	case s.index < 0:
		v.members[s.name] = w
	case s.index < len(v.list):
		v.list[s.index] = w
	default:
		v.list = append(v.list, w)
	}
	return nil
}

// clone returns a copy that shares no map or list with the original, without the
// elements that set has removed.
func (v value) clone() value {
	if v.kind == "L" {
		list := make([]value, 0, len(v.list))
		for _, element := range v.list {
			if element.kind != "" {
				list = append(list, element.clone())
			}
		}
		v.list = list
	}
	if v.kind == "M" {
		members := make(item, len(v.members))
		for name, member := range v.members {
			members[name] = member.clone()
		}
		v.members = members
	}
	return v
}

// uses reports whether a condition reads an attribute.
func (n *node) uses(name string) bool {
	return n != nil && (n.op == "path" && n.path[0].name == name || slices.ContainsFunc(n.args, func(arg *node) bool { return arg.uses(name) }))
}
