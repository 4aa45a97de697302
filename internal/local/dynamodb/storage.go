package dynamodb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// A file holds the bucket meta with the file's format, the bucket tables with each
// table by name, and for each table a bucket, named after its id, with its items by
// stored key.
var (
	bucketMeta   = []byte("meta")
	bucketTables = []byte("tables")
	keyFormat    = []byte("format")
)

// format is the format of the files. Change it with the layout above.
const format = "visitplannr-dynamodb-1"

// lockTimeout is how long to wait for another process to release the file.
const lockTimeout = time.Second

// storage keeps tables and items in one bbolt file.
type storage struct {
	db     *bolt.DB
	remove string // the file to remove at the end; "": none

	tables sync.Map // *table by its JSON, which has an id of its own

	writes    chan write
	stop      chan struct{} // closed: no further writes
	committed chan struct{} // closed: the committer has ended
	closing   sync.Once
}

// A write changes a transaction and receives the result.
type write struct {
	apply func(*tx) error
	done  chan error
}

// openStorage opens the file at path, and creates it if it does not exist. "" opens a
// private file that is gone when the process ends. A damaged file, or one that this
// engine did not write, gives an error and stays unchanged.
func openStorage(path string) (_ *storage, err error) {
	s := &storage{writes: make(chan write), stop: make(chan struct{}), committed: make(chan struct{})}
	if path == "" {
		s.db, err = s.openInMemory()
	} else {
		s.db, err = openFile(path)
	}
	if err != nil {
		return nil, err
	}
	if err := s.db.Update(load); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", path, err), s.db.Close())
	}
	go s.commit()
	return s, nil
}

// openInMemory opens a file without a name. Where an open file cannot be unlinked, as
// on Windows, it is removed at the end.
func (s *storage) openInMemory() (*bolt.DB, error) {
	return bolt.Open("", 0o600, &bolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		OpenFile: func(string, int, fs.FileMode) (*os.File, error) {
			file, err := os.CreateTemp("", "visitplannr-dynamodb-")
			if err == nil && os.Remove(file.Name()) != nil {
				s.remove = file.Name()
			}
			return file, err
		},
	})
}

// openFile opens a file that stays. It checks first that the file is complete.
func openFile(path string) (_ *bolt.DB, err error) {
	advice := "name another file, or move this one out of the way"
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a page beyond the end of the mapped file
	defer func() {
		if recovered := recover(); recovered != nil { // bbolt on corrupt pages
			err = fmt.Errorf("database %s is damaged (%.200v): %s", path, recovered, advice)
		}
	}()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockTimeout, FreelistType: bolt.FreelistMapType})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("database %s is in use by another process: end that one, or name another file", path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, fmt.Errorf("database %s cannot be read (%w): %s", path, err, advice)
	case err != nil:
		return nil, fmt.Errorf("open database: %w", err)
	}
	err = db.View(func(t *bolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() < t.Size() {
			return fmt.Errorf("%d bytes are there, of %d", info.Size(), t.Size())
		}
		return t.ForEach(readAll)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database %s is damaged (%w): %s", path, err, advice), db.Close())
	}
	return db, nil
}

// readAll reads a whole bucket. (bbolt's own check runs in another goroutine, where a
// corrupt page ends the process.)
func readAll(name []byte, bucket *bolt.Bucket) error {
	var last []byte
	ofItems := !bytes.Equal(name, bucketMeta) && !bytes.Equal(name, bucketTables)
	return bucket.ForEach(func(key, value []byte) error {
		if bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("bucket %q: key %.60q stands behind %.60q", name, key, last)
		}
		last = key
		if ofItems && !record(value).raw().IsValid() {
			return fmt.Errorf("bucket %q: what key %.60q stands for cannot be read", name, key)
		}
		return nil
	})
}

// load initializes a new file, and checks that an existing one is ours.
func load(t *bolt.Tx) error {
	first, _ := t.Cursor().First()
	meta := t.Bucket(bucketMeta)
	switch {
	case first == nil:
		for _, name := range [][]byte{bucketMeta, bucketTables} {
			if _, err := t.CreateBucket(name); err != nil {
				return err
			}
		}
		return t.Bucket(bucketMeta).Put(keyFormat, []byte(format))
	case meta == nil:
		return errors.New("another program wrote it: name another file")
	case string(meta.Get(keyFormat)) != format:
		return fmt.Errorf("its format is %q, and this version reads %q: name another file, or use the version that wrote it", meta.Get(keyFormat), format)
	}
	return nil
}

// close finishes the waiting writes and closes the storage.
func (s *storage) close() error {
	s.closing.Do(func() { close(s.stop) })
	<-s.committed
	err := s.db.Close()
	if s.remove != "" {
		err = errors.Join(err, os.Remove(s.remove))
	}
	return err
}

// errClosed is the result of writes after close.
var errClosed = errors.New("the engine is closed")

// update lets apply change the tables, and returns when that is committed or apply
// fails. apply must return a *fault before its first change, because a *fault does not
// roll anything back. Any other error is the storage's, and fails all writes that share
// the transaction.
func (s *storage) update(apply func(*tx) error) error {
	w := write{apply, make(chan error, 1)}
	select {
	case s.writes <- w:
		return <-w.done
	case <-s.stop:
		return errClosed
	}
}

// commit repeatedly commits all waiting writes in one transaction: a single write does
// not wait for others, and many writes share one fsync.
func (s *storage) commit() {
	defer close(s.committed)
	for {
		var group []write
		select {
		case w := <-s.writes:
			group = append(group, w)
		case <-s.stop:
			return
		}
		for {
			select {
			case w := <-s.writes:
				group = append(group, w)
				continue
			default:
			}
			break
		}
		s.commitGroup(group)
	}
}

func (s *storage) commitGroup(group []write) {
	results := make([]error, len(group))
	err := s.inTransaction(func(t *bolt.Tx) error {
		wrote := false
		for i, w := range group {
			results[i] = w.apply(&tx{t, s})
			var refused *fault
			switch {
			case results[i] == nil:
				wrote = true
			case !errors.As(results[i], &refused):
				return results[i]
			}
		}
		if !wrote {
			return errNothing
		}
		return nil
	})
	for i, w := range group {
		if err != nil && !errors.Is(err, errNothing) {
			results[i] = err
		}
		w.done <- results[i]
	}
}

// errNothing ends a transaction that changes nothing.
var errNothing = errors.New("nothing was written")

// inTransaction commits the changes of do, unless do fails or panics.
func (s *storage) inTransaction(do func(*bolt.Tx) error) (err error) {
	defer func() {
		if recovered := recover(); recovered != nil { // bbolt has rolled back
			err = fmt.Errorf("panic: %v", recovered)
		}
	}()
	return s.db.Update(do)
}

// view calls read with a consistent state of the tables.
func (s *storage) view(read func(*tx) error) error {
	err := s.db.View(func(t *bolt.Tx) error { return read(&tx{t, s}) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return errClosed
	}
	return err
}

// tx is a transaction.
type tx struct {
	*bolt.Tx
	storage *storage
}

// table returns a table and its items.
func (t *tx) table(name string) (*table, *bolt.Bucket, error) {
	description := t.Bucket(bucketTables).Get([]byte(name))
	if description == nil {
		return nil, nil, &fault{code: resourceNotFound, message: "Requested resource not found"}
	}
	described, ok := t.storage.tables.Load(string(description))
	if !ok {
		read := &table{}
		if err := json.Unmarshal(description, read); err != nil {
			return nil, nil, fmt.Errorf("stored table: %w", err)
		}
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
	items  *bolt.Bucket
	key    []byte
	stored record // the stored item; nil: none
}

// place finds the item with the same key attributes as it; keyOf makes its stored key.
func (t *tx) place(name string, it item, keyOf func(*table, item) ([]byte, error)) (at place, err error) {
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
func (r record) json() jsontext.Value {
	if r == nil {
		return nil
	}
	return bytes.Clone(r.raw())
}

func (r record) item() (it item, err error) {
	if r == nil {
		return nil, nil
	}
	if err := json.Unmarshal(r.raw(), &it); err != nil {
		return nil, fmt.Errorf("stored item: %w", err)
	}
	return it, nil
}
