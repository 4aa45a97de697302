package dynamodb

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Limits of key attributes, in bytes.
const (
	maxPartitionKey = 2048
	maxSortKey      = 1024
)

// scalars are the kinds that a key attribute can have, and those with an order.
var scalars = []string{"B", "N", "S"}

// sortable returns bytes that order as DynamoDB orders values of this kind.
func (v value) sortable() []byte {
	if v.kind != "N" {
		return []byte(v.text)
	}
	return v.number().sortable()
}

// number returns a number that has been checked.
func (v value) number() number {
	n, err := parseNumber(v.text)
	if err != nil {
		panic(err)
	}
	return n
}

// hashLength is the length in bytes of the hash that a stored key begins with.
const hashLength = 4

// prefix returns the start of a partition's stored keys: a hash, then the partition's
// key with its length. The hash keeps programs from relying on the order of partitions
// and makes each segment of a scan a range.
func (v value) prefix() []byte {
	partition := v.sortable()
	hash := sha256.Sum256(partition)
	b := make([]byte, 0, hashLength+2+len(partition)+48)
	b = append(b, hash[:hashLength]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(partition)))
	return append(b, partition...)
}

// storedKey returns the key under which an item is stored, or an error about its key
// attributes. It ignores other attributes.
func (t *table) storedKey(it item) ([]byte, error) {
	for i, element := range t.KeySchema {
		if err := checkKeySize(element.AttributeName, it[element.AttributeName], i); err != nil {
			return nil, err
		}
	}
	key := it[t.partition()].prefix()
	if sort := t.sort(); sort != "" {
		key = append(key, it[sort].sortable()...)
	}
	return key, nil
}

// keyOfItem returns the key under which a new item is stored.
func (t *table) keyOfItem(it item) ([]byte, error) {
	for _, element := range t.KeySchema {
		v, ok := it[element.AttributeName]
		if !ok {
			return nil, invalid("One or more parameter values were invalid: Missing the key %s in the item", element.AttributeName)
		}
		if want := t.kind(element.AttributeName); v.kind != want {
			return nil, invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s",
				element.AttributeName, want, v.kind)
		}
	}
	return t.storedKey(it)
}

var errKeySchema = invalid("The provided key element does not match the schema")

// keyOf returns the stored key for a request's key, which must have exactly the key
// attributes.
func (t *table) keyOf(key item) ([]byte, error) {
	if !t.isKey(key) {
		return nil, errKeySchema
	}
	return t.storedKey(key)
}

// isKey reports whether the attributes are those of the table's key.
func (t *table) isKey(key item) bool {
	return len(key) == len(t.KeySchema) && !slices.ContainsFunc(t.KeySchema, func(element keyElement) bool {
		return key[element.AttributeName].kind != t.kind(element.AttributeName)
	})
}

func checkKeySize(name string, v value, position int) error {
	switch {
	case v.text == "" && v.kind == "B":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty binary value. Key: %s", name)
	case v.text == "":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", name)
	case position == 0 && len(v.text) > maxPartitionKey:
		return invalid("One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of%d bytes", maxPartitionKey)
	case position == 1 && len(v.text) > maxSortKey:
		return invalid("One or more parameter values were invalid: Aggregated size of all range keys has exceeded the size limit of %d bytes", maxSortKey)
	}
	return nil
}

// A keyRange is the stored keys from low on and below high; nil has no end.
type keyRange struct{ low, high []byte }

// segment returns the range of one segment of a scan.
func segment(i, of int) keyRange {
	bound := func(i int) []byte {
		return binary.BigEndian.AppendUint32(nil, uint32((uint64(i)<<32+uint64(of)-1)/uint64(of)))
	}
	r := keyRange{low: bound(i)}
	if i+1 < of {
		r.high = bound(i + 1)
	}
	return r
}

// sorted returns the range of the keys of a partition that a condition on the sort
// key selects; operator "" selects all.
func sorted(prefix []byte, operator string, operands []value) keyRange {
	var bounds [2][]byte
	for i, v := range operands {
		bounds[i] = append(slices.Clip(prefix), v.sortable()...)
	}
	r := keyRange{low: prefix, high: pastPrefix(prefix)}
	switch operator {
	case "=":
		r = keyRange{bounds[0], successor(bounds[0])}
	case "<":
		r.high = bounds[0]
	case "<=":
		r.high = successor(bounds[0])
	case ">":
		r.low = successor(bounds[0])
	case ">=":
		r.low = bounds[0]
	case "BETWEEN":
		r = keyRange{bounds[0], successor(bounds[1])}
	case "begins_with":
		r = keyRange{bounds[0], pastPrefix(bounds[0])}
	}
	return r
}

// after returns the rest of the range after a key in it, in the direction of reading.
func (r keyRange) after(key []byte, forward bool) keyRange {
	if forward {
		return keyRange{successor(key), r.high}
	}
	return keyRange{r.low, key}
}

func (r keyRange) contains(key []byte) bool {
	return bytes.Compare(key, r.low) >= 0 && (r.high == nil || bytes.Compare(key, r.high) < 0)
}

// successor returns the first key after k.
func successor(key []byte) []byte { return append(slices.Clip(key), 0) }

// pastPrefix returns the first key after all that begin with a prefix; nil if there is
// none.
func pastPrefix(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
