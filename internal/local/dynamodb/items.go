package dynamodb

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
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

// Limits of a batch.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
	maxBatchSize  = 16 << 20 // of the items that one returns, in bytes
)

var errBatchDuplicates = invalid("Provided list of item keys contains duplicates")

// asked reads what a batch asks of each table: together at most so many items, which
// count counts in the given member.
func asked[T any](in *request, member string, count func(T) int, most int) (map[string]T, error) {
	all, total := map[string]T{}, 0
	for table, text := range in.RequestItems {
		var of T
		if err := json.Unmarshal(text, &of); err != nil {
			return nil, &fault{code: serialization, message: err.Error()}
		}
		var c constraints
		c.length("requestItems."+table+member, "[]", count(of), 1, most)
		if err := c.err(); err != nil {
			return nil, err
		}
		all[table], total = of, total+count(of)
	}
	if total > most {
		return nil, invalid("Too many items requested for the %s call", in.operation)
	}
	return all, nil
}

func (e *Engine) batchGetItem(in *request) (any, error) {
	gets, err := asked(in, ".member.keys", func(get request) int { return len(get.Keys) }, maxBatchGet)
	if err != nil {
		return nil, err
	}
	for table, get := range gets {
		get.operation, get.TableName, get.Key, get.ReturnConsumedCapacity = "GetItem", &table, item{}, in.ReturnConsumedCapacity
		if err := get.prepare(); err != nil {
			return nil, err
		}
		gets[table] = get
	}
	out := batchGetOutput{Responses: map[string][]jsontext.Value{}, UnprocessedKeys: map[string]any{}}
	err = e.view(func(t *tx) error {
		seen := map[string]bool{}
		for _, table := range slices.Sorted(maps.Keys(gets)) {
			if err := out.get(t, gets[table], seen); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

type batchGetOutput struct {
	Responses        map[string][]jsontext.Value
	UnprocessedKeys  map[string]any // in the form in which they can be asked for again
	ConsumedCapacity []*capacity    `json:",omitzero"`

	size int // of the items
}

// get gets the items of one table, as long as all of the batch together are not too
// large. seen are the keys of the batch so far.
func (out *batchGetOutput) get(t *tx, get request, seen map[string]bool) error {
	name, total := *get.TableName, amount(0)
	found, rest := []jsontext.Value{}, []jsontext.Value(nil)
	for _, key := range get.Keys {
		if err := key.check(0); err != nil {
			return err
		}
		at, err := t.place(name, key, (*table).keyOf)
		if err != nil {
			return err
		}
		if err := at.once(seen); err != nil {
			return err
		}
		if out.size += at.stored.size(); out.size > maxBatchSize {
			rest = append(rest, key.appendJSON(nil))
			continue
		}
		total += get.readUnits(at.stored.size())
		shown, err := get.shown(at.stored)
		if err != nil {
			return err
		}
		if shown != nil {
			found = append(found, shown)
		}
	}
	out.Responses[name] = found
	if rest != nil {
		out.UnprocessedKeys[name] = struct {
			Keys                     []jsontext.Value
			ConsistentRead           bool
			ProjectionExpression     *string           `json:",omitzero"`
			ExpressionAttributeNames map[string]string `json:",omitzero"`
		}{rest, get.ConsistentRead, get.ProjectionExpression, get.ExpressionAttributeNames}
	}
	if consumed := get.consumed(name, total); consumed != nil {
		out.ConsumedCapacity = append(out.ConsumedCapacity, consumed)
	}
	return nil
}

// once returns an error if a batch names the place a second time.
func (at place) once(seen map[string]bool) error {
	place := at.table.TableID + string(at.key)
	if seen[place] {
		return errBatchDuplicates
	}
	seen[place] = true
	return nil
}

// A batchWrite is one write of a batch: a put or a deletion.
type batchWrite struct {
	PutRequest    *struct{ Item item }
	DeleteRequest *struct{ Key item }

	record record // of the item to put
}

// check checks the write, and makes its record.
func (w *batchWrite) check() error {
	switch {
	case w.PutRequest == nil == (w.DeleteRequest == nil): // DynamoDB gives this error for both and for none
		return invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	case w.DeleteRequest != nil:
		return w.DeleteRequest.Key.check(0)
	}
	if err := w.PutRequest.Item.check(0); err != nil {
		return err
	}
	if w.PutRequest.Item.size() > maxItemSize {
		return errItemSize
	}
	w.record = newRecord(w.PutRequest.Item)
	return nil
}

func (e *Engine) batchWriteItem(in *request) (any, error) {
	batch, err := asked(in, ".member", func(writes []batchWrite) int { return len(writes) }, maxBatchWrite)
	if err != nil {
		return nil, err
	}
	for _, writes := range batch {
		for i := range writes {
			if err := writes[i].check(); err != nil {
				return nil, err
			}
		}
	}
	out := struct {
		UnprocessedItems struct{}
		ConsumedCapacity []*capacity `json:",omitzero"`
	}{}
	err = e.update(func(t *tx) error {
		places, replacements, err := t.placeAll(batch) // before the first write is done
		if err != nil {
			return err
		}
		amounts := map[string]amount{}
		for i, at := range places {
			amounts[at.name] += at.writeUnits(replacements[i])
			if err := at.put(replacements[i]); err != nil {
				return err
			}
		}
		for _, table := range slices.Sorted(maps.Keys(amounts)) {
			if consumed := in.consumed(table, amounts[table]); consumed != nil {
				out.ConsumedCapacity = append(out.ConsumedCapacity, consumed)
			}
		}
		return nil
	})
	return out, err
}

// placeAll finds the places of a batch's writes, and what they put there.
func (t *tx) placeAll(batch map[string][]batchWrite) (places []place, replacements []record, err error) {
	seen := map[string]bool{}
	for name, writes := range batch {
		for _, w := range writes {
			var at place
			if w.PutRequest != nil {
				at, err = t.place(name, w.PutRequest.Item, (*table).keyOfItem)
			} else {
				at, err = t.place(name, w.DeleteRequest.Key, (*table).keyOf)
			}
			if err == nil {
				err = at.once(seen)
			}
			if err != nil {
				return nil, nil, err
			}
			places, replacements = append(places, at), append(replacements, w.record)
		}
	}
	return places, replacements, nil
}
