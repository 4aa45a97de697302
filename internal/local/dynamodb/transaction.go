package dynamodb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	bolt "go.etcd.io/bbolt"
)

// tx is a transaction.
type tx struct {
	*bolt.Tx
	storage *storage
}

// table returns a table and its items.
func (t *tx) table(name string) (*table, *bolt.Bucket, error) {
	description := t.Bucket(bucketTables).Get([]byte(nameOf(name)))
	if description == nil {
		return nil, nil, &fault{code: resourceNotFound, message: "Requested resource not found"}
	}
	described, ok := t.storage.tables.Load(string(description))
	if !ok {
		read := &table{}
		if err := json.Unmarshal(description, read); err != nil {
			return nil, nil, fmt.Errorf("stored table: %w", err)
		}
		read.complete()
		described = read
		t.storage.tables.Store(string(description), read)
	}
	of := described.(*table)
	return of, t.Bucket([]byte(of.TableID)), nil
}

// described returns a table as DescribeTable does.
func (t *tx) described(name string) (*table, error) {
	of, items, err := t.table(name)
	if refused, ok := err.(*fault); ok {
		refused.message += ": Table: " + name + " not found"
	}
	if err != nil {
		return nil, err
	}
	described, stats := *of, items.Stats()
	described.ItemCount, described.TableSizeBytes = int64(stats.KeyN), int64(stats.LeafInuse)
	return &described, nil
}

func (t *tx) createTable(described *table) error {
	description, err := json.Marshal(described)
	if err != nil {
		return err
	}
	_, err = t.CreateBucket([]byte(described.TableID))
	return errors.Join(err, t.Bucket(bucketTables).Put([]byte(described.TableName), description))
}

func (t *tx) deleteTable(described *table) error {
	return errors.Join(t.DeleteBucket([]byte(described.TableID)), t.Bucket(bucketTables).Delete([]byte(described.TableName)))
}

// A place is where an item of a table is or will be stored.
type place struct {
	table  *table
	name   string // by which the table was asked for: its name or its ARN
	items  *bolt.Bucket
	key    []byte
	stored record // the stored item; nil: none
}

// place finds the item with the same key attributes as it; keyOf makes its stored key.
func (t *tx) place(name string, it item, keyOf func(*table, item) ([]byte, error)) (at place, err error) {
	at.name = name
	if at.table, at.items, err = t.table(name); err != nil {
		return at, err
	}
	if at.key, err = keyOf(at.table, it); err == nil {
		at.stored = at.items.Get(at.key)
	}
	return at, err
}

// put stores an item; nil deletes the stored one.
func (at place) put(it record) error {
	if it == nil {
		return at.items.Delete(at.key)
	}
	return at.items.Put(at.key, it)
}

// writeUnits returns the capacity units of a write.
func (at place) writeUnits(it record) amount {
	return unitsOf(max(at.stored.size(), it.size()), writeUnit)
}

// A record is a stored item: its size, then its JSON. A record read in a transaction is
// valid only until the transaction ends.
type record []byte

// newRecord returns the record of an item, or nil for nil.
func newRecord(it item) record {
	if it == nil {
		return nil
	}
	return it.appendJSON(binary.AppendUvarint(nil, uint64(it.size())))
}

func (r record) size() int {
	size, _ := binary.Uvarint(r)
	return int(size)
}

// raw returns the item in DynamoDB's JSON.
func (r record) raw() jsontext.Value {
	_, n := binary.Uvarint(r)
	return jsontext.Value(r[n:])
}

// json returns a copy of the item in DynamoDB's JSON; nil for none.
func (r record) json() jsontext.Value { return bytes.Clone(r.raw()) }

func (r record) item() (it item, err error) {
	if r == nil {
		return nil, nil
	}
	if err := json.Unmarshal(r.raw(), &it); err != nil {
		return nil, fmt.Errorf("stored item: %w", err)
	}
	return it, nil
}
