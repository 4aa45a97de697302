package dynamodb

import (
	"github.com/go-json-experiment/json/jsontext"
	bolt "go.etcd.io/bbolt"
)

// maxPage is how many bytes of items a query or a scan reads.
const maxPage = 1 << 20

// A keyCondition is what a query selects: the items of a partition whose sort key
// compares with values by operator; operator "" selects all.
type keyCondition struct {
	partition value
	operator  string
	operands  []value
}

// mirrored maps each comparator to the one for swapped operands.
var mirrored = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// keyCondition turns a condition into one on the table's key.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
func (t *table) keyCondition(n *node) (k keyCondition, err error) {
	conditions := map[string]*node{}
	if err := split(n, conditions); err != nil {
		return k, err
	}
	partition, sort := conditions[t.partition()], conditions[t.sort()]
	switch {
	case len(conditions) > 2:
		return k, invalid("Conditions can be of length 1 or 2 only")
	case partition == nil:
		return k, invalid("Query condition missed key schema element: %s", t.partition())
	case partition.op != "=" || len(conditions) == 2 && t.sort() == "":
		return k, invalid("Query key condition not supported")
	case len(conditions) == 2 && sort == nil:
		return k, invalid("Query condition missed key schema element: %s", t.sort())
	}
	for i, condition := range []*node{partition, sort} {
		if condition == nil {
			continue
		}
		name := condition.args[0].path[0].name
		for _, arg := range condition.args[1:] {
			if arg.value.kind != t.kind(name) {
				return k, invalid("One or more parameter values were invalid: Condition parameter type does not match schema type")
			}
			if err := checkKeySize(name, arg.value, i); err != nil {
				return k, err
			}
			if i == 0 {
				k.partition = arg.value
			} else {
				k.operator, k.operands = condition.op, append(k.operands, arg.value)
			}
		}
	}
	return k, nil
}

// split splits a condition into conditions on single attributes.
func split(n *node, conditions map[string]*node) error {
	switch {
	case n.op == "AND":
		if err := split(n.args[0], conditions); err != nil {
			return err
		}
		return split(n.args[1], conditions)
	case mirrored[n.op] == "" && n.op != "BETWEEN" && n.op != "begins_with":
		return invalid("Invalid operator used in KeyConditionExpression: %s", n.op)
	case mirrored[n.op] != "" && n.args[0].op == "value":
		n = &node{op: mirrored[n.op], args: []*node{n.args[1], n.args[0]}}
	}
	for i, arg := range n.args {
		switch {
		case arg.op == "size":
			return invalid("KeyConditionExpressions cannot contain nested operations")
		case i == 0 && arg.op != "path":
			return invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
		case i == 0 && len(arg.path) > 1:
			return invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		case i > 0 && arg.op == "path":
			return invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		}
	}
	name := n.args[0].path[0].name
	if conditions[name] != nil {
		return invalid("KeyConditionExpressions must only contain one condition per key")
	}
	conditions[name] = n
	return nil
}

func startKeyError(err error) error {
	return invalid("The provided starting key is invalid: %s", err.(*fault).message)
}

// checkSelect checks Select against the other parameters.
func (in *request) checkSelect() error {
	switch {
	case in.IndexName != nil:
		return invalid("The table does not have the specified index: %s", *in.IndexName)
	case in.Select == "ALL_PROJECTED_ATTRIBUTES":
		return invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case in.Select == "SPECIFIC_ATTRIBUTES" && in.projection == nil:
		return invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case in.Select == "COUNT" && in.projection != nil:
		return invalid("Cannot specify the ProjectionExpression when choosing to get only the Count")
	case in.Select == "ALL_ATTRIBUTES" && in.projection != nil:
		return invalid("Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES")
	}
	return nil
}

func (e *Engine) query(in *request) (any, error) {
	if in.keyCondition == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	return e.page(in, func(t *table) (keyRange, error) {
		k, err := t.keyCondition(in.keyCondition)
		if err != nil {
			return keyRange{}, err
		}
		for _, element := range t.KeySchema {
			if name := element.AttributeName; in.filter.uses(name) {
				return keyRange{}, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
			}
		}
		return sorted(k.partition.prefix(), k.operator, k.operands), nil
	}, invalid("The provided starting key is outside query boundaries based on provided conditions"))
}

func (e *Engine) scan(in *request) (any, error) {
	i, of := 0, 1
	switch {
	case in.Segment != nil && in.TotalSegments == nil:
		return nil, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil && in.TotalSegments != nil:
		return nil, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case in.Segment != nil && *in.Segment >= *in.TotalSegments:
		return nil, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d",
			*in.Segment, *in.TotalSegments)
	case in.Segment != nil:
		i, of = *in.Segment, *in.TotalSegments
	}
	return e.page(in, func(*table) (keyRange, error) { return segment(i, of), nil },
		invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", of, i))
}

type pageOutput struct {
	Items            *[]jsontext.Value `json:",omitzero"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey jsontext.Value `json:",omitzero"`
	ConsumedCapacity *capacity      `json:",omitzero"`
}

// page reads one page of a range of keys. outside is the error for a start key outside
// the range.
func (e *Engine) page(in *request, rangeOf func(*table) (keyRange, error), outside error) (any, error) {
	if err := in.checkSelect(); err != nil {
		return nil, err
	}
	out := pageOutput{}
	if in.Select != "COUNT" {
		out.Items = &[]jsontext.Value{}
	}
	err := e.view(func(t *tx) error {
		described, items, err := t.table(*in.TableName)
		if err != nil {
			return err
		}
		keys, err := rangeOf(described)
		if err != nil {
			return err
		}
		forward := in.ScanIndexForward == nil || *in.ScanIndexForward
		if in.ExclusiveStartKey != nil {
			start, err := described.keyOf(in.ExclusiveStartKey)
			if err != nil {
				return startKeyError(err)
			}
			if !keys.contains(start) {
				return outside
			}
			keys = keys.after(start, forward)
		}
		size, err := out.read(in, described, items.Cursor(), keys, forward)
		out.ConsumedCapacity = in.consumed(*in.TableName, in.readUnits(size))
		return err
	})
	return out, err
}

// read reads items until a limit is reached, and returns their size.
func (out *pageOutput) read(in *request, of *table, cursor *bolt.Cursor, keys keyRange, forward bool) (size int, err error) {
	move := cursor.Next
	if !forward {
		move = cursor.Prev
	}
	for key, stored := keys.first(cursor, forward); key != nil && keys.contains(key); key, stored = move() {
		found := record(stored)
		size += found.size()
		out.ScannedCount++
		if err := out.add(in, found); err != nil {
			return size, err
		}
		if in.Limit != nil && out.ScannedCount == *in.Limit || size >= maxPage {
			last, err := found.item()
			if err != nil {
				return size, err
			}
			key := item{}
			for _, element := range of.KeySchema {
				key[element.AttributeName] = last[element.AttributeName]
			}
			out.LastEvaluatedKey = key.appendJSON(nil)
			break
		}
	}
	return size, nil
}

// add adds an item to the page if it meets the filter.
func (out *pageOutput) add(in *request, found record) error {
	if in.filter != nil {
		it, err := found.item()
		if err != nil || !in.filter.holds(it) {
			return err
		}
	}
	out.Count++
	if out.Items == nil {
		return nil
	}
	shown, err := in.shown(found)
	*out.Items = append(*out.Items, shown)
	return err
}

// first moves the cursor to the first key of the range, in the direction of reading.
func (r keyRange) first(cursor *bolt.Cursor, forward bool) (key, value []byte) {
	if forward {
		return cursor.Seek(r.low)
	}
	if r.high != nil {
		if key, _ = cursor.Seek(r.high); key != nil {
			return cursor.Prev()
		}
	}
	return cursor.Last()
}
