package dynamodb_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/local/dynamodb"
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

// sample is the item that expressions are tried on.
func sample() object {
	return object{
		"K": text("k"), "n": number("5"), "n55": number("55"), "neg": number("-2"), "s": text("abc"), "e": text(""), "b": blob("abc"), "duck": text("🦆"), "a.b": text("dotted"),
		"yes": object{"BOOL": true}, "yes2": object{"BOOL": true}, "nil": object{"NULL": true}, "ss": object{"SS": []any{"a", "b"}}, "ns": object{"NS": []any{"1", "2"}}, "bs": object{"BS": []any{"YQ=="}},
		"l": object{"L": []any{number("1"), text("two"), object{"M": object{"deep": object{"L": []any{number("7"), number("8")}}}}}},
		"m": object{"M": object{"x": object{"M": object{"y": number("3")}}, "z": text("zed")}}, "l0": object{"L": []any{}}, "m0": object{"M": object{}},
	}
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
// and, for the order of values, HowItWorks.NamingRulesDataTypes. Each condition is tried
// as a filter and as a write's condition.
func TestConditions(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	put(t, e, "table", sample())
	const (
		distinct   = "The first operand must be distinct from the remaining operands for this operator or function; operator: "
		badType    = "Incorrect operand type for operator or function; operator or function: "
		misused    = "The function is not allowed to be used this way in an expression; function: "
		count      = "Incorrect number of operands for operator or function; operator or function: "
		needsPath  = "Operator or function requires a document path; operator or function: "
		sameBounds = "The BETWEEN operator requires same data type for lower and upper bounds"
		ascending  = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"
	)
	for want, conditions := range map[string][]string{
		"true": {
			"n = :5", "n = :equal5", ":5 = n", "n <> :6", "n < :6", "n <= :5", "n <= :6", "n > :4", "n >= :5", "n >= :4", "neg < :1", "neg > n OR neg < n", ":minus2 = neg",
			"s = :abc", "s < :abd", "s > :ab", "s > :ABD", "s > :empty", "e < :a", "e = :empty", "duck > :abc", "s <= :abc", "s >= :abc", "s <> :abd", "#dot = :dotted",
			"b = :binary_abc", "b < :binary_b", "b < :binary_high", "yes = :true", "yes <> :false", "nil = :null", "m = m0 OR m <> m0",
			"ss = :strings_ba", "ns = :numbers_21", "ss <> :strings_a", "bs = :binaries_a", "l <> :list", "m.x = :map", "l0 = :list_none", "m0 = :map_none", "l0 <> :map_none",
			"n <> :abc", "n <> s", "gone <> :5", "gone <> nope", // values of two types differ, and so does one that is missing
			"n BETWEEN :5 AND :5", "n BETWEEN :4 AND :6", "n BETWEEN :5 AND :6", "n BETWEEN :4 AND :5", "s BETWEEN :abc AND :abc", "b BETWEEN :binary_abc AND :binary_b", ":5 BETWEEN neg AND n",
			"n IN (:5)", "n IN (:4, :abc, :equal5)", "ss IN (:strings_ba)", "s IN (n, :abc)", "n in (gone, :5)",
			"attribute_exists(n)", "attribute_exists(m.x.y)", "attribute_exists(l[2].deep[1])", "attribute_exists(nil)", "attribute_not_exists(gone)", "attribute_not_exists(m.q)", "attribute_not_exists(l[3])",
			"attribute_not_exists(n.x)", "attribute_not_exists(m[0])", "attribute_not_exists(l.x)", "attribute_not_exists(ss[0])",
			"attribute_type(n, :N)", "attribute_type(s, :S)", "attribute_type(b, :B)", "attribute_type(yes, :BOOL)", "attribute_type(nil, :NULL)", "attribute_type(ss, :SS)",
			"attribute_type(ns, :NS)", "attribute_type(bs, :BS)", "attribute_type(l, :L)", "attribute_type(m, :M)",
			"begins_with(s, :abc)", "begins_with(s, :a)", "begins_with(s, :empty)", "begins_with(b, :binary_abc)", "begins_with(m.z, :ze)",
			"contains(s, :b)", "contains(s, :abc)", "contains(s, :empty)", "contains(b, :binary_b)", "contains(ss, :a)", "contains(ns, :2)", "contains(l, :1)", "contains(l, :two)", "contains(:xabcx, s)",
			"size(s) = :3", "size(e) = :0", "size(b) = :3", "size(ss) = :2", "size(ns) = :2", "size(bs) = :1", "size(l) = :3", "size(m) = :2", "size(l0) = :0", "size(m0) = :0", "size(s) < n", "size(s) IN (:3)",
			"size(m.z) BETWEEN :3 AND :3", ":3 <= size(s)", "size(s) <> size(e)",
			// Precedence: comparison, NOT, AND, OR.
			"n = :5 OR n = :5 AND n = :6", "n = :6 AND n = :5 OR n = :5", "NOT n = :6 AND n = :5", "NOT n = :6 OR n = :5", "NOT (n = :6 OR n = :7)", "NOT NOT n = :5", "not n = :6 and n = :5 or n = :6",
			"n BETWEEN :4 AND :6 AND s = :abc", "NOT n BETWEEN :6 AND :7", "(n = :5)", "(n = :5 OR n = :6) AND s = :abc", "n=:5", " n\n=\t:5 ", "l[0] = :1", "l[2].deep[1] > l[2].deep[0]",
		},
		"false": {
			"n = :6", "n <> :5", "n <> :equal5", "n < :5", "n > :5", "n <= :4", "n >= :6", "neg > n", "s = :ABC", "s < :abc", "s > :abc", "s >= :abd", "e > :empty", "duck < :abc", "b > :binary_high",
			"yes = :false", "yes <> :true", "ss = :strings_a", "ss = :strings_bc", "ss <> :strings_ba", "ns = :numbers_23", "l = :list", "m = m0", "l0 = :map_none", "m0 <> :map_none",
			"n = :abc", "n < :abc", "n > :abc", "n <= s", "n >= s", "s < :binary_abc", "yes < n", "ss < s", "l > n", // values of two types have no order, and some types have none
			"gone = :5", "gone < :5", "gone > :5", "gone <= :5", "gone >= :5", "gone = nope", "n < gone", "n >= gone",
			"n BETWEEN :6 AND :7", "n BETWEEN :3 AND :4", "n BETWEEN :abc AND :abd", "gone BETWEEN :4 AND :6", "n BETWEEN n0 AND :6", "n BETWEEN neg AND gone", "n BETWEEN :4 AND neg", "yes BETWEEN neg AND n", "s BETWEEN neg AND s1", "n BETWEEN neg AND s", "n BETWEEN s AND n55", "n BETWEEN n55 AND n55",
			"n IN (:4, :6)", "n IN (s)", "gone IN (:5)", "n IN (gone)", "gone IN (nope)", "ss IN (:strings_a, :a)",
			"attribute_exists(gone)", "attribute_exists(m.q)", "attribute_exists(l[3])", "attribute_exists(l0[0])", "attribute_exists(m.x[0])", "attribute_exists(a.b)", "attribute_not_exists(n)", "attribute_not_exists(l[0])",
			"attribute_type(n, :S)", "attribute_type(ss, :S)", "attribute_type(gone, :S)", "attribute_type(nil, :BOOL)",
			"begins_with(n, :5a)", "begins_with(s, :bc)", "begins_with(s, :abcd)", "begins_with(s, :aa)", "begins_with(n55, n)", "begins_with(l, l0)", "begins_with(yes, yes2)", "begins_with(e, :a)", "begins_with(s, :binary_abc)", "begins_with(b, :a)", "begins_with(ss, :a)", "begins_with(l, :a)", "begins_with(gone, :a)", "begins_with(neg, n)", "begins_with(s, n)",
			"contains(s, :ac)", "contains(s, :5)", "contains(s, :binary_b)", "contains(b, :b)", "contains(ss, :c)", "contains(ss, :1)", "contains(ss, :strings_a)", "contains(ns, :3)", "contains(l, :7)", "contains(l, :list_x)", "contains(m, :zed)", "contains(m, :x)", "contains(n, :5)", "contains(yes, :true)", "contains(gone, :a)", "contains(s, gone)",
			"size(n) >= :0", "size(yes) >= :0", "size(nil) >= :0", "size(gone) >= :0", "size(s) = :abc", "size(s) < :3", "size(s) > :3", "size(s) <> :3",
			"NOT n = :5", "NOT (n = :5 OR n = :6)", "NOT NOT n = :6", "NOT (n = :5) OR n = :6", "n = :5 AND n = :6", "n = :6 AND n = :5", "n = :6 OR n = :7", "(n = :5 OR n = :6) AND s = :abd", "NOT n = :6 AND n = :6",
		},
		distinct + "=, first operand: [n]":                                                                  {"n = n", "s = :abc OR n = n"},
		distinct + "<, first operand: [m, x]":                                                               {"m.x < m.x"},
		distinct + "contains, first operand: [l, [0]]":                                                      {"contains(l[0], l[0])"},
		badType + "begins_with, operand type: N":                                                            {"begins_with(s, :5)", "begins_with(n, :5)", "begins_with(:5, s)", "begins_with(s, size(s))"},
		badType + "begins_with, operand type: SS":                                                           {"begins_with(s, :strings_a)"},
		badType + "attribute_type, operand type: N":                                                         {"attribute_type(s, :5)"},
		"Invalid attribute type name found; type: abc, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}":         {"attribute_type(s, :abc)", "NOT attribute_type(gone, :abc)"},
		"Operator or function requires an expression attribute value; operator or function: attribute_type": {"attribute_type(s, n)"},
		badType + "size, operand type: N":                                                                   {"size(:5) = :1", "size(size(s)) = :1"},
		badType + "size, operand type: BOOL":                                                                {"size(:true) = :1"},
		badType + "<, operand type: BOOL":                                                                   {"yes < :true"},
		badType + "<=, operand type: NULL":                                                                  {"nil <= :null"},
		badType + ">, operand type: L":                                                                      {"l > :list"},
		badType + ">=, operand type: M":                                                                     {"m >= :map"},
		badType + "<, operand type: SS":                                                                     {":strings_a < ss"},
		badType + "BETWEEN, operand type: BOOL":                                                             {"yes BETWEEN :false AND :true"},
		sameBounds + "; lower bound operand: AttributeValue: {N:5}, upper bound operand: AttributeValue: {S:abc}": {"n BETWEEN :5 AND :abc"},
		ascending + "; lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:5}":    {"n BETWEEN :6 AND :5", "NOT n BETWEEN :6 AND :5"},
		ascending + "; lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:abc}":  {"s BETWEEN :b AND :abc"},
		ascending + "; lower bound operand: AttributeValue: {B:Yg==}":                                             {"b BETWEEN :binary_b AND :binary_abc"},
		misused + "size":                                  {"size(s)", "NOT size(s)", "n = :5 AND size(s)"},
		misused + "contains":                              {"contains(s, :b) = :true", ":true = contains(s, :b)", "size(contains(s, :b)) = :1", "n IN (contains(s, :b))"},
		misused + "attribute_exists":                      {"attribute_exists(n) = :true", "n BETWEEN :1 AND attribute_exists(n)"},
		count + "contains, number of operands: 1":         {"contains(s)"},
		count + "contains, number of operands: 3":         {"contains(s, :b, :c)"},
		count + "size, number of operands: 2":             {"size(s, b) = :3"},
		count + "attribute_exists, number of operands: 2": {"attribute_exists(s, n)"},
		count + "begins_with, number of operands: 1":      {"begins_with(s)"},
		count + "attribute_type, number of operands: 1":   {"attribute_type(s)"},
		"Invalid attribute type name found; type: string": {"attribute_type(s, :string)"},
		"Syntax error; token: \"=\", near: \"= = :5\"":    {"n = = :5", "n = :5 OR n = = :5 AND n = :5"},
		"Syntax error; token: \"<EOF>\", near: \"=\"":     {"n ="},
		"Syntax error; token: \"AND\", near: \"AND n\"":   {"AND n = :5"},
		needsPath + "attribute_exists":                    {"attribute_exists(:5)", "attribute_exists(size(s))"},
		needsPath + "attribute_not_exists":                {"attribute_not_exists(:5)"},
		"The expression has redundant parentheses;":       {"((n = :5))", "((n = :5 OR n = :6)) AND s = :abc"},
		"The expression contains too many operators; ": { // more than 300, whichever they are
			strings.Repeat("NOT ", 300) + "n=:5", strings.Repeat("n=:5 AND ", 150) + "n=:5", strings.Repeat("n=:5 OR ", 150) + "n=:5", strings.Repeat("n BETWEEN :4 AND :6 AND ", 150) + "n BETWEEN :4 AND :6", strings.Repeat("n IN(:5) AND ", 150) + "n IN(:5)",
		},
		"Invalid function name; function: Size":                        {"Size(s) = :3"},
		"Invalid function name; function: if_not_exists":               {"if_not_exists(n, :5) = :5"},
		"Attribute name is a reserved keyword; reserved keyword: size": {"size = :5", "m.size = :5"},
		"Syntax error; token: ": {
			"n", ":5", "n =", "= n", "n = = :5", "n == :5", "n = :5 :5", "n : 5", "n = :5 AND", "AND n = :5", "n = :5 OR OR n = :5", "(n = :5", "n = :5)", "()", "NOT", "n BETWEEN :5", "n BETWEEN :5 OR :6", "n BETWEEN :5 AND", "n IN", "n IN ()", "n IN (:5", "n IN :5",
			"n IN (:5,)", "contains(s :b)", "contains()", "contains(s, :b", "n != :5", "n = 5", "n = 'abc'", "l[x] = :5", "l[] = :5", "l[0 = :5", "l[-1] = :5", "l[:5] = :5", "m. = :5", ".m = :5", "m..x = :5", "1n = :5", "n = #", "in = :5", "n < > :5", "é = :5",
		},
	} {
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

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
// A want is the attributes that differ from the sample afterwards, or the error.
func TestUpdates(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	const (
		noAttribute = "The provided expression refers to an attribute that does not exist in the item"
		operandType = "An operand in the update expression has an incorrect data type"
		noPath      = "The document path provided in the update expression is invalid for update"
		badType     = "Invalid UpdateExpression: Incorrect operand type for operator or function; operator"
		paths       = "Invalid UpdateExpression: Two document paths "
		syntax      = "Invalid UpdateExpression: Syntax error; token: "
	)
	for want, updates := range map[string][]string{
		"":                          {"REMOVE n.x.y", "REMOVE gone", "REMOVE l[3]", "ADD ss :strings_ba", "ADD bs :binaries_a", "DELETE ss :strings_xy", "DELETE gone :strings_a"}, // nothing changes
		`n {"N":"6"}`:               {"SET n = :6", "set n = :6", "SET n = n + :1", "SET n = (n + :1)", "SET n = if_not_exists(n, :1) + :1", "ADD n :1"},
		`x {"N":"6"} y {"S":"abc"}`: {"SET x = :6, y = :abc"},
		`n {"N":"-2"} x {"N":"5"}`:  {"SET x = n, n = neg"},
		`n {"N":"-4"}`:              {"SET n = :1 - n"},
		`n {"N":"7"}`:               {"SET n = n - neg"},
		`n {"N":"4.5"}`:             {"SET n = n - :half"},
		`n {"N":"0"}`:               {"SET n = n - :equal5"},
		`x {"N":"2"}`:               {"SET x = if_not_exists(x, :1) + :1"},
		`x {"N":"5"}`:               {"SET x = if_not_exists(x, n)", "ADD x :5"},
		`x {"L":[{"S":"x"}]}`:       {"SET x = list_append(:list_x, l0)", "SET x = list_append(if_not_exists(x, :list_none), :list_x)"},
		`x {"L":[{"S":"x"},{"N":"1"},{"S":"two"}]}`:                                                      {"SET x = list_append(:list_x, :list)"},
		`m {"M":{"x":{"M":{"y":{"N":"3"}}},"z":{"N":"1"}}}`:                                              {"SET m.z = :1"},
		`m {"M":{"x":{"M":{"y":{"N":"4"}}},"z":{"S":"zed"}}}`:                                            {"SET m.x.y = m.x.y + :1", "ADD m.x.y :1"},
		`m {"M":{"x":{"M":{"q":{"N":"1"},"y":{"N":"3"}}},"z":{"S":"zed"}}}`:                              {"SET m.x.q = :1"},
		`m0 {"M":{"x":{"N":"1"}}}`:                                                                       {"SET m0.x = :1"},
		`l {"L":[{"N":"1"},{"S":"two"},{"M":{"deep":{"L":[{"N":"7"},{"N":"8"}]}}},{"S":"y"},{"S":"x"}]}`: {"SET l[9] = :x, l[5] = :y", "SET l[5] = :y, l[9] = :x", "SET l[3] = :y, l[4] = :x"}, // behind the end there are no gaps
		`l {"L":[{"S":"x"},{"M":{"deep":{"L":[{"N":"7"},{"N":"8"}]}}}]}`:                                 {"REMOVE l[0] SET l[1] = :x"},
		`l {"L":[{"S":"two"},{"N":"1"},{"M":{"deep":{"L":[{"N":"7"},{"N":"8"}]}}}]}`:                     {"SET l[0] = l[1], l[1] = l[0]"},
		`l {"L":[{"S":"two"}]}`:                                                                          {"REMOVE l[0], l[2]", "REMOVE l[2], l[0]"},
		`l0 {"L":[{"N":"1"}]}`:                                                                           {"SET l0[7] = :1"},
		`l {"L":[{"N":"1"},{"S":"two"},{"M":{"deep":{"L":[{"N":"1"},{"N":"8"}]}}}]}`:                     {"SET l[2].deep[0] = :1"},
		`a.b {"N":"1"}`:                          {"SET #dot = :1"},
		"n -":                                    {"REMOVE n"},
		"n - s -":                                {"REMOVE n, s"},
		`m {"M":{"x":{"M":{"y":{"N":"3"}}}}}`:    {"REMOVE m.z"},
		`m {"M":{"x":{"M":{}},"z":{"S":"zed"}}}`: {"REMOVE m.x.y"},
		`l {"L":[{"S":"two"},{"M":{"deep":{"L":[{"N":"7"},{"N":"8"}]}}}]}`: {"REMOVE l[0]"},
		`l {"L":[]}`: {"REMOVE l[0], l[2], l[1]"},
		`l {"L":[{"N":"1"},{"S":"two"},{"M":{"deep":{"L":[{"N":"7"}]}}}]}`: {"REMOVE l[2].deep[1]"},
		`m {"M":{"z":{"S":"zed"}}} x {"M":{"y":{"N":"3"}}}`:                {"REMOVE m.x SET x = m.x"},
		`n {"N":"6"} s -`:         {"REMOVE s SET n = :6"},
		`n {"N":"3"}`:             {"ADD n :minus2"},
		`ss {"SS":["a","b","c"]}`: {"ADD ss :strings_bc"},
		`x {"SS":["a"]}`:          {"ADD x :strings_a"},
		`ns {"NS":["1","2","3"]}`: {"ADD ns :numbers_23"},
		`ss {"SS":["b"]}`:         {"DELETE ss :strings_a"},
		`ss {"SS":["a"]}`:         {"DELETE ss :strings_bc"},
		"ss -":                    {"DELETE ss :strings_ba"},
		"ns -":                    {"DELETE ns :numbers_21"},
		"bs -":                    {"DELETE bs :binaries_a"},
		`x {"S":"SET x = K"}`:     {"SET x = K"},
		`m {"M":{"x":{"M":{"y":{"N":"2"}}},"z":{"N":"1"}}}`: {"SET m.z = :1, m.x.y = :2"},
		`n {"N":"1"} s - ss {"SS":["b"]} x {"N":"1"}`:       {"SET n = :1 ADD x :1 DELETE ss :strings_a REMOVE s"},
		noAttribute:                                            {"SET x = if_not_exists(x, gone)", "SET x = gone", "SET x = gone + :1", "SET x = :1 + gone", "SET x = l[3]", "SET x = list_append(gone, l)", "SET x = list_append(l, gone)"},
		operandType:                                            {"SET n = n + s", "SET n = s - n", "SET x = list_append(l, s)", "SET x = list_append(s, l)", "ADD s :1", "ADD n :strings_a", "ADD ns :strings_a", "ADD ss :1", "ADD l :1", "DELETE ns :strings_a", "DELETE s :strings_a"},
		noPath:                                                 {"SET gone.x = :1", "SET m.q.x = :1", "SET n.x = :1", "SET m[0] = :1", "SET l.x = :1", "SET ss[0] = :1", "SET l[3].x = :1"},
		badType + ": ADD, operand type: STRING":                {"ADD s :abc"},
		badType + ": ADD, operand type: LIST":                  {"ADD l :list"},
		badType + ": ADD, operand type: BOOLEAN":               {"ADD yes :true"},
		badType + ": DELETE, operand type: NUMBER":             {"DELETE n :1"},
		badType + ": DELETE, operand type: STRING":             {"DELETE s :abc"},
		badType + " or function: +, operand type: S":           {"SET n = n + :abc"},
		badType + " or function: -, operand type: BOOL":        {"SET n = :true - n"},
		badType + " or function: list_append, operand type: N": {"SET x = list_append(l, :1)"},
		"Invalid UpdateExpression: Operator or function requires a document path; operator or function: if_not_exists":                                {"SET x = if_not_exists(:1, :1)"},
		"Invalid UpdateExpression: Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1": {"SET x = if_not_exists(x)"},
		"Invalid UpdateExpression: Invalid function name; function: size":                                                                             {"SET x = size(s)"},
		"One or more parameter values were invalid: Cannot update attribute K. This attribute is part of the key":                                     {"SET K = :1", "REMOVE K"},
		paths + "overlap with each other; must remove or rewrite one of these paths; path one: [n], path two: [n]":                                    {"SET n = :1, n = :2"},
		paths + "overlap": {"SET n = :1 REMOVE n", "ADD n :1 SET s = :abc REMOVE l[0], #n"},
		paths + "overlap with each other; must remove or rewrite one of these paths; path one: [m], path two: [m, x]":        {"SET m = :1, m.x = :2"},
		paths + "overlap with each other; must remove or rewrite one of these paths; path one: [m, x, y], path two: [m, x]":  {"SET m.x.y = :1 REMOVE m.x"},
		paths + "overlap with each other; must remove or rewrite one of these paths; path one: [l, [0]], path two: [l, [0]]": {"SET l[0] = :1, l[0] = :2"},
		paths + "conflict with each other; must remove or rewrite one of these paths; path one: [m, x], path two: [m, [0]]":  {"SET m.x = :1, m[0] = :2"},
		paths + "conflict": {"REMOVE l[0].a, l.b"},
		`Invalid UpdateExpression: The "SET" section can only be used once in an update expression;`:    {"SET n = :1 SET s = :abc"},
		`Invalid UpdateExpression: The "REMOVE" section can only be used once in an update expression;`: {"REMOVE n remove s"},
		syntax: {"SET", "FOO n", "SET n = :1 FOO s", "n = :1", "SET n", "SET n :1", "SET n = ", "SET n = :1,", "SET n = :1, SET", "SET n = n + :1 + :1", "SET n = (n + :1", "ADD n = :1", "ADD n s", "DELETE ss", "REMOVE n = :1", "SET :1 = n"},
	} {
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

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ProjectionExpressions.html
func TestProjections(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	put(t, e, "table", sample())
	const overlap, conflict, syntax = "Invalid ProjectionExpression: Two document paths overlap", "Invalid ProjectionExpression: Two document paths conflict", "Invalid ProjectionExpression: Syntax error; token: "
	for projection, want := range map[string]string{
		"n":                          `{"n":{"N":"5"}}`,
		"n, s":                       `{"n":{"N":"5"},"s":{"S":"abc"}}`,
		"gone":                       `{}`,
		"n, gone":                    `{"n":{"N":"5"}}`,
		"#dot":                       `{"a.b":{"S":"dotted"}}`,
		"m.x.y":                      `{"m":{"M":{"x":{"M":{"y":{"N":"3"}}}}}}`,
		"m.z, m.x":                   `{"m":{"M":{"x":{"M":{"y":{"N":"3"}}},"z":{"S":"zed"}}}}`,
		"m.gone":                     `{}`,
		"m.gone, m.z":                `{"m":{"M":{"z":{"S":"zed"}}}}`,
		"m.z.x":                      `{}`,
		"n.x, n[0]":                  conflict,
		"l[1]":                       `{"l":{"L":[{"S":"two"}]}}`,
		"l[2].deep[1], l[0]":         `{"l":{"L":[{"N":"1"},{"M":{"deep":{"L":[{"N":"8"}]}}}]}}`,
		"l[2].deep[1], l[2].deep[0]": `{"l":{"L":[{"M":{"deep":{"L":[{"N":"7"},{"N":"8"}]}}}]}}`,
		"l[3]":                       `{}`,
		"l[0].gone, l[1]":            `{"l":{"L":[{"S":"two"}]}}`,
		"l[2].gone":                  `{}`,
		"ss[0]":                      `{}`,
		"l0, m0":                     `{"l0":{"L":[]},"m0":{"M":{}}}`,
		"n, n":                       overlap,
		"n, #n":                      overlap,
		"m, m.x":                     overlap,
		"m.x.y, s, m.x":              overlap,
		"l[1], l[1]":                 overlap,
		"l[1], l[1].x":               overlap,
		"m.x, m[0]":                  conflict,
		"l[0], l[1], l.x":            conflict,
		"size":                       "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: size",
		"n,":                         syntax,
		"n s":                        syntax,
		", n":                        syntax,
		"(n)":                        syntax,
		"size(s)":                    "Invalid ProjectionExpression: Syntax error; token: \"(\"",
		"l[0":                        syntax,
	} {
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
