package dynamodb

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// A table is what DescribeTable returns, and what is stored of the table.
type table struct {
	TableName            string
	TableID              string `json:"TableId"`
	TableARN             string `json:"TableArn"`
	TableStatus          string
	KeySchema            []keyElement
	AttributeDefinitions []attributeDefinition
	CreationDateTime     float64 // seconds since 1970
	ItemCount            int64   // DynamoDB updates it about every six hours, this engine at once
	TableSizeBytes       int64

	ProvisionedThroughput throughput
	BillingModeSummary    *billingMode        `json:",omitzero"`
	TableClassSummary     *tableClass         `json:",omitzero"`
	OnDemandThroughput    *onDemandThroughput `json:",omitzero"`
	WarmThroughput        *warmThroughput     `json:",omitzero"`

	DeletionProtectionEnabled bool
}

type keyElement struct{ AttributeName, KeyType string }

type attributeDefinition struct{ AttributeName, AttributeType string }

type throughput struct{ ReadCapacityUnits, WriteCapacityUnits, NumberOfDecreasesToday int64 }

type billingMode struct {
	BillingMode                       string
	LastUpdateToPayPerRequestDateTime float64 `json:",omitzero"`
}

type tableClass struct{ TableClass string }

type onDemandThroughput struct{ MaxReadRequestUnits, MaxWriteRequestUnits int64 }

// A warmThroughput is what a table can take at once. The engine keeps and returns it, as
// it does the other throughputs, and limits none. Terraform waits until it is active.
type warmThroughput struct {
	ReadUnitsPerSecond, WriteUnitsPerSecond int64
	Status                                  string
}

// complete adds what a request or an older file leaves out.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
func (t *table) complete() {
	warm := warmThroughput{t.ProvisionedThroughput.ReadCapacityUnits, t.ProvisionedThroughput.WriteCapacityUnits, active}
	if t.BillingModeSummary != nil {
		t.BillingModeSummary.LastUpdateToPayPerRequestDateTime = t.CreationDateTime
		warm.ReadUnitsPerSecond, warm.WriteUnitsPerSecond = 12_000, 4_000
	}
	if t.WarmThroughput != nil {
		warm.ReadUnitsPerSecond = max(warm.ReadUnitsPerSecond, t.WarmThroughput.ReadUnitsPerSecond)
		warm.WriteUnitsPerSecond = max(warm.WriteUnitsPerSecond, t.WarmThroughput.WriteUnitsPerSecond)
	}
	t.WarmThroughput = &warm
}

// Quotas of an account, by default.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const (
	maxTables     = 2_500
	maxThroughput = 40_000 // capacity units of a table
	maxKeyName    = 255    // bytes of the name of a key attribute
)

const (
	active      = "ACTIVE"
	provisioned = "PROVISIONED"
	onDemand    = "PAY_PER_REQUEST"
)

// partition returns the name of the partition key.
func (t *table) partition() string { return t.KeySchema[0].AttributeName }

// sort returns the name of the sort key, or "".
func (t *table) sort() string {
	if len(t.KeySchema) == 1 {
		return ""
	}
	return t.KeySchema[1].AttributeName
}

// kind returns the type of a key attribute.
func (t *table) kind(attribute string) string {
	for _, definition := range t.AttributeDefinitions {
		if definition.AttributeName == attribute {
			return definition.AttributeType
		}
	}
	return ""
}

// sound reports whether a stored description is one that createTable stores.
func (t *table) sound() bool {
	in := &request{TableName: &t.TableName, KeySchema: t.KeySchema, AttributeDefinitions: t.AttributeDefinitions, BillingMode: onDemand}
	_, err := newTable(in)
	return err == nil && legalName.MatchString(t.TableName) && t.TableStatus == active
}

func (e *Engine) createTable(in *request) (any, error) {
	described, err := newTable(in)
	if err != nil {
		return nil, err
	}
	described.TableID, described.TableARN = uuid.NewString(), tableARN(described.TableName)
	described.TableStatus = active
	described.CreationDateTime = float64(e.options.Now().UnixMilli()) / 1000
	described.complete()
	err = e.update(func(t *tx) error {
		if t.Bucket(bucketTables).Get([]byte(described.TableName)) != nil {
			return &fault{code: resourceInUse, message: "Table already exists: " + described.TableName}
		}
		if t.Bucket(bucketTables).Stats().KeyN >= maxTables {
			return &fault{code: limitExceeded, message: fmt.Sprintf("Subscriber limit exceeded: There is a limit of %d tables", maxTables)}
		}
		return t.createTable(described)
	})
	described.TableStatus = "CREATING" // as DynamoDB answers, although it is ready at once
	return struct{ TableDescription *table }{described}, err
}

// newTable returns the table described by a request.
func newTable(in *request) (*table, error) {
	var c constraints
	c.required("attributeDefinitions", in.AttributeDefinitions != nil)
	c.required("keySchema", in.KeySchema != nil)
	if in.KeySchema != nil {
		c.length("keySchema", in.KeySchema, len(in.KeySchema), 1, 2)
	}
	for i, element := range in.KeySchema {
		c.length(fmt.Sprintf("keySchema.%d.member.attributeName", i+1), element.AttributeName, len(element.AttributeName), 1, maxKeyName)
	}
	for i, definition := range in.AttributeDefinitions {
		c.oneOf(fmt.Sprintf("attributeDefinitions.%d.member.attributeType", i+1), definition.AttributeType, scalars...)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	if err := in.checkKeySchema(); err != nil {
		return nil, err
	}
	described := &table{TableName: nameOf(*in.TableName), WarmThroughput: in.WarmThroughput, KeySchema: in.KeySchema, AttributeDefinitions: in.AttributeDefinitions}
	if in.TableClass != "" {
		described.TableClassSummary = &tableClass{in.TableClass}
	}
	units := in.ProvisionedThroughput
	switch {
	case in.OnDemandThroughput != nil && in.BillingMode != onDemand:
		return nil, invalid("One or more parameter values were invalid: OnDemandThroughput can only be specified when BillingMode is PAY_PER_REQUEST")
	case in.BillingMode == onDemand && units != nil:
		return nil, invalid("One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case in.BillingMode == onDemand:
		described.BillingModeSummary, described.OnDemandThroughput = &billingMode{BillingMode: onDemand}, in.OnDemandThroughput
	case units == nil || units.ReadCapacityUnits < 1 || units.WriteCapacityUnits < 1:
		return nil, invalid("One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	case max(units.ReadCapacityUnits, units.WriteCapacityUnits) > maxThroughput:
		return nil, &fault{code: limitExceeded, message: fmt.Sprintf("Subscriber limit exceeded: a table has at most %d read and %[1]d write capacity units", maxThroughput)}
	default:
		described.ProvisionedThroughput = throughput{ReadCapacityUnits: units.ReadCapacityUnits, WriteCapacityUnits: units.WriteCapacityUnits}
	}
	return described, nil
}

func (in *request) checkKeySchema() error {
	var keys, defined []string
	for _, definition := range in.AttributeDefinitions {
		defined = append(defined, definition.AttributeName)
	}
	for i, element := range in.KeySchema {
		if want := []string{"HASH", "RANGE"}[i]; element.KeyType != want {
			return invalid("Invalid KeySchema: The %s KeySchemaElement is not a %s key type", []string{"first", "second"}[i], want)
		}
		if slices.Contains(keys, element.AttributeName) {
			return invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
		}
		if keys = append(keys, element.AttributeName); !slices.Contains(defined, element.AttributeName) {
			return invalid("One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
				strings.Join(keys, ", "), strings.Join(defined, ", "))
		}
	}
	if len(keys) != len(defined) {
		return invalid("One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	return nil
}

// described reads the table named by a request.
func (e *Engine) described(in *request) (described *table, err error) {
	err = e.view(func(t *tx) error {
		described, err = t.described(*in.TableName)
		return err
	})
	return described, err
}

func (e *Engine) describeTable(in *request) (any, error) {
	described, err := e.described(in)
	return struct{ Table *table }{described}, err
}

func (e *Engine) deleteTable(in *request) (any, error) {
	var deleted *table
	err := e.update(func(t *tx) (err error) {
		if deleted, err = t.described(*in.TableName); err != nil {
			return err
		}
		deleted.TableStatus = "DELETING"
		return t.deleteTable(deleted)
	})
	return struct{ TableDescription *table }{deleted}, err
}

func (e *Engine) listTables(in *request) (any, error) {
	limit := 100
	if in.Limit != nil {
		limit = *in.Limit
	}
	out := struct {
		TableNames             []string
		LastEvaluatedTableName string `json:",omitzero"`
	}{TableNames: []string{}}
	err := e.view(func(t *tx) error {
		cursor := t.Bucket(bucketTables).Cursor()
		for name, _ := cursor.Seek(successor([]byte(in.ExclusiveStartTableName))); name != nil; name, _ = cursor.Next() {
			if len(out.TableNames) == limit {
				out.LastEvaluatedTableName = out.TableNames[limit-1]
				break
			}
			out.TableNames = append(out.TableNames, string(name))
		}
		return nil
	})
	return out, err
}

// untouched holds the answers of operations for features that an account never used.
var untouched = map[string]jsontext.Value{
	"DescribeContinuousBackups": jsontext.Value(`{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}`),
	"DescribeLimits":            jsontext.Value(`{"AccountMaxReadCapacityUnits":80000,"AccountMaxWriteCapacityUnits":80000,"TableMaxReadCapacityUnits":40000,"TableMaxWriteCapacityUnits":40000}`),
	"DescribeTimeToLive":        jsontext.Value(`{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`),
	"ListTagsOfResource":        jsontext.Value(`{"Tags":[]}`),
}

func (e *Engine) describeUntouched(in *request) (any, error) {
	if in.operation == "ListTagsOfResource" {
		name := nameOf(in.ResourceARN)
		if name == in.ResourceARN {
			return nil, invalid("Invalid TableArn: Invalid ResourceArn provided as input %s", in.ResourceARN)
		}
		in.TableName = &name
	}
	if in.TableName != nil {
		_, err := e.described(in)
		if refused, ok := err.(*fault); ok && in.operation == "DescribeContinuousBackups" {
			refused.code, refused.message = tableNotFound, "Table not found: "+*in.TableName
		}
		if err != nil {
			return nil, err
		}
	}
	return untouched[in.operation], nil
}

func (e *Engine) describeEndpoints(in *request) (any, error) {
	type endpoint struct {
		Address              string
		CachePeriodInMinutes int
	}
	return struct{ Endpoints []endpoint }{[]endpoint{{in.host, 1440}}}, nil
}
