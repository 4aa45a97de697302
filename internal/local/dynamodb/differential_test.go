package dynamodb_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/local/dynamodb"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

var (
	sequences = flag.Int("sequences", 60, "how many sequences of operations TestAnswersAsDynoxideDoes makes")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first of them; each one has the next")
)

// An operation of a sequence. Its table is filled in when it is sent.
type operation struct {
	name string
	body map[string]any
}

func (o operation) String() string {
	body, err := json.Marshal(o.body)
	if err != nil {
		return err.Error()
	}
	return o.name + " " + string(body)
}

// An answer is an engine's, made comparable: sets in order, a scan's items in order,
// and of an error its type and message.
type answer struct {
	status  int
	kind    string // of an error
	message string
	body    any
}

func (a answer) String() string {
	body, err := json.Marshal(a.body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s %q %s", a.status, a.kind, a.message, body)
}

// permitted returns the exception of testdata that allows two answers to differ.
func (d *differential) permitted(o operation, ours, theirs answer) (exception string) {
	for exception, patterns := range d.exceptions {
		if !slices.ContainsFunc([]int{0, 1, 2}, func(i int) bool {
			return !regexp.MustCompile(patterns[i]).MatchString([]fmt.Stringer{o, ours, theirs}[i].String())
		}) {
			return exception
		}
	}
	return ""
}

// A target is an engine that operations are sent to.
type target func(operation string, body map[string]any) (int, []byte, error)

func request(operation string, body map[string]any) (*http.Request, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(encoded))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	r.Header.Set("X-Amz-Date", "20261124T000000Z")
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=local/20261124/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
	return r, nil
}

func remote(endpoint string) target {
	return func(operation string, body map[string]any) (int, []byte, error) {
		r, err := request(operation, body)
		if err != nil {
			return 0, nil, err
		}
		if r.URL, err = r.URL.Parse(endpoint); err != nil {
			return 0, nil, err
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil, err
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		return response.StatusCode, answer, err
	}
}

// TestAnswersAsDynoxideDoes sends the same operations, made by chance, to the
// embedded engine and to dynoxide. What differs is made small before it is reported.
func TestAnswersAsDynoxideDoes(t *testing.T) {
	t.Parallel()
	server := check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{}))(t)
	t.Cleanup(func() {
		if err := server.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	d := &differential{t: t, ours: remote(server.URL()), theirs: remote(enginetest.Dynoxide.Start(t)), exceptions: cases(t, "exceptions.txt"), used: map[string]int{}}
	for i := range *sequences {
		seed := *firstSeed + uint64(i)
		schema, operations := draw(seed)
		if found := d.run(schema, operations); found != nil {
			operations, found = d.shrink(schema, operations, found)
			t.Errorf("seed %d, keys %s, %d operations:\n%s", seed, schema, len(operations), found.report)
		}
	}
	t.Logf("%d operations, of which were refused: %d; exceptions used: %v", d.sent, d.refused, d.used)
}

type differential struct {
	t             *testing.T
	ours, theirs  target
	tables        int
	sent, refused int
	exceptions    map[string][]string
	used          map[string]int // exceptions
}

// A difference is what two engines answered, and what led to it.
type difference struct {
	report string
	kind   string // that a smaller sequence has to show as well
}

// run sends operations to fresh tables and returns the first difference.
func (d *differential) run(schema schema, operations []operation) *difference {
	d.t.Helper()
	d.tables++
	table := fmt.Sprint("table-", d.tables)
	create := schema.create()
	d.both(table, operation{"CreateTable", create})
	defer d.both(table, operation{"DeleteTable", map[string]any{}})
	for i, o := range operations {
		ours, theirs := d.both(table, o)
		d.sent++
		if ours.status != http.StatusOK {
			d.refused++
		}
		if reflect.DeepEqual(ours, theirs) {
			if setsElement.MatchString(o.String()) { // the answer need not show the gap that dynoxide fills
				d.align(schema, table, o)
			}
			continue
		}
		exception := d.permitted(o, ours, theirs)
		if exception == "" {
			var sent strings.Builder
			for _, before := range operations[:i] {
				fmt.Fprintf(&sent, "after %s\n", before)
			}
			return &difference{
				report: fmt.Sprintf("%s%s\n  ours   %s\n  theirs %s", &sent, o, ours, theirs),
				kind:   fmt.Sprintf("%s %.30s %s %.30s", ours.kind, ours.message, theirs.kind, theirs.message),
			}
		}
		d.used[exception]++
		d.align(schema, table, o)
	}
	return nil
}

var setsElement = regexp.MustCompile(`"UpdateExpression":"[^"]*l\[`)

// align gives dynoxide the item that ours has, after a write that may differ.
func (d *differential) align(schema schema, table string, o operation) {
	key, _ := o.body["Key"].(map[string]any)
	if item, ok := o.body["Item"].(map[string]any); ok {
		key = map[string]any{"K": item["K"], "S": item["S"]}
		if schema.sort == "" {
			delete(key, "S")
		}
	}
	if key == nil || o.name == "GetItem" {
		return
	}
	get, gone := map[string]any{"TableName": table, "Key": key}, map[string]any{"TableName": table, "Key": key}
	status, body, err := d.ours("GetItem", get)
	check.OK(d.t, err)
	var found struct{ Item map[string]any }
	if err := json.Unmarshal(body, &found); err != nil || status != http.StatusOK {
		return
	}
	if found.Item == nil {
		_, _, err = d.theirs("DeleteItem", gone)
	} else {
		_, _, err = d.theirs("PutItem", map[string]any{"TableName": table, "Item": found.Item})
	}
	check.OK(d.t, err)
}

func (d *differential) both(table string, o operation) (ours, theirs answer) {
	d.t.Helper()
	body := maps.Clone(o.body)
	if items, ok := body["RequestItems"]; ok {
		body["RequestItems"] = map[string]any{table: items}
	} else {
		body["TableName"] = table
	}
	for send, to := range map[*answer]target{&ours: d.ours, &theirs: d.theirs} {
		var err error
		if *send, err = ask(to, o.name, body); err != nil {
			d.t.Fatalf("%s: %v", o, err)
		}
	}
	return ours, theirs
}

var (
	kindOfError = regexp.MustCompile(`^.*#`)
	wrapper     = regexp.MustCompile(`^1 validation error detected: `) // dynoxide puts it before more than the constraints of single members
)

func ask(to target, name string, body map[string]any) (answer, error) {
	status, encoded, err := to(name, body)
	if err != nil {
		return answer{}, err
	}
	var decoded map[string]any
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		return answer{}, fmt.Errorf("%s: %w", encoded, err)
	}
	a := answer{status: status}
	if status != http.StatusOK {
		kind, _ := decoded["__type"].(string)
		a.kind = kindOfError.ReplaceAllString(kind, "")
		message, _ := decoded["message"].(string)
		a.message = wrapper.ReplaceAllString(message, "")
		if a.kind == "SerializationException" {
			a.message = "" // DynamoDB's tell about its classes
		}
		delete(decoded, "__type")
		delete(decoded, "message")
		delete(decoded, "Message")
	}
	sortSets(decoded) // before the items that hold them
	if name == "Scan" {
		if last, ok := decoded["LastEvaluatedKey"]; ok { // the order of partitions is an engine's own
			more := maps.Clone(body)
			more["ExclusiveStartKey"] = last
			rest, err := ask(to, name, more)
			if err != nil {
				return answer{}, err
			}
			delete(decoded, "LastEvaluatedKey")
			if further, ok := rest.body.(map[string]any); ok {
				for _, member := range []string{"Count", "ScannedCount"} {
					decoded[member] = decoded[member].(float64) + further[member].(float64)
				}
				if items, ok := decoded["Items"].([]any); ok {
					decoded["Items"] = append(items, further["Items"].([]any)...)
				}
			}
		}
		sortJSON(decoded["Items"])
	}
	if responses, ok := decoded["Responses"].(map[string]any); ok {
		for _, items := range responses {
			sortJSON(items)
		}
	}
	if capacity, ok := decoded["ConsumedCapacity"].(map[string]any); ok && name == "Scan" {
		delete(capacity, "CapacityUnits") // of pages that end elsewhere
		delete(capacity, "Table")
	}
	for _, member := range []string{"Table", "TableDescription"} {
		if table, ok := decoded[member].(map[string]any); ok {
			decoded[member] = map[string]any{"KeySchema": table["KeySchema"], "TableStatus": table["TableStatus"]}
		}
	}
	if len(decoded) > 0 || status == http.StatusOK {
		a.body = decoded
	}
	return a, nil
}

func sortSets(v any) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			sortSets(element)
		}
	case map[string]any:
		for name, member := range v {
			if slices.Contains([]string{"SS", "NS", "BS"}, name) {
				sortJSON(member)
			}
			sortSets(member)
		}
	}
}

func sortJSON(v any) {
	list, _ := v.([]any)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// shrink leaves out operations, and members of operations, as long as a difference
// remains.
func (d *differential) shrink(schema schema, operations []operation, found *difference) ([]operation, *difference) {
	d.t.Helper()
	try := func(smaller []operation) bool {
		again := d.run(schema, smaller)
		if again == nil || again.kind != found.kind {
			return false
		}
		operations, found = smaller, again
		return true
	}
	for smaller := true; smaller; {
		smaller = false
		for i := range slices.Backward(operations) {
			smaller = try(slices.Delete(slices.Clone(operations), i, i+1)) || smaller
		}
	}
	for i := range operations {
		for _, member := range slices.Sorted(maps.Keys(operations[i].body)) {
			smaller := slices.Clone(operations)
			smaller[i].body = maps.Clone(smaller[i].body)
			delete(smaller[i].body, member)
			try(smaller)
		}
	}
	return operations, found
}

// A schema is the types of a table's keys, K and S.
type schema struct{ partition, sort string }

func (s schema) String() string { return s.partition + s.sort }

func (s schema) create() map[string]any {
	keys := []any{map[string]any{"AttributeName": "K", "KeyType": "HASH"}}
	definitions := []any{map[string]any{"AttributeName": "K", "AttributeType": s.partition}}
	if s.sort != "" {
		keys = append(keys, map[string]any{"AttributeName": "S", "KeyType": "RANGE"})
		definitions = append(definitions, map[string]any{"AttributeName": "S", "AttributeType": s.sort})
	}
	return map[string]any{"KeySchema": keys, "AttributeDefinitions": definitions, "BillingMode": "PAY_PER_REQUEST"}
}

// A drawer makes operations by chance. Its keys and attributes are few, so that
// operations meet each other's items.
type drawer struct {
	*rand.Rand
	schema
	names  map[string]any // placeholders of the operation at hand
	values map[string]any
	batch  map[string]bool
	spoilt bool // the operation at hand has a mistake; two would leave open which is told
}

// draw returns the sequence of a seed.
func draw(seed uint64) (schema, []operation) {
	d := &drawer{Rand: rand.New(rand.NewPCG(seed, 7))}
	d.schema = schema{pick(d, "S", "S", "N", "B"), pick(d, "", "S", "N", "N", "B")}
	operations := make([]operation, 10+d.IntN(40))
	for i := range operations {
		operations[i] = d.operation()
	}
	return d.schema, operations
}

func pick[T any](d *drawer, choices ...T) T { return choices[d.IntN(len(choices))] }

func (d *drawer) chance(percent int) bool { return d.IntN(100) < percent }

// spoil decides whether the operation at hand gets a mistake now.
func (d *drawer) spoil(percent int) bool {
	spoils := d.chance(percent) && !d.spoilt
	d.spoilt = d.spoilt || spoils
	return spoils
}

func typed(kind string, v any) map[string]any { return map[string]any{kind: v} }

func (d *drawer) scalar(kind string) map[string]any {
	switch kind {
	case "N":
		if d.chance(60) { // few, so that some are equal
			return typed(kind, pick(d, "0", "1", "-1", "-1.2", "2"))
		}
		return typed(kind, pick(d, "0", "1", "-1", "2", "10", "9", "-10", "1.5", "1.50", "-0.5", "1e3", "1E-3", "12345678901234567890", "0.1", "-1.25", "100", "+7", "007", "1e125", "-1e-130",
			"10e-1", "0.2E1", "2.0", ".5", "5.", "-0", "0e9", "-12e-1", "0.0012", strings.Repeat("9", 38), "9."+strings.Repeat("9", 37)+"e125", "0."+strings.Repeat("0", 99)+"1"))
	case "B":
		return typed(kind, base64.StdEncoding.EncodeToString([]byte(pick(d, "a", "b", "ab", "\x00", "\xff", "a\xff", "a\x00"))))
	default:
		return typed(kind, pick(d, "a", "b", "ab", "abc", "A", "é", "a b", "~", "aé", "\u0001", "ﬀ", "😀"))
	}
}

func (d *drawer) value(depth int) map[string]any {
	switch kind := pick(d, "S", "S", "N", "N", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"); kind {
	case "BOOL":
		return typed(kind, d.chance(50))
	case "NULL":
		return typed(kind, true)
	case "L":
		list := []any{}
		for range d.IntN(4) {
			if depth < 3 {
				list = append(list, d.value(depth+1))
			}
		}
		return typed(kind, list)
	case "M":
		members := map[string]any{}
		for range d.IntN(4) {
			if depth < 3 {
				members[pick(d, "a", "b", "c")] = d.value(depth + 1)
			}
		}
		return typed(kind, members)
	case "SS", "NS", "BS":
		set := map[string]any{}
		for range 1 + d.IntN(3) {
			for _, v := range d.scalar(kind[:1]) {
				set[canonical(v.(string), kind)] = v
			}
		}
		return typed(kind, slices.Collect(maps.Values(set)))
	default:
		return d.scalar(kind)
	}
}

// canonical keeps the numbers of a set apart: 1.5 and 1.50 are one.
func canonical(text, kind string) string {
	var f float64
	if _, err := fmt.Sscan(text, &f); kind == "NS" && err == nil {
		return fmt.Sprint(f + 0) // which makes -0 0
	}
	return text
}

// bad returns a value that DynamoDB refuses.
func (d *drawer) bad() map[string]any {
	return pick(d, typed("N", "x"), typed("N", ""), typed("N", "1e126"), typed("N", "1e-131"), typed("N", strings.Repeat("1", 39)),
		typed("SS", []any{}), typed("NS", []any{"1", "1.0"}), typed("SS", []any{"a", "a"}), typed("BS", []any{"YQ==", "YQ=="}),
		typed("NULL", false), map[string]any{}, map[string]any{"S": "a", "N": "1"}, typed("S", 1), typed("L", []any{map[string]any{}}))
}

func (d *drawer) key() map[string]any {
	key := map[string]any{"K": d.keyValue(d.partition)}
	if d.sort != "" {
		key["S"] = d.sortValue()
	}
	if d.spoil(3) {
		switch d.IntN(4) {
		case 0:
			delete(key, "K")
		case 1:
			key["S"] = typed("BOOL", true)
		case 2:
			key["Z"] = typed("S", "a")
		default:
			key["K"] = typed(d.partition, map[string]string{"N": "1", "S": "", "B": ""}[d.partition])
		}
	}
	if d.spoil(3) {
		name, bound := "K", 2048
		if d.sort != "" && d.chance(50) {
			name, bound = "S", 1024
		}
		for kind := range key[name].(map[string]any) {
			if bound += d.IntN(2); kind == "S" {
				key[name] = typed(kind, strings.Repeat("é", bound/2)+strings.Repeat("x", bound%2))
			} else if kind == "B" {
				key[name] = typed(kind, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, bound)))
			}
		}
	}
	return key
}

// sortValue returns a sort key. It holds no capital, since begins_with of dynoxide's
// queries does not tell A from a.
func (d *drawer) sortValue() map[string]any {
	for {
		if v := d.scalar(d.sort); v["S"] != "A" {
			return v
		}
	}
}

func (d *drawer) keyValue(kind string) map[string]any {
	switch kind {
	case "N":
		return typed(kind, pick(d, "1", "2.0", "-3"))
	case "B":
		return typed(kind, pick(d, "YQ==", "Yg=="))
	default:
		return typed(kind, pick(d, "a", "b"))
	}
}

func (d *drawer) item() map[string]any {
	item := d.key()
	for range d.IntN(6) {
		item[pick(d, "a", "b", "c", "l", "m", "n")] = d.value(0)
	}
	item["n"] = d.scalar("N")
	if d.chance(70) {
		item["l"], item["m"] = typed("L", []any{d.value(1), d.value(1)}), typed("M", map[string]any{"a": d.value(1), "b": d.value(1)})
	}
	if d.spoil(4) {
		item["a"] = d.bad()
	}
	return item
}

func (d *drawer) operation() operation {
	d.names, d.values, d.batch, d.spoilt = map[string]any{}, map[string]any{}, map[string]bool{}, false
	body := map[string]any{}
	name := pick(d, "PutItem", "PutItem", "PutItem", "UpdateItem", "UpdateItem", "UpdateItem", "UpdateItem", "DeleteItem", "GetItem", "Query", "Query", "Query", "Scan", "BatchGetItem", "BatchWriteItem")
	switch name {
	case "PutItem":
		body["Item"] = d.item()
		d.write(body, "ALL_OLD", "NONE")
	case "DeleteItem":
		body["Key"] = d.key()
		d.write(body, "ALL_OLD", "NONE")
	case "UpdateItem":
		body["Key"] = d.key()
		if d.chance(97) {
			body["UpdateExpression"] = d.update()
		}
		d.write(body, "ALL_OLD", "ALL_NEW", "UPDATED_OLD", "UPDATED_NEW", "NONE")
	case "GetItem":
		body["Key"] = d.key()
		d.read(body)
	case "Query":
		body["KeyConditionExpression"] = d.keyCondition()
		body["ScanIndexForward"] = d.chance(60)
		if d.chance(20) {
			start := map[string]any{"K": d.values[":k"]}
			if d.sort != "" {
				start["S"] = d.sortValue()
			}
			if d.names["#s"] == nil && start["K"] != nil {
				body["ExclusiveStartKey"] = start
			}
		}
		d.page(body)
	case "Scan":
		d.page(body)
		if d.chance(20) {
			body["TotalSegments"], body["Segment"] = 1, 0
		}
	case "BatchGetItem":
		keys := []any{}
		for range 1 + d.IntN(4) {
			if key := d.key(); d.fresh(key) {
				keys = append(keys, key)
			}
		}
		body["RequestItems"] = map[string]any{"Keys": keys}
		return operation{name, body}
	case "BatchWriteItem":
		writes := []any{}
		for range 1 + d.IntN(4) {
			if d.chance(30) {
				if key := d.key(); d.fresh(key) {
					writes = append(writes, map[string]any{"DeleteRequest": map[string]any{"Key": key}})
				}
			} else if item := d.item(); d.fresh(item) {
				writes = append(writes, map[string]any{"PutRequest": map[string]any{"Item": item}})
			}
		}
		body["RequestItems"] = writes
		return operation{name, body}
	}
	d.capacity(body)
	d.placeholders(body)
	return operation{name, body}
}

// fresh reports whether an item's key is not yet in the batch at hand, or may be there
// twice as its mistake.
func (d *drawer) fresh(item map[string]any) bool {
	key := ""
	for _, name := range []string{"K", "S"} {
		v, _ := item[name].(map[string]any)
		key += canonical(fmt.Sprint(v["N"]), "NS") + fmt.Sprint(v["S"], v["B"], v["BOOL"])
	}
	fresh := !d.batch[key]
	d.batch[key] = true
	return fresh || d.spoil(5)
}

// placeholders adds the names and values that the expressions use, and sometimes one
// that they do not.
func (d *drawer) placeholders(body map[string]any) {
	used := map[string]bool{}
	for member, expression := range body {
		if strings.HasSuffix(member, "Expression") {
			for _, name := range regexp.MustCompile(`[#:]\w+`).FindAllString(expression.(string), -1) {
				used[name] = true
			}
		}
	}
	for _, of := range []map[string]any{d.names, d.values} {
		maps.DeleteFunc(of, func(name string, _ any) bool { return !used[name] })
	}
	if d.spoil(1) {
		d.names["#unused"] = "a"
	}
	if len(d.values) > 0 && d.spoil(1) {
		d.values[":unused"] = typed("S", "a")
	}
	if len(d.names) > 0 {
		body["ExpressionAttributeNames"] = d.names
	}
	if len(d.values) > 0 {
		body["ExpressionAttributeValues"] = d.values
	}
}

func (d *drawer) capacity(body map[string]any) {
	if d.chance(20) {
		body["ReturnConsumedCapacity"] = pick(d, "TOTAL", "INDEXES", "NONE")
	}
}

func (d *drawer) write(body map[string]any, returns ...string) {
	if d.chance(60) {
		body["ReturnValues"] = pick(d, returns...)
	}
	if d.chance(35) {
		body["ConditionExpression"] = d.condition(0)
		if d.chance(50) {
			body["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
		}
	}
}

func (d *drawer) read(body map[string]any) {
	body["ConsistentRead"] = d.chance(50)
	if d.chance(40) {
		projection := d.path("a", "b")
		if d.chance(60) {
			projection += ", " + d.path("l", "m", "n")
		}
		if d.chance(40) {
			projection += ", K"
		}
		if d.spoil(5) {
			projection += ", " + d.path("a", "l", "m") + pick(d, "", ".x", "[0]")
		}
		body["ProjectionExpression"] = projection
	}
}

func (d *drawer) page(body map[string]any) {
	d.read(body)
	if d.chance(30) {
		body["Limit"] = 1 + d.IntN(5)
	}
	if d.chance(30) {
		body["FilterExpression"] = d.condition(0)
		if d.spoil(8) {
			body["FilterExpression"] = pick(d, "attribute_exists(K)", "n = :k AND NOT begins_with(K, :k)", "K = :k", "attribute_not_exists(S) OR n = n1", "n BETWEEN n1 AND S")
			d.values[":k"] = d.keyValue(d.partition)
		}
	}
	if d.chance(15) {
		body["Select"] = pick(d, "COUNT", "ALL_ATTRIBUTES", "SPECIFIC_ATTRIBUTES")
	}
}

// path returns a path into one of the attributes.
func (d *drawer) path(attributes ...string) string {
	name := pick(d, attributes...)
	if d.chance(20) {
		d.names["#"+name] = name
		name = "#" + name
	}
	switch {
	case strings.HasSuffix(name, "l") && d.chance(60):
		return name + fmt.Sprintf("[%d]", d.IntN(2))
	case strings.HasSuffix(name, "m") && d.chance(60):
		return name + "." + pick(d, "a", "b", "c")
	}
	return name
}

func (d *drawer) placeholder(v map[string]any) string {
	name := fmt.Sprintf(":v%d", len(d.values))
	d.values[name] = v
	return name
}

func (d *drawer) attribute() string { return d.path("a", "b", "c", "l", "m", "n") }

// condition returns a condition. Most of its operands have a fitting type.
func (d *drawer) condition(depth int) string {
	if depth < 2 && d.chance(35) {
		left := d.condition(depth + 1)
		switch d.IntN(5) {
		case 0:
			return left + " AND " + d.condition(depth+1)
		case 1:
			return left + " OR " + d.condition(depth+1)
		case 2:
			return "(" + left + " OR " + d.condition(depth+1) + ") AND " + left
		case 3:
			return "NOT " + left
		default:
			return "not (" + left + ")"
		}
	}
	a := d.attribute()
	switch d.IntN(11) {
	case 0:
		return "attribute_exists(" + a + ")"
	case 1:
		return "attribute_not_exists(" + a + ")"
	case 2:
		kind := pick(d, "S", "S", "S", "B")
		if d.spoil(10) {
			kind = "N"
		}
		return "begins_with(" + a + ", " + d.placeholder(d.scalar(kind)) + ")"
	case 3:
		return "contains(" + a + ", " + d.placeholder(d.value(2)) + ")"
	case 4:
		return "attribute_type(" + a + ", " + d.placeholder(typed("S", pick(d, "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"))) + ")"
	case 5:
		return "size(" + a + ") " + pick(d, "=", "<", ">", "<=", ">=", "<>") + " " + d.placeholder(typed("N", pick(d, "0", "1", "2", "3")))
	case 6:
		low, high := typed("N", pick(d, "-1", "0", "0.1", "1")), typed("N", pick(d, "1", "1.0", "2", "10"))
		if d.chance(30) {
			low = d.scalar(pick(d, "S", "N", "B"))
			high = low
		}
		return a + " BETWEEN " + d.placeholder(low) + " AND " + d.placeholder(high)
	case 7:
		return a + " IN (" + d.placeholder(d.value(2)) + ", " + d.placeholder(d.scalar("N")) + ")"
	case 8:
		return a + " " + pick(d, "=", "<>") + " " + d.placeholder(d.value(1))
	case 9:
		if d.spoil(10) {
			return pick(d, a+" =", a+" = = "+a, "("+a, a+" ! "+a, "size("+a+")", "nosuch("+a+")", "name = "+a, "#nosuch = "+a, a+" = :nosuch")
		}
		return d.path("a", "n") + " " + pick(d, "=", "<", ">", "<=", ">=", "<>") + " " + d.path("b", "c")
	default:
		return a + " " + pick(d, "=", "<", ">", "<=", ">=", "<>") + " " + d.placeholder(d.scalar(pick(d, "S", "N", "N", "B")))
	}
}

func (d *drawer) keyCondition() string {
	d.values[":k"] = d.keyValue(d.partition)
	if d.spoil(3) {
		return pick(d, "K = :k AND", "K = :nosuch", "K :k")
	}
	if d.sort == "" || d.chance(35) {
		return "K = :k"
	}
	sort := "S"
	if d.chance(20) {
		d.names["#s"], sort = "S", "#s"
	}
	operand := func() string { return d.placeholder(d.sortValue()) }
	if d.spoil(6) {
		return pick(d, "K < :k", "K >= :k AND "+sort+" = "+operand(), "K BETWEEN :k AND :k", "begins_with(K, :k)", "K = :k AND K = :k", "K = :k AND "+sort+" > "+operand()+" AND "+sort+" < "+operand(), "K = :k AND "+sort+" <> "+operand(),
			"K = :k OR "+sort+" = "+operand(), "NOT K = :k", "K = :k AND n = "+operand(), "K = :k AND begins_with("+sort+", "+d.placeholder(d.scalar(pick(d, "S", "N", "B")))+")", sort+" = "+operand(), "K = :k AND size("+sort+") = "+operand(), "K = :k AND "+sort+" IN ("+operand()+")")
	}
	switch d.IntN(5) {
	case 4:
		bound := d.placeholder(d.sortValue())
		return "K = :k AND " + sort + " BETWEEN " + bound + " AND " + bound
	case 0:
		low := map[string]any{"S": "\u0001", "N": "-3", "B": "AA=="}[d.sort]
		high := map[string]any{"S": pick(d, "b", "é"), "N": pick(d, "1", "10"), "B": "Yg=="}[d.sort]
		if d.spoil(3) {
			low, high = high, low
		}
		return "K = :k AND " + sort + " BETWEEN " + d.placeholder(typed(d.sort, low)) + " AND " + d.placeholder(typed(d.sort, high))
	case 1:
		if d.sort != "N" {
			return "K = :k AND begins_with(" + sort + ", " + operand() + ")"
		}
		return operand() + " < " + sort + " AND K = :k"
	default:
		return "K = :k AND " + sort + " " + pick(d, "=", "<", ">", "<=", ">=") + " " + operand()
	}
}

// update returns an update of different attributes: of a list it changes one element,
// since dynoxide lets the first removal move what the second one means.
func (d *drawer) update() string {
	sections := map[string][]string{}
	for _, name := range []string{"a", "b", "c", "l", "m", "n"} {
		if !d.chance(35) {
			continue
		}
		path := d.path(name)
		switch section := pick(d, "SET", "SET", "SET", "REMOVE", "ADD", "DELETE"); section {
		case "SET":
			sections[section] = append(sections[section], path+" = "+d.operand(true))
		case "ADD":
			v := pick(d, d.scalar("N"), typed("SS", []any{"a", "z"}), typed("NS", []any{"1", "2"}))
			sections[section] = append(sections[section], path+" "+d.placeholder(v))
		case "DELETE":
			sections[section] = append(sections[section], path+" "+d.placeholder(pick(d, typed("SS", []any{"a", "b"}), typed("NS", []any{"1", "-1"}), typed("SS", []any{"a", "b", "ab", "abc", "z"}), typed("NS", []any{"0", "1", "2", "-1", "-1.2", "10"}))))
		default:
			sections[section] = append(sections[section], path)
		}
	}
	if len(sections) == 0 {
		return "SET a = " + d.operand(true)
	}
	var parts []string
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		parts = append(parts, section+" "+strings.Join(sections[section], ", "))
	}
	if d.spoil(4) { // paths that may overlap, or treat a map as a list
		for _, section := range []string{"SET", "REMOVE"} {
			if len(sections[section]) == 0 {
				parts = append(parts, section+" "+pick(d, "l", "l.a", "m", "m.a", "m[0]", "n", "n.a")+map[string]string{"SET": " = n"}[section])
				break
			}
		}
	}
	if d.spoil(2) {
		parts = append(parts, pick(d, "SET", "FOO a", "SET K = a", "REMOVE #nosuch", "SET z = nosuch(a)", "SET z = :nosuch"))
	}
	return strings.Join(parts, " ")
}

func (d *drawer) operand(outer bool) string {
	switch choice := d.IntN(10); {
	case choice < 1:
		return d.path("n")
	case choice < 3:
		return "if_not_exists(" + d.attribute() + ", " + d.placeholder(d.value(1)) + ")"
	case choice < 5 && outer:
		return d.path("n") + pick(d, " + ", " - ") + d.placeholder(d.scalar("N"))
	case choice < 6:
		return "list_append(" + pick(d, d.path("l"), "l") + ", " + d.placeholder(typed("L", []any{d.value(2)})) + ")"
	default:
		return d.placeholder(d.value(1))
	}
}
