package dynamodb

import (
	"bytes"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// FuzzExpression reads any text as every kind of expression and tries what comes out.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"a = :v", "attribute_not_exists(a.b[0]) AND NOT (#n <> :v OR size(l) >= :n)", "a BETWEEN :n AND :n", "a IN (:v, :n)", "begins_with(a, :v)",
		"contains(l, :n)", "attribute_type(a, :v)", "SET a = :v, l[3] = list_append(l, l), n = n + :n REMOVE m.x, l[0] ADD s :s DELETE s2 :s",
		"SET a = if_not_exists(b, (n - :n))", "a, l[0], m.x.y, #n", "((a = :v))", "a[99999999999999999999] = :v", "é", "(((((", "NOT NOT NOT a = :v", ":", "#",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		it := item{
			"a": {kind: "S", text: "v"}, "n": {kind: "N", text: "5"}, "s": {kind: "NS", list: []value{{kind: "N", text: "1"}}},
			"l": {kind: "L", list: []value{{kind: "N", text: "1"}, {kind: "NULL", text: "true"}}},
			"m": {kind: "M", members: item{"x": {kind: "M", members: item{"y": {kind: "BOOL", text: "true"}}}}},
		}
		used := placeholders{names: map[string]string{"#n": "n"}, values: item{":v": {kind: "S", text: "S"}, ":n": {kind: "N", text: "1"},
			":s": {kind: "NS", list: []value{{kind: "N", text: "1"}, {kind: "N", text: "2"}}}}, used: map[string]bool{}}
		conditions, projections, updates := used, used, used
		before := string(it.appendJSON(nil))
		if condition := parse(&conditions, "ConditionExpression", &text, (*parser).condition); conditions.err == nil {
			condition.holds(it)
			condition.holds(nil)
			described := &table{KeySchema: []keyElement{{"a", "HASH"}, {"n", "RANGE"}}, AttributeDefinitions: []attributeDefinition{{"a", "S"}, {"n", "N"}}}
			if k, err := described.keyCondition(condition); err == nil {
				sorted(k.partition.prefix(), k.operator, k.operands)
			} else {
				wantInvalid(t, err)
			}
		} else {
			wantInvalid(t, conditions.err)
		}
		if paths := parse(&projections, "ProjectionExpression", &text, (*parser).projection); projections.err == nil {
			it.project(paths).appendJSON(nil)
		} else {
			wantInvalid(t, projections.err)
		}
		if actions := parse(&updates, "UpdateExpression", &text, (*parser).update); updates.err == nil {
			if updated, err := it.apply(actions); err != nil {
				wantInvalid(t, err)
			} else if err := updated.check(0); err != nil {
				wantInvalid(t, err)
			}
		} else {
			wantInvalid(t, updates.err)
		}
		if after := string(it.appendJSON(nil)); after != before {
			t.Errorf("the item was changed\n got %s\nwant %s", after, before)
		}
	})
}

func wantInvalid(t *testing.T, err error) {
	t.Helper()
	var refused *fault
	if !errors.As(err, &refused) || refused.code != validation || refused.message == "" {
		t.Errorf("got %v, want a %s", err, validation)
	}
}

// FuzzNumbers holds numbers, their order and their sums against math/big.
func FuzzNumbers(f *testing.F) {
	for _, seed := range [][2]string{{"1", "-1"}, {"0", "-0.0"}, {"1.5", "1.50"}, {"1e125", "-1e-130"}, {"-1.2", "-1"}, {"99", "100"}, {".5", "+007."}, {"1e99999999999999999999", "x"}, {"1e", "e1"}, {"-12", "-1"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		n, err := parseNumber(a)
		if err != nil {
			wantInvalid(t, err)
			return
		}
		if again, err := parseNumber(n.String()); err != nil || again != n {
			t.Fatalf("%q is %s, which is read as %+v, %v; want %+v", a, n, again, err, n)
		}
		m, err := parseNumber(b)
		if err != nil {
			wantInvalid(t, err)
			return
		}
		x, y := rational(t, n.String()), rational(t, m.String())
		if got, want := bytes.Compare(n.sortable(), m.sortable()), x.Cmp(y); got != want {
			t.Errorf("%s and %s order as %d, want %d", n, m, got, want)
		}
		sum, err := n.plus(m)
		exact := new(big.Rat).Add(x, y)
		if err == nil && rational(t, sum.String()).Cmp(exact) != 0 {
			t.Errorf("%s + %s = %s, want %s", n, m, sum, exact.FloatString(140))
		}
		if digits := strings.Trim(strings.Replace(exact.FloatString(140), ".", "", 1), "-0"); err != nil && len(digits) <= maxDigits && exact.Cmp(rational(t, "9e125")) < 0 && exact.Cmp(rational(t, "-9e125")) > 0 {
			t.Errorf("%s + %s: %v, want %s", n, m, err, exact.FloatString(140))
		}
	})
}

func rational(t *testing.T, text string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is not a number", text)
	}
	return r
}
