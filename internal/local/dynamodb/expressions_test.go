package dynamodb_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"visitplannr/internal/local/dynamodb"
	"visitplannr/test/check"
)

// named are the placeholders that do not say their value themselves. Of the others, :5
// is the number 5 and :abc the string abc.
var named = map[string]object{
	":minus2": number("-2"), ":half": number("0.5"), ":equal5": number("50.0e-1"), ":empty": text(""), ":duck": text("🦆"),
	":binary_abc": blob("abc"), ":binary_b": blob("b"), ":binary_high": blob("\xff"), ":true": {"BOOL": true}, ":false": {"BOOL": false}, ":null": {"NULL": true},
	":strings_ab": {"SS": []any{"a", "b"}}, ":strings_ba": {"SS": []any{"b", "a"}}, ":strings_a": {"SS": []any{"a"}}, ":strings_bc": {"SS": []any{"b", "c"}}, ":strings_xy": {"SS": []any{"x", "y"}},
	":numbers_12": {"NS": []any{"1", "2"}}, ":numbers_21": {"NS": []any{"2.0", "1e0"}}, ":numbers_23": {"NS": []any{"2.00", "3"}}, ":binaries_a": {"BS": []any{"YQ=="}},
	":p2048": text(strings.Repeat("p", 2048)), ":p2049": text(strings.Repeat("p", 2049)), ":s1024": text(strings.Repeat("é", 512)), ":s1025": text(strings.Repeat("é", 512) + "x"),
	":zero": blob("\x00"), ":empty_binary": blob(""), ":accent": text("é"), ":a_high": blob("a\xff"), ":binary_a": blob("a"), ":high_high": blob("\xff\xff"), ":half3": number("1.5"), ":minus11": number("-11"),
	":list_x": {"L": []any{text("x")}}, ":list": {"L": []any{number("1.0"), text("two")}}, ":map": {"M": object{"y": number("3")}}, ":list_none": {"L": []any{}}, ":map_none": {"M": object{}},
}

var (
	placeholderOf = regexp.MustCompile(`:\w+`)
	aliasOf       = regexp.MustCompile(`#\w+`)
)

func blob(s string) object { return object{"B": base64.StdEncoding.EncodeToString([]byte(s))} }

// filled adds the values and names to a request that its expressions use and that it
// does not have: #size is the name size, #dot a.b.
func filled(body object) object {
	values, names := object{}, object{}
	given, _ := body["ExpressionAttributeValues"].(object)
	for member, expression := range body {
		if !strings.HasSuffix(member, "Expression") {
			continue
		}
		for _, name := range placeholderOf.FindAllString(expression.(string), -1) {
			switch v, known := named[name]; {
			case given[name] != nil:
				values[name] = given[name]
			case known:
				values[name] = v
			case strings.Trim(name, ":0123456789") == "":
				values[name] = number(name[1:])
			default:
				values[name] = text(name[1:])
			}
		}
		for _, name := range aliasOf.FindAllString(expression.(string), -1) {
			names[name] = strings.ReplaceAll(name[1:], "dot", "a.b")
		}
	}
	if len(values) > 0 {
		body["ExpressionAttributeValues"] = values
	}
	if len(names) > 0 {
		body["ExpressionAttributeNames"] = names
	}
	return body
}

// result is an answer in short: what take makes of it, or the message of its error.
func result(t *testing.T, e *dynamodb.Engine, operation string, body object, take func(object) string) string {
	t.Helper()
	switch status, answer := call(t, e, operation, filled(body)); status {
	case http.StatusOK:
		return take(answer)
	case http.StatusBadRequest:
		return fmt.Sprint(answer["message"])
	default:
		t.Errorf("%s %v: got %d %v", operation, body, status, answer)
		return ""
	}
}

func compact(v any) string {
	sortSets(v)
	encoded, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// cases reads a table of testdata: a line is an outcome, and the indented lines below it
// are what has it. Text that begins or ends with white space is quoted as Go does it.
func cases(t *testing.T, name string) map[string][]string {
	t.Helper()
	table, outcome := map[string][]string{}, ""
	content := check.Value(os.ReadFile("testdata/" + name))(t)
	for line := range strings.Lines(string(content)) {
		line, isCase := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t")
		text := line
		if strings.HasPrefix(line, `"`) {
			text = check.Value(strconv.Unquote(line))(t)
		}
		switch {
		case isCase:
			table[outcome] = append(table[outcome], text)
		case !strings.HasPrefix(line, "# "):
			outcome = text
		}
	}
	return table
}

// sample is the item that expressions are tried on.
func sample() object {
	return object{
		"K": text("k"), "n": number("5"), "n55": number("55"), "neg": number("-2"), "s": text("abc"), "e": text(""), "b": blob("abc"), "duck": text("🦆"), "a.b": text("dotted"),
		"yes": object{"BOOL": true}, "yes2": object{"BOOL": true}, "nil": object{"NULL": true}, "ss": object{"SS": []any{"a", "b"}}, "ns": object{"NS": []any{"1", "2"}}, "bs": object{"BS": []any{"YQ=="}},
		"l": object{"L": []any{number("1"), text("two"), object{"M": object{"deep": object{"L": []any{number("7"), number("8")}}}}}},
		"m": object{"M": object{"x": object{"M": object{"y": number("3")}}, "z": text("zed")}}, "l0": object{"L": []any{}}, "m0": object{"M": object{}},
	}
}

// Each condition is tried as a filter and as a write's condition.
func TestConditions(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	put(t, e, "table", sample())
	table := cases(t, "conditions.txt")
	table["The expression contains too many operators; "] = []string{ // more than 300, whichever they are
		strings.Repeat("NOT ", 300) + "n=:5", strings.Repeat("n=:5 AND ", 150) + "n=:5", strings.Repeat("n=:5 OR ", 150) + "n=:5", strings.Repeat("n BETWEEN :4 AND :6 AND ", 150) + "n BETWEEN :4 AND :6", strings.Repeat("n IN(:5) AND ", 150) + "n IN(:5)",
	}
	for want, conditions := range table {
		for _, condition := range conditions {
			t.Run(condition, func(t *testing.T) {
				filter := result(t, e, "Scan", object{"TableName": "table", "FilterExpression": condition}, func(answer object) string { return fmt.Sprint(answer["Count"] == 1.0) })
				write := result(t, e, "UpdateItem", object{"TableName": "table", "Key": object{"K": text("k")}, "ConditionExpression": condition}, func(object) string { return "true" })
				if want != "true" && want != "false" {
					if !strings.HasPrefix(filter, "Invalid FilterExpression: "+want) || !strings.HasPrefix(write, "Invalid ConditionExpression: "+want) {
						t.Errorf("got %q as a filter and %q as a condition, want %q", filter, write, want)
					}
				} else if filter != want || write != map[string]string{"true": "true", "false": "The conditional request failed"}[want] {
					t.Errorf("got %s as a filter and %q as a condition, want %s", filter, write, want)
				}
			})
		}
	}
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ExpressionAttributeNames.html
// and Expressions.ExpressionAttributeValues: what is defined has to be used, and what is
// used defined.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	put(t, e, "table", sample())
	const onlyWith, invalidKey = " can only be specified when using expressions", " contains invalid key: Syntax error; key: "
	five, n := object{":5": number("5")}, object{"#n": "n"}
	for outcome, c := range map[string]struct {
		filter        any
		names, values object
		want          string
	}{
		"both are used":                   {"#n = :5", n, five, ""},
		"one is used twice":               {"#n = :5 OR #n > :5", n, five, ""},
		"a name of digits":                {"#1 = :5", object{"#1": "n"}, five, ""},
		"a value is not used":             {"n = :5", nil, object{":5": number("5"), ":6": number("6"), ":7": number("7")}, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:6, :7}"},
		"a name is not used":              {"n = :5", n, five, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#n}"},
		"case matters":                    {"#N = :5", n, five, "Invalid FilterExpression: An expression attribute name used in the document path is not defined; attribute name: #N"},
		"a value is not defined":          {"n = :5 OR n = :6", nil, five, "Invalid FilterExpression: An expression attribute value used in expression is not defined; attribute value: :6"},
		"a value stands for no name":      {":5.x = :5", nil, five, "Invalid FilterExpression: Syntax error; token: "},
		"names without an expression":     {nil, n, nil, "ExpressionAttributeNames" + onlyWith},
		"values without an expression":    {nil, nil, five, "ExpressionAttributeValues" + onlyWith + ": FilterExpression is null"},
		"no names":                        {"n = :5", object{}, five, "ExpressionAttributeNames must not be empty"},
		"no values":                       {"n = s", nil, object{}, "ExpressionAttributeValues must not be empty"},
		"a name without #":                {"n = :5", object{"n": "n"}, five, `ExpressionAttributeNames` + invalidKey + `"n"`},
		"a value without :":               {"n = :5", nil, object{"#5": number("5")}, `ExpressionAttributeValues` + invalidKey + `"#5"`},
		"a name of # alone":               {"n = :5", object{"#": "n"}, five, `ExpressionAttributeNames` + invalidKey + `"#"`},
		"a name with a point":             {"n = :5", object{"#a.b": "n"}, five, `ExpressionAttributeNames` + invalidKey + `"#a.b"`},
		"a value of no type":              {"n = :5", nil, object{":5": object{}}, "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :5"},
		"a set with an element twice":     {"ss = :5", nil, object{":5": object{"SS": []any{"a", "a"}}}, "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: Input collection [a, a] contains duplicates. for key :5"},
		"an empty set of texts":           {"ss = :5", nil, object{":5": object{"SS": []any{}}}, "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An string set  may not be empty for key :5"},
		"an empty set of numbers":         {"ss = :5", nil, object{":5": object{"NS": []any{}}}, "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: An number set  may not be empty for key :5"},
		"an empty set of binaries":        {"ss = :5", nil, object{":5": object{"BS": []any{}}}, "ExpressionAttributeValues contains invalid value: One or more parameter values were invalid: Binary sets should not be empty for key :5"},
		"an expression of 4 KB":           {"n = :5" + strings.Repeat(" ", 4090), nil, five, ""},
		"an expression of more than 4 KB": {"n = :5" + strings.Repeat(" ", 4091), nil, five, "Invalid FilterExpression: Expression size has exceeded the maximum allowed size;"},
		"an empty expression":             {"", nil, nil, "Invalid FilterExpression: The expression can not be empty;"},
	} {
		t.Run(outcome, func(t *testing.T) {
			scan := object{"TableName": "table"}
			for member, v := range map[string]object{"ExpressionAttributeNames": c.names, "ExpressionAttributeValues": c.values} {
				if v != nil {
					scan[member] = v
				}
			}
			if c.filter != nil {
				scan["FilterExpression"] = c.filter
			}
			status, answer := call(t, e, "Scan", scan)
			got, _ := answer["message"].(string)
			if (status == http.StatusOK) != (c.want == "") || !strings.HasPrefix(got, c.want) {
				t.Errorf("got %d %q, want %q", status, got, c.want)
			}
		})
	}
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	for want, updates := range cases(t, "updates.txt") {
		for _, update := range updates {
			t.Run(update, func(t *testing.T) {
				before := sample()
				before["K"] = text(update)
				put(t, e, "table", before)
				got := result(t, e, "UpdateItem", object{"TableName": "table", "Key": object{"K": text(update)}, "UpdateExpression": update, "ReturnValues": "ALL_NEW"}, func(answer object) string {
					after := answer["Attributes"].(object)
					names := maps.Clone(before)
					maps.Copy(names, after)
					var changed []string
					for _, name := range slices.Sorted(maps.Keys(names)) {
						if after[name] == nil {
							changed = append(changed, name+" -")
						} else if was, is := compact(before[name]), compact(after[name]); was != is {
							changed = append(changed, name+" "+is)
						}
					}
					return strings.Join(changed, " ")
				})
				if got != want && (!strings.Contains(want, "Invalid UpdateExpression: ") || !strings.HasPrefix(got, want)) {
					t.Errorf("\n got %s\nwant %s", got, want)
				}
			})
		}
	}
}

func TestProjections(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	put(t, e, "table", sample())
	for want, projections := range cases(t, "projections.txt") {
		for _, projection := range projections {
			t.Run(projection, func(t *testing.T) {
				for operation, body := range map[string]object{"GetItem": {"Key": object{"K": text("k")}}, "Scan": {}} {
					body["TableName"], body["ProjectionExpression"] = "table", projection
					got := result(t, e, operation, body, func(answer object) string {
						if items, ok := answer["Items"].([]any); ok {
							return compact(items[0])
						}
						return compact(answer["Item"])
					})
					if got != want && (!strings.HasPrefix(want, "Invalid") || !strings.HasPrefix(got, want)) {
						t.Errorf("%s\n got %s\nwant %s", operation, got, want)
					}
				}
			})
		}
	}
}
