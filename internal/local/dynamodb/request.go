package dynamodb

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A request is the input of any operation; each operation reads only its own members.
type request struct {
	operation string
	host      string // from X-Amz-Target

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

	// Tables
	AttributeDefinitions    []attributeDefinition
	BillingMode             string
	ExclusiveStartTableName string
	KeySchema               []keyElement
	OnDemandThroughput      *onDemandThroughput
	ProvisionedThroughput   *throughput
	TableClass              string
	WarmThroughput          *warmThroughput
	ResourceARN             string `json:"ResourceArn"`

	Others map[string]jsontext.Value `json:",embed"`

	// The parsed expressions. A nil projection shows everything.
	condition, filter, keyCondition *node
	projection                      []path
	update                          []action
}

// unsupported are the legacy parameters that expressions replaced, which the engine
// lacks. It also lacks those of CreateTable that request does not name.
var unsupported = []string{"AttributesToGet", "AttributeUpdates", "ConditionalOperator", "Expected", "KeyConditions", "QueryFilter", "ScanFilter"}

// nothing are the values with which such a member has no effect.
var nothing = []string{"null", "false", "[]", "{}", `{"StreamEnabled":false}`, `{"Enabled":false}`}

// tables returns the names of the tables that the request is about.
func (in *request) tables() (names []string) {
	for table := range in.RequestItems {
		names = append(names, nameOf(table))
	}
	if in.TableName != nil {
		names = append(names, nameOf(*in.TableName))
	}
	if name := nameOf(in.ResourceARN); name != in.ResourceARN {
		names = append(names, name)
	}
	return names
}

// nameOf returns the name of a table from its ARN, which DynamoDB takes wherever it
// takes a name. The engine is every region and every account.
func nameOf(table string) string {
	if parts := arnOfTable.FindStringSubmatch(table); parts != nil {
		return parts[1]
	}
	return table
}

var arnOfTable = regexp.MustCompile(`^arn:[a-z-]+:dynamodb:[^:]+:[^:]+:table/(.*)$`)

// constraints collects errors in single members. DynamoDB reports them all at once,
// before any other error.
type constraints []string

func (c *constraints) add(member string, v any, constraint string, args ...any) {
	text := "null"
	if v != nil {
		text = fmt.Sprintf("'%v'", v)
	}
	*c = append(*c, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: Member must ", text, member)+fmt.Sprintf(constraint, args...))
}

func (c *constraints) required(member string, there bool) {
	if !there {
		c.add(member, nil, "not be null")
	}
}

func (c *constraints) oneOf(member, v string, allowed ...string) {
	if v != "" && !slices.Contains(allowed, v) {
		c.add(member, v, "satisfy enum value set: [%s]", strings.Join(allowed, ", "))
	}
}

func (c *constraints) between(member string, v *int, low, high int) {
	if v != nil && *v < low {
		c.add(member, *v, "have value greater than or equal to %d", low)
	}
	if v != nil && *v > high {
		c.add(member, *v, "have value less than or equal to %d", high)
	}
}

// length checks a member's length.
func (c *constraints) length(member string, v any, length, low, high int) {
	if length < low {
		c.add(member, v, "have length greater than or equal to %d", low)
	}
	if length > high {
		c.add(member, v, "have length less than or equal to %d", high)
	}
}

var legalName = regexp.MustCompile(`^[a-zA-Z0-9_.-]*$`)

// tableName checks a table's name.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
func (c *constraints) tableName(member, name string) {
	if !legalName.MatchString(name) {
		c.add(member, name, "satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	c.length(member, name, len(name), 3, 255)
}

func (c constraints) err() error {
	if len(c) == 0 {
		return nil
	}
	plural := ""
	if len(c) > 1 {
		plural = "s"
	}
	return invalid("%d validation error%s detected: %s", len(c), plural, strings.Join(c, "; "))
}

// maxSegments is the most segments of a scan.
const maxSegments = 1_000_000

// prepare checks the members of a request, in DynamoDB's order, and parses its
// expressions.
func (in *request) prepare() error {
	if err := in.constraints().err(); err != nil {
		return err
	}
	for _, member := range slices.Sorted(maps.Keys(in.Others)) {
		lacking := in.operation == "CreateTable" || slices.Contains(unsupported, member)
		if v := in.Others[member]; lacking && v.Compact() == nil && !slices.Contains(nothing, string(v)) {
			return invalid("The embedded engine has no %s: leave it out, or use another engine", member)
		}
	}
	for _, it := range []item{in.Item, in.Key} {
		if err := it.check(0); err != nil {
			return err
		}
	}
	if err := in.ExclusiveStartKey.check(0); err != nil {
		return startKeyError(err)
	}
	return in.parse()
}

func (in *request) constraints() (c constraints) {
	if !slices.Contains([]string{"BatchGetItem", "BatchWriteItem", "DescribeEndpoints", "DescribeLimits", "ListTables", "ListTagsOfResource"}, in.operation) {
		c.required("tableName", in.TableName != nil)
	}
	for _, name := range in.tables() {
		c.tableName("tableName", name)
	}
	limit := 1<<31 - 1
	returns := []string{"ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"}
	switch in.operation {
	case "PutItem":
		c.required("item", in.Item != nil)
	case "DeleteItem":
		returns = []string{"ALL_OLD", "NONE"}
		c.required("key", in.Key != nil)
	case "GetItem", "UpdateItem":
		c.required("key", in.Key != nil)
	case "BatchGetItem":
		c.required("requestItems", in.RequestItems != nil)
		c.length("requestItems", "{}", len(in.RequestItems), 1, maxBatchGet)
	case "BatchWriteItem":
		c.required("requestItems", in.RequestItems != nil)
		c.length("requestItems", "{}", len(in.RequestItems), 1, maxBatchWrite)
	case "ListTables":
		limit = 100
	}
	c.between("limit", in.Limit, 1, limit)
	c.between("segment", in.Segment, 0, maxSegments-1)
	c.between("totalSegments", in.TotalSegments, 1, maxSegments)
	c.oneOf("billingMode", in.BillingMode, provisioned, onDemand)
	c.oneOf("returnConsumedCapacity", in.ReturnConsumedCapacity, "INDEXES", "TOTAL", "NONE")
	c.oneOf("returnItemCollectionMetrics", in.ReturnItemCollectionMetrics, "SIZE", "NONE")
	c.oneOf("returnValues", in.ReturnValues, returns...)
	c.oneOf("returnValuesOnConditionCheckFailure", in.ReturnValuesOnConditionCheckFailure, "ALL_OLD", "NONE")
	c.oneOf("tableClass", in.TableClass, "STANDARD", "STANDARD_INFREQUENT_ACCESS")
	c.oneOf("select", in.Select, "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
	return c
}

// parse parses the expressions.
func (in *request) parse() error {
	if err := in.checkPlaceholders(); err != nil {
		return err
	}
	h := &placeholders{names: in.ExpressionAttributeNames, values: in.ExpressionAttributeValues, used: map[string]bool{}}
	in.update = parse(h, "UpdateExpression", in.UpdateExpression, (*parser).update)
	in.condition = parse(h, "ConditionExpression", in.ConditionExpression, (*parser).condition)
	in.keyCondition = parse(h, "KeyConditionExpression", in.KeyConditionExpression, (*parser).condition)
	in.filter = parse(h, "FilterExpression", in.FilterExpression, (*parser).condition)
	in.projection = parse(h, "ProjectionExpression", in.ProjectionExpression, (*parser).projection)
	return h.check()
}

// valued are DynamoDB's texts about an operation's missing expressions.
var valued = map[string]string{
	"PutItem": "ConditionExpression is null", "DeleteItem": "ConditionExpression is null",
	"UpdateItem": "UpdateExpression is null and ConditionExpression is null",
	"Query":      "FilterExpression is null and KeyConditionExpression is null", "Scan": "FilterExpression is null",
}

// Limits of placeholders and their values, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const (
	maxPlaceholder   = 255
	maxSubstitutions = 2 << 20 // of an expression, together
)

var placeholder = regexp.MustCompile(`^[#:][A-Za-z0-9_]+$`)

func checkPlaceholder(what string, first byte, name string) error {
	switch {
	case name == "" || name[0] != first || !placeholder.MatchString(name):
		return invalid("ExpressionAttribute%s contains invalid key: Syntax error; key: %q", what, name)
	case len(name) > maxPlaceholder:
		return invalid("ExpressionAttribute%s contains invalid key: Key too long; size of key: %d", what, len(name))
	}
	return nil
}

func (in *request) checkPlaceholders() error {
	values := in.ConditionExpression != nil || in.UpdateExpression != nil || in.KeyConditionExpression != nil || in.FilterExpression != nil
	switch {
	case in.ExpressionAttributeNames != nil && !values && in.ProjectionExpression == nil:
		return invalid("ExpressionAttributeNames can only be specified when using expressions")
	case in.ExpressionAttributeValues != nil && !values && valued[in.operation] != "":
		return invalid("ExpressionAttributeValues can only be specified when using expressions: %s", valued[in.operation])
	case in.ExpressionAttributeNames != nil && len(in.ExpressionAttributeNames) == 0:
		return invalid("ExpressionAttributeNames must not be empty")
	case in.ExpressionAttributeValues != nil && len(in.ExpressionAttributeValues) == 0:
		return invalid("ExpressionAttributeValues must not be empty")
	}
	size := in.ExpressionAttributeValues.size()
	for name, attribute := range in.ExpressionAttributeNames {
		if err := checkPlaceholder("Names", '#', name); err != nil {
			return err
		}
		if len(attribute) > maxName {
			return invalid("ExpressionAttributeNames contains invalid value: %s for key %s", errName.message, name)
		}
		size += len(name) + len(attribute)
	}
	if size > maxSubstitutions {
		return invalid("The substitution variables of the expressions have %d bytes, and may have %d", size, maxSubstitutions)
	}
	for name, v := range in.ExpressionAttributeValues {
		if err := checkPlaceholder("Values", ':', name); err != nil {
			return err
		}
		if err := v.check(0); err != nil {
			return invalid("ExpressionAttributeValues contains invalid value: %s for key %s", err.(*fault).message, name)
		}
		in.ExpressionAttributeValues[name] = v
	}
	return nil
}
