package dynamodb

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	bolt "go.etcd.io/bbolt"
)

func itoa(i int) string { return strconv.Itoa(i) }

// maxPage is how many bytes of items a query or a scan reads.
const maxPage = 1 << 20

// Capacity units, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const (
	readUnit  = 4 << 10
	writeUnit = 1 << 10
)

type capacity struct {
	TableName     string
	CapacityUnits float64
	Table         *units `json:",omitzero"`
}

type units struct{ CapacityUnits float64 }

// consumed returns what the request is told of the capacity that it took.
func (in *request) consumed(table string, amount float64) *capacity {
	switch in.ReturnConsumedCapacity {
	case "TOTAL":
		return &capacity{TableName: table, CapacityUnits: amount}
	case "INDEXES":
		return &capacity{TableName: table, CapacityUnits: amount, Table: &units{amount}}
	default:
		return nil
	}
}

func unitsOf(size, unit int) float64 { return float64(max(1, (size+unit-1)/unit)) }

// readUnits are half as many where the read need not be consistent.
func (in *request) readUnits(size int) float64 {
	if in.ConsistentRead {
		return unitsOf(size, readUnit)
	}
	return unitsOf(size, readUnit) / 2
}

// check checks the members that many operations have.
func (in *request) check(more func(*constraints)) error {
	var c constraints
	c.tableName("tableName", in.TableName)
	c.oneOf("returnConsumedCapacity", in.ReturnConsumedCapacity, "INDEXES", "TOTAL", "NONE")
	c.oneOf("returnItemCollectionMetrics", in.ReturnItemCollectionMetrics, "SIZE", "NONE")
	c.oneOf("returnValuesOnConditionCheckFailure", in.ReturnValuesOnConditionCheckFailure, "ALL_OLD", "NONE")
	c.oneOf("returnValues", in.ReturnValues, "ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW")
	more(&c)
	return c.err()
}

type itemOutput struct {
	Attributes       jsontext.Value `json:",omitzero"`
	Item             jsontext.Value `json:",omitzero"`
	ConsumedCapacity *capacity      `json:",omitzero"`
}

func (e *Engine) getItem(in *request) (any, error) {
	if err := in.check(func(c *constraints) { c.required("key", in.Key != nil) }); err != nil {
		return nil, err
	}
	parsed, err := in.parse()
	if err != nil {
		return nil, err
	}
	if err := in.Key.check(0); err != nil {
		return nil, err
	}
	out := itemOutput{}
	err = e.view(func(t *tx) error {
		described, items, err := t.table(*in.TableName)
		if err != nil {
			return err
		}
		key, err := described.keyOf(in.Key)
		if err != nil {
			return err
		}
		found := record(items.Get(key))
		out.ConsumedCapacity = in.consumed(*in.TableName, in.readUnits(found.size()))
		out.Item, err = parsed.shown(found)
		return err
	})
	return out, err
}

// shown returns the part of an item that the projection asks for.
func (e expressions) shown(r record) (jsontext.Value, error) {
	if r == nil || e.projection == nil {
		return r.json(), nil
	}
	it, err := r.item()
	if err != nil {
		return nil, err
	}
	return it.project(e.projection).appendJSON(nil), nil
}

func (e *Engine) putItem(in *request) (any, error) {
	if err := in.check(func(c *constraints) { c.required("item", in.Item != nil) }); err != nil {
		return nil, err
	}
	if in.ReturnValues != "" && in.ReturnValues != "NONE" && in.ReturnValues != "ALL_OLD" {
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	}
	if err := in.Item.check(0); err != nil {
		return nil, err
	}
	if in.Item.size() > maxItemSize {
		return nil, errItemSize
	}
	return e.write(in, in.Item, (*table).keyOfItem, func(item, expressions) (item, error) { return in.Item, nil })
}

var errItemSize = invalid("Item size has exceeded the maximum allowed size")

func (e *Engine) deleteItem(in *request) (any, error) {
	if err := in.check(func(c *constraints) {
		c.required("key", in.Key != nil)
		c.oneOf("returnValues", in.ReturnValues, "ALL_OLD", "NONE")
	}); err != nil {
		return nil, err
	}
	return e.write(in, in.Key, (*table).keyOf, func(item, expressions) (item, error) { return nil, nil })
}

func (e *Engine) updateItem(in *request) (any, error) {
	if err := in.check(func(c *constraints) { c.required("key", in.Key != nil) }); err != nil {
		return nil, err
	}
	return e.write(in, in.Key, (*table).keyOf, func(old item, parsed expressions) (item, error) {
		if old == nil {
			old = in.Key
		}
		updated, err := old.apply(parsed.update)
		if err != nil {
			return nil, err
		}
		if err := updated.check(0); err != nil { // paths may have nested it too deeply
			return nil, err
		}
		if updated.size() > maxItemSize {
			return nil, invalid("Item size to update has exceeded the maximum allowed size")
		}
		return updated, nil
	})
}

// write replaces one item by what next makes of it and of the parsed expressions, if
// the condition holds; nil is no item. at holds the key attributes, from which keyOf
// makes the stored key.
func (e *Engine) write(in *request, at item, keyOf func(*table, item) ([]byte, error), next func(item, expressions) (item, error)) (any, error) {
	parsed, err := in.parse()
	if err != nil {
		return nil, err
	}
	if err := at.check(0); err != nil {
		return nil, err
	}
	out := itemOutput{}
	err = e.update(func(t *tx) error {
		described, items, err := t.table(*in.TableName)
		if err != nil {
			return err
		}
		key, err := keyOf(described, at)
		if err != nil {
			return err
		}
		for _, a := range parsed.update {
			if name := a.path[0].name; name == described.partition() || name == described.sort() {
				return invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", name)
			}
		}
		stored := record(items.Get(key))
		var old item
		if parsed.condition != nil || in.operation == "UpdateItem" {
			if old, err = stored.item(); err != nil {
				return err
			}
		}
		if !parsed.condition.holds(old) {
			refused := &fault{code: conditionFailed, message: "The conditional request failed"}
			if in.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
				refused.item = stored.json()
			}
			return refused
		}
		it, err := next(old, parsed)
		if err != nil {
			return err
		}
		var replacement record
		if it != nil {
			replacement = newRecord(it)
		}
		out.ConsumedCapacity = in.consumed(*in.TableName, unitsOf(max(stored.size(), replacement.size()), writeUnit))
		out.Attributes = in.returned(stored, replacement, old, it, parsed.update)
		return t.put(described, items, key, stored, replacement)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// returned returns what ReturnValues asks for. UPDATED_OLD and UPDATED_NEW show what
// stood, or stands, at the paths of the update.
func (in *request) returned(stored, replacement record, old, it item, update []action) jsontext.Value {
	switch in.ReturnValues {
	case "ALL_OLD":
		return stored.json()
	case "ALL_NEW":
		return replacement.json()
	case "UPDATED_OLD":
		it = old
	case "UPDATED_NEW":
	default:
		return nil
	}
	var paths []path
	for _, a := range update {
		if a.section != "REMOVE" || in.ReturnValues == "UPDATED_OLD" {
			paths = append(paths, a.path)
		}
	}
	if part := it.project(paths); len(part) > 0 {
		return part.appendJSON(nil)
	}
	return nil
}

type pageOutput struct {
	Items            *[]jsontext.Value `json:",omitzero"`
	Count            int
	ScannedCount     int
	LastEvaluatedKey jsontext.Value `json:",omitzero"`
	ConsumedCapacity *capacity      `json:",omitzero"`
}

// checkPage checks what Query and Scan have in common, and parses the expressions.
func (in *request) checkPage(more func(*constraints)) (parsed expressions, err error) {
	err = in.check(func(c *constraints) {
		c.oneOf("select", in.Select, "SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES")
		c.between("limit", in.Limit, 1, 1<<31-1)
		more(c)
	})
	if err != nil {
		return parsed, err
	}
	if parsed, err = in.parse(); err != nil {
		return parsed, err
	}
	switch {
	case in.IndexName != nil:
		return parsed, invalid("The table does not have the specified index: %s", *in.IndexName)
	case in.Select == "ALL_PROJECTED_ATTRIBUTES":
		return parsed, invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	case in.Select == "SPECIFIC_ATTRIBUTES" && parsed.projection == nil:
		return parsed, invalid("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES")
	case in.Select == "COUNT" && parsed.projection != nil:
		return parsed, invalid("Cannot specify the ProjectionExpression when choosing to get only the Count")
	case in.Select == "ALL_ATTRIBUTES" && parsed.projection != nil:
		return parsed, invalid("Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES")
	}
	if err := in.ExclusiveStartKey.check(0); err != nil {
		return parsed, startKeyError(err)
	}
	return parsed, nil
}

func startKeyError(err error) error {
	return invalid("The provided starting key is invalid: %s", err.(*fault).message)
}

func (e *Engine) query(in *request) (any, error) {
	parsed, err := in.checkPage(func(*constraints) {})
	if err != nil {
		return nil, err
	}
	if parsed.keyCondition == nil {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	return e.page(in, parsed, func(t *table) (keyRange, error) {
		k, err := t.keyCondition(parsed.keyCondition)
		if err != nil {
			return keyRange{}, err
		}
		for _, element := range t.KeySchema {
			if name := element.AttributeName; parsed.filter.uses(name) {
				return keyRange{}, invalid("Filter Expression can only contain non-primary key attributes: Primary key attribute: %s", name)
			}
		}
		return sorted(k.partition.prefix(), k.operator, k.operands), nil
	}, invalid("The provided starting key is outside query boundaries based on provided conditions"))
}

// maxSegments is the most segments of a scan.
const maxSegments = 1_000_000

func (e *Engine) scan(in *request) (any, error) {
	parsed, err := in.checkPage(func(c *constraints) {
		c.between("segment", in.Segment, 0, maxSegments-1)
		c.between("totalSegments", in.TotalSegments, 1, maxSegments)
	})
	i, of := 0, 1
	switch {
	case err != nil:
		return nil, err
	case in.Segment != nil && in.TotalSegments == nil:
		return nil, invalid("The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	case in.Segment == nil && in.TotalSegments != nil:
		return nil, invalid("The Segment parameter is required but was not present in the request when parameter TotalSegments is present")
	case in.Segment != nil && *in.Segment >= *in.TotalSegments:
		return nil, invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: %d is not less than TotalSegments: %d", *in.Segment, *in.TotalSegments)
	case in.Segment != nil:
		i, of = *in.Segment, *in.TotalSegments
	}
	return e.page(in, parsed, func(*table) (keyRange, error) { return segment(i, of), nil },
		invalid("The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: %d Segment: %d", of, i))
}

// page reads one page of a range of keys. outside is the error for a start key that
// does not lie in the range.
func (e *Engine) page(in *request, parsed expressions, rangeOf func(*table) (keyRange, error), outside error) (any, error) {
	out := pageOutput{}
	if in.Select != "COUNT" {
		out.Items = &[]jsontext.Value{}
	}
	err := e.view(func(t *tx) error {
		described, items, err := t.table(*in.TableName)
		if err != nil {
			return err
		}
		keys, err := rangeOf(described)
		if err != nil {
			return err
		}
		forward := in.ScanIndexForward == nil || *in.ScanIndexForward
		if in.ExclusiveStartKey != nil {
			start, err := described.keyOf(in.ExclusiveStartKey)
			if err != nil {
				return startKeyError(err)
			}
			if !keys.contains(start) {
				return outside
			}
			keys = keys.after(start, forward)
		}
		size, err := out.read(items.Cursor(), keys, forward, in, parsed, described)
		out.ConsumedCapacity = in.consumed(*in.TableName, in.readUnits(size))
		return err
	})
	return out, err
}

// read reads items until a limit is reached, and returns their size.
func (out *pageOutput) read(cursor *bolt.Cursor, keys keyRange, forward bool, in *request, parsed expressions, of *table) (size int, err error) {
	for key, stored := keys.first(cursor, forward); key != nil && keys.contains(key); key, stored = next(cursor, forward) {
		found := record(stored)
		size += found.size()
		out.ScannedCount++
		if err := out.add(found, in, parsed); err != nil {
			return size, err
		}
		if in.Limit != nil && out.ScannedCount == *in.Limit || size >= maxPage {
			last, err := found.item()
			if err != nil {
				return size, err
			}
			out.LastEvaluatedKey = of.keyAttributes(last).appendJSON(nil)
			break
		}
	}
	return size, nil
}

// add adds an item to the page if it meets the filter.
func (out *pageOutput) add(found record, in *request, parsed expressions) error {
	if parsed.filter != nil {
		it, err := found.item()
		if err != nil || !parsed.filter.holds(it) {
			return err
		}
	}
	out.Count++
	if out.Items == nil {
		return nil
	}
	shown, err := parsed.shown(found)
	*out.Items = append(*out.Items, shown)
	return err
}

func (t *table) keyAttributes(it item) item {
	key := item{}
	for _, element := range t.KeySchema {
		key[element.AttributeName] = it[element.AttributeName]
	}
	return key
}

// first moves the cursor to the first key of the range, in the direction of reading.
func (r keyRange) first(cursor *bolt.Cursor, forward bool) (key, value []byte) {
	if forward {
		return cursor.Seek(r.low)
	}
	if r.high == nil {
		return cursor.Last()
	}
	if key, _ = cursor.Seek(r.high); key == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}

func next(cursor *bolt.Cursor, forward bool) (key, value []byte) {
	if forward {
		return cursor.Next()
	}
	return cursor.Prev()
}
