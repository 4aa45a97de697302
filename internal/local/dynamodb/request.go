package dynamodb

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A request is the input of any operation: each looks at its own members alone.
type request struct {
	operation string
	host      string // that it was sent to

	TableName *string
	Item, Key item

	ConditionExpression, FilterExpression, KeyConditionExpression, ProjectionExpression, UpdateExpression *string

	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues item

	ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValues, ReturnValuesOnConditionCheckFailure string

	// Query and Scan
	ConsistentRead                bool
	ExclusiveStartKey             item
	IndexName                     *string
	Limit, Segment, TotalSegments *int
	ScanIndexForward              *bool
	Select                        string

	// Batches: what is asked of each table, and the keys to get of one of them.
	RequestItems map[string]jsontext.Value
	Keys         []item

	// The parameters from before expressions, which are refused.
	AttributesToGet, AttributeUpdates, ConditionalOperator, Expected, KeyConditions, QueryFilter, ScanFilter jsontext.Value

	// Tables
	AttributeDefinitions                          []attributeDefinition
	BillingMode                                   string
	DeletionProtectionEnabled                     bool
	ExclusiveStartTableName                       *string
	GlobalSecondaryIndexes, LocalSecondaryIndexes []jsontext.Value
	KeySchema                                     []keyElement
	ProvisionedThroughput                         *throughput
	ResourceARN                                   string `json:"ResourceArn"`
	StreamSpecification                           struct{ StreamEnabled bool }
	Tags                                          []jsontext.Value
}

// tables returns the names of the tables that the request is about.
func (in *request) tables() []string {
	names := slices.Sorted(maps.Keys(in.RequestItems))
	if in.TableName != nil {
		names = append(names, *in.TableName)
	}
	if name, ok := strings.CutPrefix(in.ResourceARN, tableARN("")); ok {
		names = append(names, name)
	}
	return names
}

// expressions are the parsed expressions of a request.
type expressions struct {
	condition, filter, keyCondition *node
	projection                      []path // nil: everything
	update                          []action
}

var placeholder = regexp.MustCompile(`^[#:][A-Za-z0-9_]+$`)

// parse parses the expressions of a request, and refuses the parameters from before
// them.
func (in *request) parse() (e expressions, err error) {
	if err := in.legacy(); err != nil {
		return e, err
	}
	h := &placeholders{in.ExpressionAttributeNames, in.ExpressionAttributeValues, map[string]bool{}}
	if err := in.checkPlaceholders(); err != nil {
		return e, err
	}
	for _, expression := range []struct {
		what string
		text *string
		read func(what, text string) error
	}{
		{"UpdateExpression", in.UpdateExpression, func(what, text string) error {
			e.update, err = parse(h, what, text, (*parser).update)
			return err
		}},
		{"ConditionExpression", in.ConditionExpression, func(what, text string) error {
			e.condition, err = parse(h, what, text, (*parser).condition)
			return err
		}},
		{"KeyConditionExpression", in.KeyConditionExpression, func(what, text string) error {
			e.keyCondition, err = parse(h, what, text, (*parser).condition)
			return err
		}},
		{"FilterExpression", in.FilterExpression, func(what, text string) error {
			e.filter, err = parse(h, what, text, (*parser).condition)
			return err
		}},
		{"ProjectionExpression", in.ProjectionExpression, func(what, text string) error {
			e.projection, err = parse(h, what, text, (*parser).projection)
			return err
		}},
	} {
		if expression.text != nil {
			if err := expression.read(expression.what, *expression.text); err != nil {
				return e, err
			}
		}
	}
	return e, h.unused()
}

func (in *request) legacy() error {
	for name, v := range map[string]jsontext.Value{
		"AttributesToGet": in.AttributesToGet, "AttributeUpdates": in.AttributeUpdates, "ConditionalOperator": in.ConditionalOperator,
		"Expected": in.Expected, "KeyConditions": in.KeyConditions, "QueryFilter": in.QueryFilter, "ScanFilter": in.ScanFilter,
	} {
		if v != nil && v.Kind() != 'n' {
			return invalid("The embedded engine does not take the legacy parameter %s: use an expression", name)
		}
	}
	return nil
}

// takes are the expressions with values that an operation has.
var takes = map[string][]string{
	"PutItem": {"ConditionExpression"}, "DeleteItem": {"ConditionExpression"}, "UpdateItem": {"UpdateExpression", "ConditionExpression"},
	"Query": {"FilterExpression", "KeyConditionExpression"}, "Scan": {"FilterExpression"},
}

func (in *request) checkPlaceholders() error {
	valued := in.ConditionExpression != nil || in.UpdateExpression != nil || in.KeyConditionExpression != nil || in.FilterExpression != nil
	switch {
	case in.ExpressionAttributeNames != nil && !valued && in.ProjectionExpression == nil:
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	case in.ExpressionAttributeValues != nil && !valued && takes[in.operation] != nil:
		return invalid("ExpressionAttributeValues can only be specified when using expressions: %s is null", strings.Join(takes[in.operation], " is null and "))
	case in.ExpressionAttributeNames != nil && len(in.ExpressionAttributeNames) == 0:
		return invalid("ExpressionAttributeNames must not be empty")
	case in.ExpressionAttributeValues != nil && len(in.ExpressionAttributeValues) == 0:
		return invalid("ExpressionAttributeValues must not be empty")
	}
	for name := range in.ExpressionAttributeNames {
		if !strings.HasPrefix(name, "#") || !placeholder.MatchString(name) {
			return invalid("ExpressionAttributeNames contains invalid key: Syntax error; key: %q", name)
		}
	}
	for name, v := range in.ExpressionAttributeValues {
		if !strings.HasPrefix(name, ":") || !placeholder.MatchString(name) {
			return invalid("ExpressionAttributeValues contains invalid key: Syntax error; key: %q", name)
		}
		if err := v.check(0); err != nil {
			return invalid("ExpressionAttributeValues contains invalid value: %s for key %s", err.(*fault).message, name)
		}
		in.ExpressionAttributeValues[name] = v
	}
	return nil
}

// A keyCondition is what a query selects: a partition, and of that the items whose
// sort key stands in a relation to values; operator "" selects all.
type keyCondition struct {
	partition value
	operator  string
	operands  []value
}

// mirrored are the comparators for when the value stands on the left.
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
	case partition.op != "=":
		return k, invalid("Query key condition not supported")
	case len(conditions) == 2 && sort == nil && t.sort() == "":
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

// split takes a condition apart into the conditions on each attribute.
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
		case i == 0 && arg.op != "path" && mirrored[n.op] == "":
			return invalid("Invalid condition in KeyConditionExpression: %s operator must have the key attribute as its first operand", n.op)
		case i == 0 && arg.op != "path":
			return invalid("Invalid condition in KeyConditionExpression: No key attribute specified")
		case i > 0 && arg.op == "path":
			return invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
		case i == 0 && len(arg.path) > 1:
			return invalid("KeyConditionExpressions cannot have conditions on nested attributes")
		}
	}
	name := n.args[0].path[0].name
	if conditions[name] != nil {
		return invalid("KeyConditionExpressions must only contain one condition per key")
	}
	conditions[name] = n
	return nil
}

// uses reports whether a condition looks at an attribute.
func (n *node) uses(name string) bool {
	if n == nil {
		return false
	}
	return n.op == "path" && n.path[0].name == name || slices.ContainsFunc(n.args, func(arg *node) bool { return arg.uses(name) })
}
