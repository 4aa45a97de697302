package dynamodb

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits of an item.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const (
	maxItemSize = 400 << 10  // bytes
	maxNesting  = 32         // of nested maps and lists
	maxName     = 64<<10 - 1 // of an attribute, in bytes
)

// An item is the attributes of an item, or the members of a map.
type item map[string]value

// A value is DynamoDB's AttributeValue.
type value struct {
	kind    string  // S, N, B, BOOL, NULL, L, M, SS, NS or BS; "": none was given; several: more than one
	text    string  // of S and N; the bytes of B; true or false of BOOL and NULL
	list    []value // the elements of L, and of sets
	members item    // of M
}

const several = "several"

var kinds = []string{"B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"} // in the order of DynamoDB's messages

// elements names the kind of a set's elements.
var elements = map[string]string{"SS": "S", "NS": "N", "BS": "B"}

// UnmarshalJSONFrom reads a value's shape. Its content is checked later by check:
// DynamoDB reports that later, and as another error.
func (v *value) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() != '{' {
		return errors.New("an attribute value is an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		kind, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := v.unmarshal(kind.String(), d); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// unmarshal reads a member of the value's object.
func (v *value) unmarshal(kind string, d *jsontext.Decoder) (err error) {
	if d.PeekKind() == 'n' || !slices.Contains(kinds, kind) {
		return d.SkipValue() // DynamoDB ignores unknown members
	}
	first := v.kind == ""
	v.kind = kind
	switch kind {
	case "S", "N":
		err = json.UnmarshalDecode(d, &v.text)
	case "B":
		var raw []byte // which json reads from base64
		err = json.UnmarshalDecode(d, &raw)
		v.text = string(raw)
	case "BOOL", "NULL":
		var truth bool
		err = json.UnmarshalDecode(d, &truth)
		v.text = strconv.FormatBool(truth)
	case "L":
		err = json.UnmarshalDecode(d, &v.list)
	case "M":
		err = json.UnmarshalDecode(d, &v.members)
	case "BS":
		var raw [][]byte
		err = json.UnmarshalDecode(d, &raw)
		for _, element := range raw {
			v.list = append(v.list, value{kind: "B", text: string(element)})
		}
	default: // SS, NS
		var raw []string
		err = json.UnmarshalDecode(d, &raw)
		for _, element := range raw {
			v.list = append(v.list, value{kind: elements[kind], text: element})
		}
	}
	if !first {
		*v = value{kind: several}
	}
	return err
}

// check returns an error if DynamoDB does not accept the value, and normalizes its
// numbers. depth is how many maps and lists enclose it.
func (v *value) check(depth int) error {
	switch v.kind {
	case "":
		return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	case several:
		return invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case "N":
		n, err := parseNumber(v.text)
		if err != nil {
			return err
		}
		v.text = n.String()
	case "NULL":
		if v.text != "true" {
			return invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
		}
	case "L", "M":
		if depth >= maxNesting {
			return invalid("Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit")
		}
		for i := range v.list {
			if err := v.list[i].check(depth + 1); err != nil {
				return err
			}
		}
		return v.members.check(depth + 1)
	case "SS", "NS", "BS":
		return v.checkSet()
	}
	return nil
}

func (v *value) checkSet() error {
	seen := make(map[string]bool, len(v.list))
	for i := range v.list {
		if err := v.list[i].check(0); err != nil {
			return err
		}
		seen[v.list[i].text] = true
	}
	if len(seen) == len(v.list) && len(seen) > 0 {
		return nil
	}
	const prefix = "One or more parameter values were invalid: "
	texts := map[string][2]string{ // for no elements, and for equal ones
		"SS": {prefix + "An string set  may not be empty", prefix + "Input collection " + v.content() + " contains duplicates."},
		"NS": {prefix + "An number set  may not be empty", "Input collection contains duplicates"},
		"BS": {prefix + "Binary sets should not be empty", prefix + "Input collection " + v.content() + "of type BS contains duplicates."},
	}[v.kind]
	return invalid("%s", texts[min(len(seen), 1)])
}

func (it item) check(depth int) error {
	for name, v := range it {
		if name == "" && depth == 0 { // a member of a map may have no name
			return invalid("Empty attribute name")
		}
		if len(name) > maxName {
			return errName
		}
		if err := v.check(depth); err != nil {
			return err
		}
		it[name] = v
	}
	return nil
}

var errName = invalid("Attribute name is too large, must be less than %d bytes", maxName+1)

// content is the value as DynamoDB writes it into messages.
func (v value) content() string {
	switch v.kind {
	case "B":
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	case "SS", "NS", "BS", "L":
		parts := make([]string, len(v.list))
		for i, element := range v.list {
			parts[i] = element.content()
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		return v.text
	}
}

// size is the value's size in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (v value) size() int {
	switch v.kind {
	case "N":
		negative := strings.HasPrefix(v.text, "-")
		digits := strings.Trim(strings.Replace(strings.TrimPrefix(v.text, "-"), ".", "", 1), "0")
		size := 1 + (len(digits)+1)/2
		if negative {
			size++
		}
		return size
	case "BOOL", "NULL":
		return 1
	case "L":
		size := 3
		for _, element := range v.list {
			size += 1 + element.size()
		}
		return size
	case "M":
		return 3 + len(v.members) + v.members.size()
	case "SS", "NS", "BS":
		size := 0
		for _, element := range v.list {
			size += element.size()
		}
		return size
	default:
		return len(v.text)
	}
}

func (it item) size() int {
	size := 0
	for name, v := range it {
		size += len(name) + v.size()
	}
	return size
}

// equal compares by value: 1.0 is 1, and a set has no order.
func (v value) equal(w value) bool {
	if v.kind != w.kind || v.text != w.text || len(v.list) != len(w.list) {
		return false
	}
	if elements[v.kind] != "" {
		in := w.has()
		return !slices.ContainsFunc(v.list, func(element value) bool { return !in(element) })
	}
	return slices.EqualFunc(v.list, w.list, value.equal) && maps.EqualFunc(v.members, w.members, value.equal)
}

// has returns a function that reports whether a value is an element of the set.
func (v value) has() func(value) bool {
	texts := make(map[string]bool, len(v.list)) // numbers are in their normal form
	for _, element := range v.list {
		texts[element.text] = true
	}
	return func(element value) bool { return texts[element.text] }
}

// order compares two values of the same type: S, N or B.
func (v value) order(w value) (_ int, ordered bool) {
	if v.kind != w.kind || !slices.Contains(scalars, v.kind) {
		return 0, false
	}
	return strings.Compare(string(v.sortable()), string(w.sortable())), true
}

// appendJSON appends the value in DynamoDB's JSON.
func (v value) appendJSON(b []byte) []byte {
	b = append(b, '{', '"')
	b = append(b, v.kind...)
	b = append(b, '"', ':')
	b = v.appendContent(b)
	return append(b, '}')
}

func (v value) appendContent(b []byte) []byte {
	switch v.kind {
	case "BOOL", "NULL":
		return append(b, v.text...)
	case "M":
		return v.members.appendJSON(b)
	case "B":
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, []byte(v.text))
		return append(b, '"')
	case "L", "SS", "NS", "BS":
		b = append(b, '[')
		for i, element := range v.list {
			if i > 0 {
				b = append(b, ',')
			}
			if v.kind == "L" {
				b = element.appendJSON(b)
			} else {
				b = element.appendContent(b)
			}
		}
		return append(b, ']')
	default:
		return appendString(b, v.text)
	}
}

func (it item) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(it)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = it[name].appendJSON(b)
	}
	return append(b, '}')
}

// appendString appends text from a JSON string: it is valid UTF-8, so there is no
// error.
func appendString(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}
