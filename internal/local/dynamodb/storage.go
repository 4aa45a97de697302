package dynamodb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
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

// openStorage opens the file at o.Path, and creates it if nothing is there. "" opens a
// private file that is gone when the process ends.
func openStorage(o Options) (_ *storage, err error) {
	s := &storage{writes: make(chan write), stop: make(chan struct{}), committed: make(chan struct{})}
	if o.Path == "" {
		s.db, err = s.openInMemory()
	} else if s.db, err = openFile(o.Path, o.Logger); err != nil {
		advice := "name another file, or move this one out of the way"
		if errors.Is(err, errSystem) {
			advice = "remove the cause, or name another file"
		} else if errors.Is(err, berrors.ErrTimeout) {
			advice = "end that one, or name another file"
		}
		err = fmt.Errorf("database %s %w: %s", o.Path, err, advice)
	}
	if err != nil {
		return nil, err
	}
	go s.commit()
	return s, nil
}

// errSystem begins what cannot be done with a file for a reason of the system's.
var errSystem = errors.New("cannot")

// openInMemory opens a file without a name. Where an open file cannot be unlinked, as
// on Windows, it is removed at the end.
func (s *storage) openInMemory() (*bolt.DB, error) {
	db, err := bolt.Open("", 0o600, &bolt.Options{
		NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		OpenFile: func(string, int, fs.FileMode) (*os.File, error) {
			file, err := os.CreateTemp("", "visitplannr-dynamodb-")
			if err == nil && os.Remove(file.Name()) != nil {
				s.remove = file.Name()
			}
			return file, err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("open a database in memory: %w", err)
	}
	return db, db.Update(initialize)
}

// openFile opens a file that stays. The file is created, or it is read first: whatever
// is not a sound database of this version is refused and stays as it is, because bbolt
// may write already when it opens a file. Errors continue a sentence about the file.
func openFile(path string, log *slog.Logger) (*bolt.DB, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return nil, errors.New("is a symbolic link to nothing")
		}
		if err := createFile(path); err != nil {
			return nil, fmt.Errorf("%w be created: %w", errSystem, err)
		}
		info, err = os.Stat(path)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w be opened: %w", errSystem, err)
	case info.IsDir():
		return nil, errors.New("is a directory")
	case !info.Mode().IsRegular(): // opening a named pipe would wait for ever
		return nil, errors.New("is not a regular file")
	case info.Size() == 0:
		return nil, errors.New("is empty: its content was lost, or another program made it")
	}
	look, err := openBolt(path, true, func(t *bolt.Tx) error { return examine(t, info.Size()) })
	if err != nil {
		return nil, err
	}
	torn := !verifies(path, look.Info().PageSize, 0) || !verifies(path, look.Info().PageSize, 1)
	if err := look.Close(); err != nil {
		return nil, err
	}
	db, err := openBolt(path, false, examinePages)
	if err == nil && torn {
		log.Warn("one of the two pages that say what a database holds does not verify: the last write may be missing", "database", path)
	}
	return db, err
}

// openBolt opens a file that is there, and closes it again if it does not pass check.
func openBolt(path string, readOnly bool, check func(*bolt.Tx) error) (_ *bolt.DB, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a page beyond the end of the mapped file
	defer func() {
		if recovered := recover(); recovered != nil { // bbolt on corrupt pages
			err = errors.Join(fmt.Errorf("is damaged (%.200v)", recovered), file.Close())
		}
	}()
	db, err := bolt.Open(path, 0, &bolt.Options{
		ReadOnly: readOnly, Timeout: lockTimeout, FreelistType: bolt.FreelistMapType,
		OpenFile: func(path string, flag int, mode fs.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(path, flag&^os.O_CREATE, mode)
			return file, err
		},
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("is in use by another process (%w)", err)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return nil, fmt.Errorf("cannot be read (%w): another program wrote it, or it is damaged", err)
	case err != nil:
		return nil, fmt.Errorf("%w be opened: %w", errSystem, err)
	}
	if err := db.View(check); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// createFile creates a database. It appears under its name when it is complete, so that
// neither a full disk nor the end of the process leaves a part of one there.
func createFile(path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // its other name stays
	db, err := bolt.Open("", 0, &bolt.Options{OpenFile: func(string, int, fs.FileMode) (*os.File, error) { return file, nil }})
	if err != nil {
		return err // bbolt has closed the file
	}
	if err := errors.Join(db.Update(initialize), db.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err == nil || errors.Is(err, fs.ErrExist) { // another process may have created it
		return nil
	}
	return os.Rename(file.Name(), path) // on a file system without links
}

func initialize(t *bolt.Tx) error {
	_, err := t.CreateBucket(bucketTables)
	meta, metaErr := t.CreateBucket(bucketMeta)
	if err := errors.Join(err, metaErr); err != nil {
		return err
	}
	return meta.Put(keyFormat, []byte(format))
}

// examine returns an error unless a file of so many bytes is a complete database of
// this version, whose tables and items can be read.
func examine(t *bolt.Tx, size int64) error {
	meta, tables := t.Bucket(bucketMeta), t.Bucket(bucketTables)
	switch {
	case size < t.Size():
		return fmt.Errorf("is damaged (%d bytes are there, of %d)", size, t.Size())
	case meta == nil || meta.Get(keyFormat) == nil:
		return errors.New("was written by another program")
	case string(meta.Get(keyFormat)) != format:
		return fmt.Errorf("is of another version: its format is %q, and this version reads %q", meta.Get(keyFormat), format)
	case tables == nil:
		return errors.New("is damaged (the list of tables is missing)")
	}
	ids := map[string]bool{string(bucketMeta): true, string(bucketTables): true}
	err := tables.ForEach(func(name, description []byte) error {
		described := table{}
		if err := json.Unmarshal(description, &described); err != nil {
			return fmt.Errorf("is damaged (table %.60q: %w)", name, err)
		}
		items := t.Bucket([]byte(described.TableID))
		if described.TableName != string(name) || ids[described.TableID] || items == nil || !described.sound() {
			return fmt.Errorf("is damaged (the description of table %.60q)", name)
		}
		ids[described.TableID] = true
		return items.ForEach(func(key, value []byte) error {
			if !record(value).raw().IsValid() {
				return fmt.Errorf("is damaged (table %.60q: what key %.60q stands for cannot be read)", name, key)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	return t.ForEach(func(name []byte, _ *bolt.Bucket) error {
		if !ids[string(name)] {
			return fmt.Errorf("is damaged (%.60q is of no table)", name)
		}
		return nil
	})
}

// examinePages returns an error unless the order of the keys is right, and each page is
// either in use, once, or free.
func examinePages(t *bolt.Tx) (err error) {
	for found := range t.Check() { // to the end, where its goroutine ends
		if err == nil {
			err = fmt.Errorf("is damaged (%w)", found)
		}
	}
	return err
}

// verifies reports whether one of the two meta pages has the checksum that it holds.
// bbolt writes them in turn, the last one last, and reads the other one if the newest
// does not verify.
func verifies(path string, pageSize, page int) bool {
	const header, sum, end = 16, 72, 80 // where the header ends, the checksum begins, and ends
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var start [end]byte
	if _, err := file.ReadAt(start[:], int64(page*pageSize)); err != nil {
		return false
	}
	want := fnv.New64a()
	_, _ = want.Write(start[header:sum]) // a hash's Write has no error
	return binary.NativeEndian.Uint64(start[sum:]) == want.Sum64()
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
		for waiting := true; waiting; {
			select {
			case w := <-s.writes:
				group = append(group, w)
			default:
				waiting = false
			}
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
