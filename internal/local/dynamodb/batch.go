package dynamodb

import (
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	bolt "go.etcd.io/bbolt"
)

// Limits of a batch.
const (
	maxBatchGet   = 100
	maxBatchWrite = 25
)

// checkBatch checks what both batches have in common.
func (in *request) checkBatch() error {
	var c constraints
	c.required("requestItems", in.RequestItems != nil)
	c.oneOf("returnConsumedCapacity", in.ReturnConsumedCapacity, "INDEXES", "TOTAL", "NONE")
	if in.RequestItems != nil && len(in.RequestItems) == 0 {
		c.add("requestItems", "{}", "have length greater than or equal to 1")
	}
	for name := range in.RequestItems {
		c.tableName("requestItems", &name)
	}
	return c.err()
}

// asked reads what a batch asks of a table.
func asked[T any](in *request, name string) (*T, error) {
	of := new(T)
	if err := json.Unmarshal(in.RequestItems[name], of); err != nil {
		return nil, &fault{code: serialization, message: err.Error()}
	}
	return of, nil
}

func (e *Engine) batchGetItem(in *request) (any, error) {
	if err := in.checkBatch(); err != nil {
		return nil, err
	}
	var c constraints
	gets, total := map[string]*request{}, 0
	parsed := map[string]expressions{}
	for name := range in.RequestItems {
		get, err := asked[request](in, name)
		if err != nil {
			return nil, err
		}
		get.ReturnConsumedCapacity = in.ReturnConsumedCapacity
		c.required("requestItems."+name+".member.keys", get.Keys != nil)
		if get.Keys != nil && len(get.Keys) == 0 {
			c.add("requestItems."+name+".member.keys", "[]", "have length greater than or equal to 1")
		}
		if parsed[name], err = get.parse(); err != nil {
			return nil, err
		}
		gets[name], total = get, total+len(get.Keys)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	if total > maxBatchGet {
		return nil, invalid("Too many items requested for the BatchGetItem call")
	}
	out := struct {
		Responses        map[string][]jsontext.Value
		UnprocessedKeys  struct{}
		ConsumedCapacity []*capacity `json:",omitzero"`
	}{Responses: map[string][]jsontext.Value{}}
	err := e.view(func(t *tx) error {
		for _, name := range slices.Sorted(maps.Keys(gets)) {
			found, consumed, err := t.batchGet(name, gets[name], parsed[name])
			if err != nil {
				return err
			}
			out.Responses[name] = found
			if consumed != nil {
				out.ConsumedCapacity = append(out.ConsumedCapacity, consumed)
			}
		}
		return nil
	})
	return out, err
}

func (t *tx) batchGet(name string, get *request, parsed expressions) ([]jsontext.Value, *capacity, error) {
	described, items, err := t.table(name)
	if err != nil {
		return nil, nil, err
	}
	found, seen, amount := []jsontext.Value{}, map[string]bool{}, 0.0
	for _, asked := range get.Keys {
		if err := asked.check(0); err != nil {
			return nil, nil, err
		}
		key, err := described.keyOf(asked)
		if err != nil {
			return nil, nil, err
		}
		if seen[string(key)] {
			return nil, nil, errBatchDuplicates
		}
		seen[string(key)] = true
		stored := record(items.Get(key))
		amount += get.readUnits(stored.size())
		if stored != nil {
			shown, err := parsed.shown(stored)
			if err != nil {
				return nil, nil, err
			}
			found = append(found, shown)
		}
	}
	return found, get.consumed(name, amount), nil
}

var errBatchDuplicates = invalid("Provided list of item keys contains duplicates")

// A batchWrite is one of a batch: a put or a deletion.
type batchWrite struct {
	PutRequest    *struct{ Item item }
	DeleteRequest *struct{ Key item }
}

// A placedWrite is one whose table and key are known.
type placedWrite struct {
	table       *table
	items       *bolt.Bucket
	key         []byte
	replacement record // nil: a deletion
}

func (e *Engine) batchWriteItem(in *request) (any, error) {
	if err := in.checkBatch(); err != nil {
		return nil, err
	}
	writes, total := map[string][]batchWrite{}, 0
	var c constraints
	for name := range in.RequestItems {
		of, err := asked[[]batchWrite](in, name)
		if err != nil {
			return nil, err
		}
		if len(*of) == 0 {
			c.add("requestItems."+name+".member", "[]", "have length greater than or equal to 1")
		}
		for _, w := range *of {
			if err := w.check(); err != nil {
				return nil, err
			}
		}
		writes[name], total = *of, total+len(*of)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	if total > maxBatchWrite {
		return nil, invalid("Too many items requested for the BatchWriteItem call")
	}
	out := struct {
		UnprocessedItems struct{}
		ConsumedCapacity []*capacity `json:",omitzero"`
	}{}
	err := e.update(func(t *tx) error {
		var all []placedWrite // all are checked before the first one is done
		for _, name := range slices.Sorted(maps.Keys(writes)) {
			placed, err := t.place(name, writes[name])
			if err != nil {
				return err
			}
			all = append(all, placed...)
		}
		amounts := map[string]float64{}
		for _, w := range all {
			stored := record(w.items.Get(w.key))
			amounts[w.table.TableName] += unitsOf(max(stored.size(), w.replacement.size()), writeUnit)
			if err := t.put(w.table, w.items, w.key, stored, w.replacement); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(amounts)) {
			if consumed := in.consumed(name, amounts[name]); consumed != nil {
				out.ConsumedCapacity = append(out.ConsumedCapacity, consumed)
			}
		}
		return nil
	})
	return out, err
}

func (w batchWrite) check() error {
	switch {
	case w.PutRequest == nil == (w.DeleteRequest == nil):
		return invalid("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes") // DynamoDB's words, for none and for both
	case w.DeleteRequest != nil:
		return w.DeleteRequest.Key.check(0)
	}
	if err := w.PutRequest.Item.check(0); err != nil {
		return err
	}
	if w.PutRequest.Item.size() > maxItemSize {
		return errItemSize
	}
	return nil
}

// place finds where the writes of a batch to one table go.
func (t *tx) place(name string, writes []batchWrite) ([]placedWrite, error) {
	described, items, err := t.table(name)
	if err != nil {
		return nil, err
	}
	var placed []placedWrite
	seen := map[string]bool{}
	for _, w := range writes {
		p := placedWrite{table: described, items: items}
		if w.PutRequest != nil {
			p.replacement = newRecord(w.PutRequest.Item)
			p.key, err = described.keyOfItem(w.PutRequest.Item)
		} else {
			p.key, err = described.keyOf(w.DeleteRequest.Key)
		}
		switch {
		case err != nil:
			return nil, err
		case seen[string(p.key)]:
			return nil, errBatchDuplicates
		}
		seen[string(p.key)] = true
		placed = append(placed, p)
	}
	return placed, nil
}
