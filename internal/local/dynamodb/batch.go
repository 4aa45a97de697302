package dynamodb

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

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
