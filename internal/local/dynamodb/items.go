package dynamodb

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// Capacity units, in bytes.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
const (
	readUnit  = 4 << 10
	writeUnit = 1 << 10
)

type capacity struct {
	TableName     string
	CapacityUnits amount
	Table         *units `json:",omitzero"`
}

type units struct{ CapacityUnits amount }

// A capacity is written with a decimal, because clients in some languages distinguish
// 1.0 from 1.
type amount float64

// MarshalJSON implements json.Marshaler.
func (a amount) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.1f", float64(a)), nil }

// consumed returns the consumed capacity that the request asked to see.
func (in *request) consumed(table string, a amount) *capacity {
	switch in.ReturnConsumedCapacity {
	case "TOTAL":
		return &capacity{TableName: table, CapacityUnits: a}
	case "INDEXES":
		return &capacity{TableName: table, CapacityUnits: a, Table: &units{a}}
	default:
		return nil
	}
}

func unitsOf(size, unit int) amount { return amount(max(1, (size+unit-1)/unit)) }

// readUnits returns a read's capacity units; an eventually consistent read takes half.
func (in *request) readUnits(size int) amount {
	if in.ConsistentRead {
		return unitsOf(size, readUnit)
	}
	return unitsOf(size, readUnit) / 2
}

type itemOutput struct {
	Attributes       jsontext.Value `json:",omitzero"`
	Item             jsontext.Value `json:",omitzero"`
	ConsumedCapacity *capacity      `json:",omitzero"`
}

func (e *Engine) getItem(in *request) (any, error) {
	out := itemOutput{}
	err := e.view(func(t *tx) error {
		at, err := t.place(*in.TableName, in.Key, (*table).keyOf)
		if err != nil {
			return err
		}
		out.ConsumedCapacity = in.consumed(*in.TableName, in.readUnits(at.stored.size()))
		out.Item, err = in.shown(at.stored)
		return err
	})
	return out, err
}

// shown returns the part of an item that the projection asks for.
func (in *request) shown(r record) (jsontext.Value, error) {
	if r == nil || in.projection == nil {
		return r.json(), nil
	}
	it, err := r.item()
	if err != nil {
		return nil, err
	}
	return it.project(in.projection).appendJSON(nil), nil
}

var errItemSize = invalid("Item size has exceeded the maximum allowed size")

func (e *Engine) putItem(in *request) (any, error) {
	switch {
	case in.ReturnValues != "" && in.ReturnValues != "NONE" && in.ReturnValues != "ALL_OLD":
		return nil, invalid("ReturnValues can only be ALL_OLD or NONE")
	case in.Item.size() > maxItemSize:
		return nil, errItemSize
	}
	return e.write(in, in.Item, (*table).keyOfItem, func(item) (item, error) { return in.Item, nil })
}

func (e *Engine) deleteItem(in *request) (any, error) {
	return e.write(in, in.Key, (*table).keyOf, func(item) (item, error) { return nil, nil })
}

func (e *Engine) updateItem(in *request) (any, error) {
	return e.write(in, in.Key, (*table).keyOf, func(old item) (item, error) {
		if old == nil {
			old = in.Key
		}
		updated, err := old.apply(in.update)
		if err == nil {
			err = updated.check(0) // the update may have nested it too deeply
		}
		if err != nil {
			return nil, err
		}
		if updated.size() > maxItemSize {
			return nil, invalid("Item size to update has exceeded the maximum allowed size")
		}
		return updated, nil
	})
}

// write replaces one item by the result of next, if the condition holds; nil means no
// item. key holds the key attributes, from which keyOf makes the stored key.
//
// The work is done on a state that is read before, since the one write transaction
// makes all other writers wait. There it is done again only if the item has changed
// meanwhile. A request that is refused needs no write transaction.
func (e *Engine) write(in *request, key item, keyOf func(*table, item) ([]byte, error), next func(item) (item, error)) (any, error) {
	var out itemOutput
	var before, after record
	var of *table
	work := func(t *tx) error {
		at, err := t.place(*in.TableName, key, keyOf)
		if err == nil {
			out, after, err = in.write(at, next)
		}
		of, before = at.table, bytes.Clone(at.stored)
		return err
	}
	if err := e.view(work); err != nil {
		return nil, err
	}
	err := e.update(func(t *tx) error {
		at, err := t.place(*in.TableName, key, keyOf)
		if err == nil && (at.table != of || !bytes.Equal(at.stored, before)) {
			err = work(t)
		}
		if err != nil {
			return err
		}
		return at.put(after)
	})
	return out, err
}

// write returns the answer to a write, and what it puts at a place.
func (in *request) write(at place, next func(item) (item, error)) (out itemOutput, replacement record, err error) {
	for _, a := range in.update {
		if name := a.path[0].name; name == at.table.partition() || name == at.table.sort() {
			return out, nil, invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", name)
		}
	}
	var old item
	if in.condition != nil || in.operation == "UpdateItem" {
		if old, err = at.stored.item(); err != nil {
			return out, nil, err
		}
	}
	if !in.condition.holds(old) {
		refused := &fault{code: conditionFailed, message: "The conditional request failed"}
		if in.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
			refused.item = at.stored.json()
		}
		return out, nil, refused
	}
	it, err := next(old)
	if err != nil {
		return out, nil, err
	}
	replacement = newRecord(it)
	out.ConsumedCapacity = in.consumed(*in.TableName, at.writeUnits(replacement))
	out.Attributes = in.returned(at.stored, replacement, old, it)
	return out, replacement, nil
}

// returned returns what ReturnValues asks for. UPDATED_OLD and UPDATED_NEW show the
// values at the update's paths before and after it.
func (in *request) returned(stored, replacement record, old, it item) jsontext.Value {
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
	for _, a := range in.update {
		if a.section != "REMOVE" || in.ReturnValues == "UPDATED_OLD" {
			paths = append(paths, a.path)
		}
	}
	if part := it.project(paths); len(part) > 0 {
		return part.appendJSON(nil)
	}
	return nil
}
