package dynamodb_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"visitplannr/internal/local/dynamodb"
)

func TestKeyConditions(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	for name, table := range map[string]struct {
		schema schema
		sorts  []object
	}{
		"numbers":  {schema{"S", "N"}, []object{number("10"), number("-2"), number("0"), number("2"), number("-10"), number("1.50"), number("-1.5")}},
		"texts":    {schema{"S", "S"}, []object{text("b"), text("abc"), text("a"), text("é"), text("ab"), text("Z"), text("~")}},
		"binaries": {schema{"S", "B"}, []object{blob("b"), blob("\xff"), blob("a\xff"), blob("a"), blob("\x00"), blob("\xff\xff")}},
	} {
		createTable(t, e, name, table.schema)
		for _, sort := range table.sorts {
			for _, partition := range []string{"k", "kk", "j", "l"} {
				put(t, e, name, object{"K": text(partition), "S": sort})
			}
		}
	}
	createTable(t, e, "hash", schema{"S", ""})
	put(t, e, "hash", object{"K": text("k")})
	for want, table := range cases(t, "key_conditions.txt") {
		for _, c := range table {
			name, condition, _ := strings.Cut(c, " ")
			t.Run(c, func(t *testing.T) {
				for _, forward := range []bool{true, false} {
					body := filled(object{"TableName": name, "KeyConditionExpression": condition, "ScanIndexForward": forward})
					status, answer := call(t, e, "Query", body)
					if status != 200 {
						if message := fmt.Sprint(answer["message"]); !strings.Contains(message, want) || strings.HasPrefix(want, "[") {
							t.Errorf("got %q, want %q", message, want)
						}
						continue
					}
					items := answer["Items"].([]any)
					if !forward {
						slices.Reverse(items)
					}
					if got := fmt.Sprint(sortKeys(t, items)); got != want {
						t.Errorf("forward %t: got %s, want %s", forward, got, want)
					}
				}
			})
		}
	}

	// The filter is about what a key condition cannot say
	// (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.FilterExpression.html).
	for filter, want := range map[string]string{
		"K = :k": "K", "S > :0": "S", "n = :5 AND NOT (n = :5 OR S = :2)": "S", "attribute_exists(K)": "K", "size(K) = :1": "K", "n = K": "K", ":5 IN (n, #S)": "S", "n BETWEEN :1 AND S": "S", "S.x = :1": "S",
	} {
		t.Run("filtered by "+filter, func(t *testing.T) {
			got := result(t, e, "Query", object{"TableName": "numbers", "KeyConditionExpression": "K = :k", "FilterExpression": filter}, compactly)
			if got != "Filter Expression can only contain non-primary key attributes: Primary key attribute: "+want {
				t.Errorf("got %s, want a refusal of %s", got, want)
			}
			if got := result(t, e, "Scan", object{"TableName": "numbers", "FilterExpression": filter}, func(object) string { return "found" }); got != "found" {
				t.Errorf("Scan: got %s, want success", got)
			}
		})
	}

	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
	t.Run("in pages finds the same", func(t *testing.T) {
		for _, condition := range []string{"K = :k", "K = :k AND S BETWEEN :minus2 AND :2", "K = :k AND S < :1", "K = :k AND S >= :1", "K = :k AND S = :2", "K = :k AND S > :10"} {
			for _, forward := range []bool{true, false} {
				query := filled(object{"TableName": "numbers", "KeyConditionExpression": condition, "ScanIndexForward": forward})
				want := sortKeys(t, must(t, e, "Query", query)["Items"].([]any))
				for limit := 1; limit < 9; limit++ {
					query["Limit"] = limit
					delete(query, "ExclusiveStartKey")
					var got []string
					for pages := 0; pages == 0 || query["ExclusiveStartKey"] != nil; pages++ {
						answer := must(t, e, "Query", query)
						items := answer["Items"].([]any)
						if full := len(items) == limit; full != (answer["LastEvaluatedKey"] != nil) || answer["Count"] != float64(len(items)) || answer["ScannedCount"] != answer["Count"] {
							t.Fatalf("%s, limit %d: got %v", condition, limit, answer)
						}
						got, query["ExclusiveStartKey"] = append(got, sortKeys(t, items)...), answer["LastEvaluatedKey"]
					}
					if !slices.Equal(got, want) {
						t.Errorf("%s, forward %t, limit %d: got %v, want %v", condition, forward, limit, got, want)
					}
				}
			}
		}
	})
	const outside, invalidStart = "The provided starting key is outside query boundaries based on provided conditions", "The provided starting key is invalid: "
	for outcome, c := range map[string]struct {
		more object
		want string
	}{
		"a start key before the range is refused":         {object{"ExclusiveStartKey": object{"K": text("k"), "S": number("-3")}}, outside},
		"a start key behind the range is refused":         {object{"ExclusiveStartKey": object{"K": text("k"), "S": number("3")}}, outside},
		"a start key of another partition is refused":     {object{"ExclusiveStartKey": object{"K": text("kk"), "S": number("1")}}, outside},
		"half a start key is refused":                     {object{"ExclusiveStartKey": object{"K": text("k")}}, invalidStart + "The provided key element does not match the schema"},
		"a start key of another type is refused":          {object{"ExclusiveStartKey": object{"K": text("k"), "S": text("1")}}, invalidStart + "The provided key element does not match the schema"},
		"a start key need not exist":                      {object{"ExclusiveStartKey": object{"K": text("k"), "S": number("0.5")}}, "2 of 2"},
		"nor in the other direction":                      {object{"ExclusiveStartKey": object{"K": text("k"), "S": number("0.5")}, "ScanIndexForward": false}, "3 of 3"},
		"a limit counts what the filter leaves out":       {object{"Limit": 4, "FilterExpression": "attribute_exists(n)"}, "0 of 4, more"},
		"a filter leaves out, and the count says so":      {object{"FilterExpression": "attribute_exists(n)"}, "0 of 5"},
		"a count has no items":                            {object{"Select": "COUNT"}, "5 of 5 without items"},
		"a count has a limit":                             {object{"Select": "COUNT", "Limit": 2}, "2 of 2 without items, more"},
		"all attributes are all":                          {object{"Select": "ALL_ATTRIBUTES"}, "5 of 5"},
		"specific attributes are those of the projection": {object{"Select": "SPECIFIC_ATTRIBUTES", "ProjectionExpression": "S"}, "5 of 5"},
		"specific attributes need a projection":           {object{"Select": "SPECIFIC_ATTRIBUTES"}, "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"},
		"a count has no projection":                       {object{"Select": "COUNT", "ProjectionExpression": "S"}, "Cannot specify the ProjectionExpression when choosing to get only the Count"},
		"all attributes have no projection":               {object{"Select": "ALL_ATTRIBUTES", "ProjectionExpression": "S"}, "Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES"},
		"projected attributes need an index":              {object{"Select": "ALL_PROJECTED_ATTRIBUTES"}, "ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"},
		"there is no index":                               {object{"IndexName": "index"}, "The table does not have the specified index: index"},
	} {
		t.Run(outcome, func(t *testing.T) {
			query := object{"TableName": "numbers", "KeyConditionExpression": "K = :k AND S BETWEEN :minus2 AND :2"}
			maps.Copy(query, c.more)
			got := result(t, e, "Query", query, func(answer object) string {
				counts := fmt.Sprintf("%v of %v", answer["Count"], answer["ScannedCount"])
				if items, ok := answer["Items"].([]any); !ok {
					counts += " without items"
				} else if answer["Count"] != float64(len(items)) {
					t.Errorf("got %d items and a count of %v", len(items), answer["Count"])
				}
				if answer["LastEvaluatedKey"] != nil {
					counts += ", more"
				}
				return counts
			})
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	wantFault(t, e, "Query", object{"TableName": "numbers"}, 400, "ValidationException", "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	for want, scan := range map[string]object{
		"The TotalSegments parameter is required but was not present in the request when Segment parameter is present":                    {"Segment": 0},
		"The Segment parameter is required but was not present in the request when parameter TotalSegments is present":                    {"TotalSegments": 1},
		"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2": {"Segment": 2, "TotalSegments": 2},
	} {
		scan["TableName"] = "numbers"
		wantFault(t, e, "Scan", scan, 400, "ValidationException", want)
	}
}

func compactly(answer object) string { return compact(answer) }

// sortKeys returns the sort keys of items, those of binary values quoted.
func sortKeys(t *testing.T, items []any) []string {
	t.Helper()
	keys := make([]string, len(items))
	for i, it := range items {
		keys[i] = "-" // it has none
		sort, _ := it.(object)["S"].(object)
		for kind, v := range sort {
			if keys[i] = v.(string); kind == "B" {
				raw, err := base64.StdEncoding.DecodeString(keys[i])
				if err != nil {
					t.Error(err)
				}
				keys[i] = strconv.Quote(string(raw))
			}
		}
	}
	return keys
}

// The bounds of keys, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-partition-sort-keys
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
func TestKeys(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	long := func(kind string, bytes int) object {
		if kind == "B" {
			return blob(strings.Repeat("\xff", bytes))
		}
		return text(strings.Repeat("é", bytes/2) + strings.Repeat("x", bytes%2))
	}
	const (
		empty       = "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
		tooLong     = "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes"
		sortTooLong = "One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
		noMatch     = "The provided key element does not match the schema"
		mismatch    = "One or more parameter values were invalid: Type mismatch for key "
		noKey       = "One or more parameter values were invalid: Missing the key "
	)
	for table, s := range map[string]schema{"SS.": {"S", "S"}, "BB.": {"B", "B"}, "SN.": {"S", "N"}, "N..": {"N", ""}} {
		createTable(t, e, table, s)
	}
	for outcome, c := range map[string]struct {
		table    string
		key      object
		put, get string // what PutItem says and what operations on a key say; "": nothing
	}{
		"texts of 2048 and 1024 bytes":       {"SS.", object{"K": long("S", 2048), "S": long("S", 1024)}, "", ""},
		"binaries of 2048 and 1024 bytes":    {"BB.", object{"K": long("B", 2048), "S": long("B", 1024)}, "", ""},
		"texts and binaries of one byte":     {"BB.", object{"K": long("B", 1), "S": long("B", 1)}, "", ""},
		"a text of 2049 bytes":               {"SS.", object{"K": long("S", 2049), "S": text("s")}, tooLong, tooLong},
		"a binary of 2049 bytes":             {"BB.", object{"K": long("B", 2049), "S": blob("s")}, tooLong, tooLong},
		"a sort key's text of 1025 bytes":    {"SS.", object{"K": text("k"), "S": long("S", 1025)}, sortTooLong, sortTooLong},
		"a sort key's text of 2049 bytes":    {"SS.", object{"K": text("k"), "S": long("S", 2049)}, sortTooLong, sortTooLong},
		"a sort key's binary of 1025 bytes":  {"BB.", object{"K": blob("k"), "S": long("B", 1025)}, sortTooLong, sortTooLong},
		"an empty text":                      {"SS.", object{"K": text(""), "S": text("s")}, empty + "string value. Key: K", empty + "string value. Key: K"},
		"an empty text as sort key":          {"SS.", object{"K": text("k"), "S": text("")}, empty + "string value. Key: S", empty + "string value. Key: S"},
		"an empty binary":                    {"BB.", object{"K": blob(""), "S": blob("s")}, empty + "binary value. Key: K", empty + "binary value. Key: K"},
		"an empty binary as sort key":        {"BB.", object{"K": blob("k"), "S": blob("")}, empty + "binary value. Key: S", empty + "binary value. Key: S"},
		"a number of 38 digits":              {"N..", object{"K": number(strings.Repeat("9", 38))}, "", ""},
		"no sort key":                        {"SS.", object{"K": text("k")}, noKey + "S in the item", noMatch},
		"no partition key":                   {"SS.", object{"S": text("s")}, noKey + "K in the item", noMatch},
		"nothing":                            {"N..", object{}, noKey + "K in the item", noMatch},
		"another attribute beside the key":   {"N..", object{"K": number("1"), "n": number("1")}, "", noMatch},
		"another attribute for the sort key": {"SS.", object{"K": text("k"), "n": text("1")}, noKey + "S in the item", noMatch},
		"a number for a text":                {"SS.", object{"K": number("1"), "S": text("s")}, mismatch + "K expected: S actual: N", noMatch},
		"a text for a number":                {"SN.", object{"K": text("k"), "S": text("1")}, mismatch + "S expected: N actual: S", noMatch},
		"a set for a text":                   {"SS.", object{"K": text("k"), "S": object{"SS": []any{"s"}}}, mismatch + "S expected: S actual: SS", noMatch},
		"NULL for a number":                  {"N..", object{"K": object{"NULL": true}}, mismatch + "K expected: N actual: NULL", noMatch},
	} {
		t.Run(outcome, func(t *testing.T) {
			batch := func(requests any) object { return object{"RequestItems": object{c.table: requests}} }
			for operation, body := range map[string]object{
				"PutItem": {"TableName": c.table, "Item": c.key}, "GetItem": {"TableName": c.table, "Key": c.key}, "DeleteItem": {"TableName": c.table, "Key": c.key}, "UpdateItem": {"TableName": c.table, "Key": c.key},
				"BatchGetItem": batch(object{"Keys": []any{c.key}}), "BatchWriteItem": batch([]any{object{"PutRequest": object{"Item": c.key}}}), "BatchWriteItem/delete": batch([]any{object{"DeleteRequest": object{"Key": c.key}}}),
			} {
				want := c.get
				if operation == "PutItem" || operation == "BatchWriteItem" {
					want = c.put
				}
				operation, _, _ = strings.Cut(operation, "/")
				if got := result(t, e, operation, body, func(object) string { return "" }); got != want {
					t.Errorf("%s: got %q, want %q", operation, got, want)
				}
			}
		})
	}
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html#HowItWorks.DataTypes.Number
func TestNumbers(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", "N"})
	createTable(t, e, "results", schema{"S", ""})
	const (
		overflow, underflow = "Number overflow. Attempting to store a number with magnitude larger than supported range", "Number underflow. Attempting to store a number with magnitude smaller than supported range"
		digits, noNumber    = "Attempting to store more than 38 significant digits in a Number", "The parameter cannot be converted to a numeric value"
	)
	nines := strings.Repeat("9", 38)
	for want, spellings := range map[string][]string{
		"0":                                    {"0", "-0", "+0", "0.0", "00", "0e5", "0e-999", "-0.00e200", ".0", "0."},
		"1":                                    {"1", "+1", "1.0", "01", "001.000", "1e0", "10e-1", "0.1e1", "0.01E+2", "100e-2", "1."},
		"-1.5":                                 {"-1.5", "-1.50", "-01.5", "-15e-1", "-0.15e1"},
		"0.5":                                  {"0.5", ".5", "5e-1", "0.50"},
		"1000":                                 {"1000", "1e3", "1E3", "1e+3", "1e03", "0.001e6"},
		"-100":                                 {"-100", "-1e2"},
		"0.001":                                {"0.001", "1e-3", "1E-3"},
		nines:                                  {nines, nines + ".0", nines + "0e-1", "0" + nines},
		"0." + nines:                           {"0." + nines, nines + "e-38", "." + nines},
		nines + strings.Repeat("0", 88):        {nines + "e88", "9." + nines[1:] + "e125"}, // the largest
		"1" + strings.Repeat("0", 125):         {"1e125", "10e124", "0.1e126"},
		"-1" + strings.Repeat("0", 125):        {"-1e125"},
		"0." + strings.Repeat("0", 129) + "1":  {"1e-130", "0.1e-129", "10e-131"}, // the smallest
		"-0." + strings.Repeat("0", 129) + "1": {"-1e-130"},
		overflow:                               {"1e126", "-1e126", "10e125", "1e999999999999999999999", "12e999999999999999999999"},
		underflow:                              {"1e-131", "-1e-131", "0.1e-130", "1e-999999999999999999999", "0.001e-999999999999999999999"},
		digits:                                 {nines + "9", "-" + nines + "9", "1." + strings.Repeat("0", 37) + "1", "1" + strings.Repeat("0", 37) + "1", "0." + nines + "1"},
		noNumber:                               {""},
		noNumber + ": ":                        {"x", "1x", "x1", " 1", "1 ", "1e", "e1", "1e+", "--1", "+-1", "1.2.3", ".", "-", "1,5", "0x10", "1_000", "NaN", "Infinity", "1e1.5", "١"},
	} {
		for _, spelling := range spellings {
			t.Run(spelling, func(t *testing.T) {
				item := object{"K": text("spelling " + spelling), "n": number(spelling)}
				want := want
				if want == noNumber+": " {
					want += spelling
				}
				got := result(t, e, "PutItem", object{"TableName": "results", "Item": item}, func(object) string {
					return must(t, e, "GetItem", object{"TableName": "results", "Key": object{"K": item["K"]}})["Item"].(object)["n"].(object)["N"].(string)
				})
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	}

	t.Run("are ordered by value", func(t *testing.T) {
		want := []string{"-" + nines + strings.Repeat("0", 88), "-10", "-9", "-1.21", "-1.2", "-1", "-0.5", "-0.012", "-0.01", "-0." + strings.Repeat("0", 129) + "1", "0",
			"0." + strings.Repeat("0", 129) + "1", "0.01", "0.012", "0.5", "1", "1.2", "1.21", "9", "10", "11", "99", "100", nines + strings.Repeat("0", 88)}
		for i := range want {
			put(t, e, "table", object{"K": text("k"), "S": number(want[(i*7)%len(want)])})
		}
		answer := must(t, e, "Query", filled(object{"TableName": "table", "KeyConditionExpression": "K = :k"}))
		if got := sortKeys(t, answer["Items"].([]any)); !slices.Equal(got, want) {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})

	t.Run("are one key in every spelling", func(t *testing.T) {
		for _, spelling := range []string{"150e-2", "1.5", "01.50", "+1.5"} {
			put(t, e, "table", object{"K": text("one"), "S": number(spelling)})
		}
		if got := must(t, e, "Query", filled(object{"TableName": "table", "KeyConditionExpression": "K = :one"}))["Count"]; got != 1.0 {
			t.Errorf("got %v items, want 1", got)
		}
		wantFault(t, e, "PutItem", object{"TableName": "table", "Item": object{"K": text("k"), "S": number("1"), "set": object{"NS": []any{"1", "1.0"}}}}, 400, "ValidationException", "Input collection contains duplicates")
	})

	for _, c := range [][3]string{
		{"1", "2", "3"}, {"-1", "1", "0"}, {"0.1", "0.2", "0.3"}, {"1e2", "-1", "99"}, {"9", "1", "10"}, {"-5", "3", "-2"}, {"0", "-7", "-7"}, {"1.5", "1.5", "3"},
		{nines, "-1", nines[1:] + "8"}, {nines, "1", "1" + strings.Repeat("0", 38)}, {"1e38", "1", digits}, {"1e125", "1", digits}, {"1", "1e-38", digits}, {"1", "1e-37", "1." + strings.Repeat("0", 36) + "1"},
		{"9.9e125", "1e125", overflow}, {"-9.9e125", "-1e125", overflow}, {"9e125", "9e124", "99" + strings.Repeat("0", 124)}, {"1.5e-130", "-1.4e-130", underflow},
	} {
		t.Run(c[0]+" + "+c[1], func(t *testing.T) {
			key := object{"K": text("sum " + c[0] + " " + c[1])}
			for _, update := range []string{"SET n = n + :v", "ADD n :v", "SET n = n - :v"} {
				by := c[1]
				if strings.Contains(update, "-") {
					by = strings.TrimPrefix("-"+by, "--")
				}
				put(t, e, "results", object{"K": key["K"], "n": number(c[0])})
				got := result(t, e, "UpdateItem", object{"TableName": "results", "Key": key, "UpdateExpression": update, "ReturnValues": "ALL_NEW", "ExpressionAttributeValues": object{":v": number(by)}}, func(answer object) string {
					return answer["Attributes"].(object)["n"].(object)["N"].(string)
				})
				if got != c[2] {
					t.Errorf("%s with %s: got %s, want %s", update, by, got, c[2])
				}
			}
		})
	}
}

// The sizes of values, by https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html,
// the limit of an item by Constraints.html#limits-items, and the units that reads and
// writes take by read-write-operations.html.
func TestSizes(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	const limit, longest = 400 << 10, "a list in a map is counted as well"
	for outcome, c := range map[string]struct {
		value object
		size  int
	}{
		"a text has its bytes in UTF-8":                   {text("aé🦆"), 7},
		"an empty text has no bytes":                      {text(""), 0},
		"a binary has its bytes, not those of base64":     {blob("abcd"), 4},
		"a truth value has one":                           {object{"BOOL": false}, 1},
		"NULL has one":                                    {object{"NULL": true}, 1},
		"a number has one and one for two digits":         {number("1234"), 3},
		"an odd number of digits is rounded up":           {number("12345"), 4},
		"zeros at either end do not count":                {number("0.00123000"), 3},
		"nor does a number's point":                       {number("12.34"), 3},
		"a negative number has one more":                  {number("-1234"), 4},
		"zero has one":                                    {number("0"), 1},
		"a list has three, and one more for each element": {object{"L": []any{text("abc"), number("1")}}, 3 + 1 + 3 + 1 + 2},
		"an empty list has three":                         {object{"L": []any{}}, 3},
		"a map has three, and one more for each member":   {object{"M": object{"ab": text("abc"), "c": object{"NULL": true}}}, 3 + 1 + 2 + 3 + 1 + 1 + 1},
		"an empty map has three":                          {object{"M": object{}}, 3},
		"a list in a map is counted as well":              {object{"M": object{"a": object{"L": []any{text("x")}}}}, 3 + 1 + 1 + 3 + 1 + 1},
		"a set of texts has the sum of its elements":      {object{"SS": []any{"ab", "c"}}, 3},
		"a set of numbers has the sum of its elements":    {object{"NS": []any{"1", "234"}}, 5},
		"a set of binaries has the sum of its elements":   {object{"BS": []any{"YWI=", "Yw=="}}, 3},
	} {
		t.Run(outcome, func(t *testing.T) {
			item := object{"K": text(outcome), "name": c.value}
			fill := func(size int) object {
				item["fill"] = text(strings.Repeat("x", size-len("K")-len(outcome)-len("name")-c.size-len("fill")))
				return object{"TableName": "table", "Item": item, "ReturnConsumedCapacity": "TOTAL"}
			}
			unitsOf := func(operation string, body object) any {
				return must(t, e, operation, body)["ConsumedCapacity"].(object)["CapacityUnits"]
			}
			for _, c := range []struct {
				bytes       int
				write, read float64
			}{{1024, 1, 1}, {1025, 2, 1}, {4096, 4, 1}, {4097, 5, 2}} {
				write := unitsOf("PutItem", fill(c.bytes))
				get := object{"TableName": "table", "Key": object{"K": text(outcome)}, "ReturnConsumedCapacity": "TOTAL"}
				eventual := unitsOf("GetItem", get)
				get["ConsistentRead"] = true
				if consistent := unitsOf("GetItem", get); write != c.write || consistent != c.read || eventual != c.read/2 {
					t.Errorf("%d bytes took %v units to write, %v to read, and %v to read eventually; want %v, %v and half of it", c.bytes, write, consistent, eventual, c.write, c.read)
				}
			}
			if outcome != longest {
				return
			}
			if got := unitsOf("PutItem", fill(limit)); got != 400.0 {
				t.Errorf("writing 400 KB took %v units, want 400", got)
			}
			fits := item["fill"]
			wantFault(t, e, "PutItem", fill(limit+1), 400, "ValidationException", "Item size has exceeded the maximum allowed size")
			wantFault(t, e, "BatchWriteItem", object{"RequestItems": object{"table": []any{object{"PutRequest": object{"Item": item}}}}}, 400, "ValidationException", "Item size has exceeded the maximum allowed size")
			update := object{"TableName": "table", "Key": object{"K": text(outcome)}, "UpdateExpression": "SET fill = :fill", "ExpressionAttributeValues": object{":fill": item["fill"]}}
			wantFault(t, e, "UpdateItem", update, 400, "ValidationException", "Item size to update has exceeded the maximum allowed size")
			update["ExpressionAttributeValues"] = object{":fill": fits}
			must(t, e, "UpdateItem", update)
			update["UpdateExpression"], update["ExpressionAttributeValues"], update["ReturnConsumedCapacity"] = "SET fill = :fill", object{":fill": text("")}, "TOTAL"
			if got := unitsOf("UpdateItem", update); got != 400.0 {
				t.Errorf("making an item of 400 KB small took %v units, want 400", got)
			}
		})
	}

	t.Run("a page takes the units of the sum, not the sum of the units", func(t *testing.T) {
		createTable(t, e, "sum", schema{"S", "N"})
		for i := range 5 {
			put(t, e, "sum", object{"K": text("k"), "S": number(strconv.Itoa(i)), "fill": text(strings.Repeat("x", 1000))})
		}
		query := filled(object{"TableName": "sum", "KeyConditionExpression": "K = :k", "FilterExpression": "fill = :x", "ConsistentRead": true, "ReturnConsumedCapacity": "INDEXES"})
		capacity := must(t, e, "Query", query)["ConsumedCapacity"].(object)
		if got := fmt.Sprint(capacity["CapacityUnits"], capacity["Table"].(object)["CapacityUnits"]); got != "2 2" {
			t.Errorf("5 items of about 1 KB took %s units, want 2", got)
		}
	})
}
