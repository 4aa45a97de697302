package dynamodb_test

import (
	"bytes"
	"context"
	bytesof "encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"visitplannr/internal/local/dynamodb"
	"visitplannr/test/check"
)

type object = map[string]any

func open(t *testing.T, o dynamodb.Options) *dynamodb.Engine {
	t.Helper()
	e := check.Value(dynamodb.Open(o))(t)
	t.Cleanup(func() { check.OK(t, e.Close()) })
	return e
}

// call sends a request straight to an engine, and returns the answer's status and body.
func call(t *testing.T, e *dynamodb.Engine, operation string, body object) (int, object) {
	t.Helper()
	status, answer, err := direct(e)(operation, body)
	check.OK(t, err)
	var decoded object
	if err := json.Unmarshal(answer, &decoded); err != nil {
		t.Fatalf("%s: %s: %v", operation, answer, err)
	}
	return status, decoded
}

// must makes a call that has to succeed.
func must(t *testing.T, e *dynamodb.Engine, operation string, body object) object {
	t.Helper()
	status, answer := call(t, e, operation, body)
	if status != http.StatusOK {
		t.Fatalf("%s %v: got %d %v, want success", operation, body, status, answer)
	}
	return answer
}

// wantFault makes a call that has to fail so.
func wantFault(t *testing.T, e *dynamodb.Engine, operation string, body object, status int, kind, message string) {
	t.Helper()
	gotStatus, answer := call(t, e, operation, body)
	gotKind, _ := answer["__type"].(string)
	gotMessage, _ := answer["message"].(string)
	if gotStatus != status || !strings.HasSuffix(gotKind, "#"+kind) || !strings.Contains(gotMessage, message) {
		t.Errorf("%s %v\n got %d %v\nwant %d %s %q", operation, body, gotStatus, answer, status, kind, message)
	}
}

func direct(e http.Handler) target {
	return func(operation string, body map[string]any) (int, []byte, error) {
		r, err := request(operation, body)
		if err != nil {
			return 0, nil, err
		}
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, r)
		return recorder.Code, recorder.Body.Bytes(), nil
	}
}

func createTable(t *testing.T, e *dynamodb.Engine, name string, s schema) {
	t.Helper()
	create := s.create()
	create["TableName"] = name
	must(t, e, "CreateTable", create)
}

func text(s string) object   { return object{"S": s} }
func number(s string) object { return object{"N": s} }

func put(t *testing.T, e *dynamodb.Engine, table string, item object) {
	t.Helper()
	must(t, e, "PutItem", object{"TableName": table, "Item": item})
}

// soundFile makes a file with a table of 200 items.
func soundFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	e := check.Value(dynamodb.Open(dynamodb.Options{Path: path}))(t)
	createTable(t, e, "table", schema{"S", ""})
	for i := range 200 {
		put(t, e, "table", object{"K": text(fmt.Sprint(i)), "Text": text(strings.Repeat("x", 500))})
	}
	check.OK(t, e.Close())
	return path
}

func TestFile(t *testing.T) {
	t.Parallel()

	sound := check.Value(os.ReadFile(soundFile(t)))(t)
	made := func(t *testing.T) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "data")
		check.OK(t, os.WriteFile(path, sound, 0o600))
		return path
	}
	t.Run("keeps tables and items", func(t *testing.T) {
		e := open(t, dynamodb.Options{Path: made(t)})
		described := must(t, e, "DescribeTable", object{"TableName": "table"})["Table"].(object)
		if got := must(t, e, "Scan", object{"TableName": "table"})["Count"]; got != 200.0 || described["TableStatus"] != "ACTIVE" || described["ItemCount"] != 200.0 {
			t.Errorf("got %v items, and %v; want an active table of 200 items", got, described)
		}
	})
	// change changes a file with bbolt; of a path to nothing it makes another program's.
	change := func(t *testing.T, path string, update func(*bolt.Tx) error) {
		t.Helper()
		db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: true}) // with its defaults, bbolt writes when it opens such a file
		check.OK(t, err)
		check.OK(t, db.Update(update))
		check.OK(t, db.Close())
	}
	overwrite := func(t *testing.T, path string, content []byte, at int64) {
		t.Helper()
		file := check.Value(os.OpenFile(path, os.O_WRONLY, 0))(t)
		defer file.Close()
		check.Value(file.WriteAt(content, at))(t)
	}
	// instead puts something else in the file's place.
	instead := func(put func(path string) error) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			check.OK(t, errors.Join(os.Remove(path), put(path)))
		}
	}
	content := func(text string) func(*testing.T, string) {
		return instead(func(path string) error { return os.WriteFile(path, []byte(text), 0o600) })
	}
	described := func(description string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			change(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("tables")).Put([]byte("table"), []byte(description)) })
		}
	}
	for outcome, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"of no database is refused":                {content(strings.Repeat("notes\n", 5000)), "cannot be read"},
		"that is too short for one is refused":     {content("notes"), "cannot be read"},
		"that was truncated to nothing is refused": {content(""), "is empty"},
		"with a page that was overwritten is refused": {func(t *testing.T, path string) {
			overwrite(t, path, bytes.Repeat([]byte{0xa5}, 14*os.Getpagesize()), int64(6*os.Getpagesize()))
		}, "is damaged"},
		"with a used page in the list of free ones is refused": {func(t *testing.T, path string) {
			whole := check.Value(os.ReadFile(path))(t)
			field := func(meta, at int) uint64 { return bytesof.NativeEndian.Uint64(whole[meta*os.Getpagesize()+at:]) }
			newest := 0
			if field(1, 64) > field(0, 64) { // the numbers of their transactions
				newest = 1
			}
			root, freelist := field(newest, 32), field(newest, 48)
			overwrite(t, path, bytesof.NativeEndian.AppendUint64(nil, root), int64(freelist)*int64(os.Getpagesize())+16)
		}, "is damaged"},
		"of another version is refused": {func(t *testing.T, path string) {
			change(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("meta")).Put([]byte("format"), []byte("visitplannr-dynamodb-2"))
			})
		}, `its format is "visitplannr-dynamodb-2"`},
		"of another program is refused": {func(t *testing.T, path string) {
			content("")(t, path)
			change(t, path, func(tx *bolt.Tx) error {
				nested, err := tx.CreateBucket([]byte("meta"))
				if err == nil {
					_, err = nested.CreateBucket([]byte("inner"))
				}
				return err
			})
		}, "another program"},
		"whose table is described in no JSON is refused": {described("{"), `table "table"`},
		"whose table has no key is refused":              {described("{}"), `the description of table "table"`},
		"whose table was lost with its items is refused": {func(t *testing.T, path string) {
			change(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("tables")).Delete([]byte("table")) })
		}, "is of no table"},
		"that is a folder is refused":          {instead(func(path string) error { return os.Mkdir(path, 0o700) }), "is a directory"},
		"that is a device is refused":          {instead(func(path string) error { return os.Symlink(os.DevNull, path) }), "is not a regular file"},
		"that is a link to nothing is refused": {instead(func(path string) error { return os.Symlink("nothing", path) }), "symbolic link to nothing"},
		"that is in use is refused":            {func(t *testing.T, path string) { open(t, dynamodb.Options{Path: path}) }, "end that one"},
	} {
		t.Run(outcome+", and stays as it is", func(t *testing.T) {
			path := made(t)
			c.spoil(t, path)
			before, _ := os.ReadFile(path) // of the folder: nothing
			e, err := dynamodb.Open(dynamodb.Options{Path: path})
			if err == nil {
				t.Fatalf("got an engine, %v", e.Close())
			}
			if !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %q, want it to name %s and say %q", err, path, c.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file has changed")
			}
		})
	}

	t.Run("whose newest state does not verify is opened, and that is said", func(t *testing.T) {
		for page := range 2 {
			damaged := filepath.Join(t.TempDir(), "damaged")
			whole := slices.Clone(sound)
			whole[page*os.Getpagesize()+70] ^= 1 // in the number of its transaction
			check.OK(t, os.WriteFile(damaged, whole, 0o600))
			var said bytes.Buffer
			open(t, dynamodb.Options{Path: damaged, Logger: slog.New(slog.NewTextHandler(&said, nil))})
			if !strings.Contains(said.String(), "the last write may be missing") {
				t.Errorf("meta page %d: said %q", page, &said)
			}
		}
	})

	t.Run("with the pages of another machine is opened", func(t *testing.T) {
		path := made(t)
		other := path + "-16k"
		from := check.Value(bolt.Open(path, 0, nil))(t)
		to := check.Value(bolt.Open(other, 0o600, &bolt.Options{PageSize: 16 << 10}))(t)
		check.OK(t, errors.Join(bolt.Compact(to, from, 0), to.Close(), from.Close()))
		if got := must(t, open(t, dynamodb.Options{Path: other}), "Scan", object{"TableName": "table"})["Count"]; got != 200.0 {
			t.Errorf("got %v items, want 200", got)
		}
	})

	t.Run("that was cut off is refused, wherever", func(t *testing.T) {
		// bbolt makes files larger than it needs; zeros at the end may be missing.
		needed := len(bytes.TrimRight(sound, "\x00"))
		for size := 1; size < needed; size += os.Getpagesize() / 2 {
			cut := filepath.Join(t.TempDir(), "cut")
			check.OK(t, os.WriteFile(cut, sound[:size], 0o600))
			if e, err := dynamodb.Open(dynamodb.Options{Path: cut}); err == nil {
				t.Errorf("%d bytes of %d are opened, %v", size, needed, e.Close())
			}
		}
	})

	t.Run("with damage anywhere is refused, or read", func(t *testing.T) {
		random, refused := rand.New(rand.NewPCG(1, 2)), 0
		const times = 100
		for range times {
			damaged := slices.Clone(sound)
			from := random.IntN(len(damaged) - 200)
			for i := range 1 + random.IntN(200) {
				damaged[from+i] = byte(random.IntN(256))
			}
			path := filepath.Join(t.TempDir(), "damaged")
			check.OK(t, os.WriteFile(path, damaged, 0o600))
			e, err := dynamodb.Open(dynamodb.Options{Path: path})
			if err != nil {
				refused++
				continue
			}
			if status, answer := call(t, e, "ListTables", object{}); status != http.StatusOK {
				t.Errorf("bytes from %d on: got %d %v from an engine that opened", from, status, answer)
			}
			check.OK(t, e.Close())
		}
		if refused < times/4 {
			t.Errorf("%d of %d damaged files were refused, want more: a third of the file is in use", refused, times)
		}
	})
}

func TestMemoryLeavesNoFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file keeps its name here until Close")
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	e := open(t, dynamodb.Options{})
	createTable(t, e, "table", schema{"S", ""})
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v; want nothing, also while the engine is open", left, err)
	}
}

func TestWriters(t *testing.T) {
	t.Parallel()
	for outcome, o := range map[string]dynamodb.Options{
		"side by side lose nothing in memory": {},
		"side by side lose nothing on disk":   {Path: filepath.Join(t.TempDir(), "data")},
	} {
		t.Run(outcome, func(t *testing.T) {
			e := open(t, o)
			createTable(t, e, "table", schema{"S", ""})
			const writers, each = 16, 20
			var group sync.WaitGroup
			for range writers {
				group.Go(func() {
					for range each {
						must(t, e, "UpdateItem", object{"TableName": "table", "Key": object{"K": text("counter")}, "UpdateExpression": "ADD n :one",
							"ExpressionAttributeValues": object{":one": number("1")}})
						// One that is refused must not take others with it.
						wantFault(t, e, "PutItem", object{"TableName": "table", "Item": object{"K": text("counter")}, "ConditionExpression": "attribute_not_exists(K)"},
							http.StatusBadRequest, "ConditionalCheckFailedException", "The conditional request failed")
					}
				})
			}
			group.Wait()
			item := must(t, e, "GetItem", object{"TableName": "table", "Key": object{"K": text("counter")}})["Item"].(object)
			if got, want := item["n"].(object)["N"], strconv.Itoa(writers*each); got != want {
				t.Errorf("counted %v, want %s", got, want)
			}
		})
	}

	t.Run("that come after the end are told", func(t *testing.T) {
		e := check.Value(dynamodb.Open(dynamodb.Options{Logger: slog.New(slog.DiscardHandler)}))(t)
		createTable(t, e, "table", schema{"S", ""})
		check.OK(t, e.Close())
		for _, operation := range []string{"PutItem", "Scan"} {
			wantFault(t, e, operation, object{"TableName": "table", "Item": object{"K": text("k")}}, http.StatusInternalServerError, "InternalServerError", "")
		}
	})
}

func TestServer(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) *dynamodb.Server {
		t.Helper()
		return check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{}))(t)
	}

	t.Run("says that it cannot listen where another one does", func(t *testing.T) {
		s := start(t)
		t.Cleanup(func() { _ = s.Close(context.Background()) })
		if other, err := dynamodb.Start(strings.TrimPrefix(s.URL(), "http://"), dynamodb.Options{}); err == nil {
			t.Errorf("two engines listen at %s: %v", s.URL(), other)
		}
	})

	t.Run("is gone when it is closed", func(t *testing.T) {
		s := start(t)
		check.OK(t, s.Close(t.Context()))
		if response, err := http.Get(s.URL()); err == nil {
			response.Body.Close()
			t.Errorf("%s still answers %s", s.URL(), response.Status)
		}
	})

	t.Run("does not wait for connections that bring no request", func(t *testing.T) {
		s := start(t)
		connection := check.Value(net.Dial("tcp", strings.TrimPrefix(s.URL(), "http://")))(t)
		defer connection.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // Shutdown alone would take 5
		defer cancel()
		check.OK(t, s.Close(ctx))
	})
}

// failing is a body that does not arrive, or whose reading panics.
type failing struct{ panics bool }

func (f failing) Read([]byte) (int, error) {
	if f.panics {
		panic("no such luck")
	}
	return 0, io.ErrUnexpectedEOF
}

func TestProtocol(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{Logger: slog.New(slog.DiscardHandler)})
	send := func(t *testing.T, method, target, authorization string, body io.Reader) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(method, "/", body)
		r.Header.Set("X-Amz-Target", target)
		r.Header.Set("Authorization", authorization)
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, r)
		return recorder
	}
	const list, signed = "DynamoDB_20120810.ListTables", "AWS4-HMAC-SHA256 Credential=x/y"
	for outcome, c := range map[string]struct {
		method, target, authorization string
		body                          io.Reader
		status                        int
		want                          string
	}{
		"an operation is answered":                  {"POST", list, signed, strings.NewReader("{}"), 200, `{"TableNames":[]}`},
		"an operation that is not there is unknown": {"POST", "DynamoDB_20120810.ExecuteStatement", signed, strings.NewReader("{}"), 400, `service#UnknownOperationException","message":"The embedded engine has no operation ExecuteStatement: `},
		"another protocol is unknown":               {"POST", "ListTables", signed, strings.NewReader("{}"), 400, "UnknownOperationException"},
		"another method is unknown":                 {"PUT", list, signed, strings.NewReader("{}"), 400, "UnknownOperationException"},
		"credentials are needed":                    {"POST", list, "", strings.NewReader("{}"), 400, "MissingAuthenticationTokenException"},
		"a body that is not JSON is refused":        {"POST", list, signed, strings.NewReader("{"), 400, "SerializationException"},
		"an empty body is refused":                  {"POST", list, signed, strings.NewReader(""), 400, "SerializationException"},
		"another type is refused":                   {"POST", list, signed, strings.NewReader(`{"TableName":1}`), 400, "SerializationException"},
		"invalid UTF-8 is refused":                  {"POST", list, signed, strings.NewReader("{\"TableName\":\"\xff\"}"), 400, "SerializationException"},
		"16 MiB are enough":                         {"POST", list, signed, io.LimitReader(neverending('x'), 16<<20+1), 413, "RequestEntityTooLarge"},
		"a body that does not arrive is refused":    {"POST", list, signed, failing{}, 400, "SerializationException"},
		"a panic is an error":                       {"POST", list, signed, failing{panics: true}, 500, "InternalServerError"},
		"a browser sees that it is well":            {"GET", "", "", nil, 200, "healthy"},
		"deep nesting is refused": {"POST", "DynamoDB_20120810.PutItem", signed,
			strings.NewReader(`{"TableName":"table","Item":{"K":` + strings.Repeat(`{"L":[`, 4000) + strings.Repeat(`]}`, 4000) + `}}`), 400, "Nesting Levels"},
	} {
		t.Run(outcome, func(t *testing.T) {
			got := send(t, c.method, c.target, c.authorization, c.body)
			if got.Code != c.status || !strings.Contains(got.Body.String(), c.want) {
				t.Errorf("got %d %s, want %d %s", got.Code, got.Body, c.status, c.want)
			}
			if want := strconv.FormatUint(uint64(crc32.ChecksumIEEE(got.Body.Bytes())), 10); got.Header().Get("x-amz-crc32") != want {
				t.Errorf("x-amz-crc32 is %q, want %s", got.Header().Get("x-amz-crc32"), want)
			}
			if id := got.Header().Get("x-amzn-RequestId"); len(id) != 52 {
				t.Errorf("x-amzn-RequestId is %q, want 52 characters", id)
			}
		})
	}
}

type neverending byte

func (n neverending) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(n)
	}
	return len(p), nil
}

func TestGrants(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:sts::000000000000:assumed-role/writer/writer"
	e := open(t, dynamodb.Options{Grants: map[string]dynamodb.Grant{
		"writer": {Role: role, Table: "events", Actions: []string{"PutItem", "BatchWriteItem"}},
	}})
	for _, table := range []string{"events", "others"} {
		createTable(t, e, table, schema{"S", ""})
	}
	as := func(t *testing.T, id, operation string, body object) (int, string) {
		t.Helper()
		r := check.Value(request(operation, body))(t)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+id+"/20261124/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0")
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, r)
		return recorder.Code, recorder.Body.String()
	}
	item := object{"K": text("k")}
	writes := []any{object{"PutRequest": object{"Item": item}}}
	for outcome, c := range map[string]struct {
		id, operation string
		body          object
		refused       string // the resource
	}{
		"a granted action is done":            {"writer", "PutItem", object{"TableName": "events", "Item": item}, ""},
		"a granted batch is done":             {"writer", "BatchWriteItem", object{"RequestItems": object{"events": writes}}, ""},
		"another action is refused":           {"writer", "Scan", object{"TableName": "events", "Limit": -1}, "table/events"},
		"another table is refused":            {"writer", "PutItem", object{"TableName": "others", "Item": item}, "table/others"},
		"another table in a batch is refused": {"writer", "BatchWriteItem", object{"RequestItems": object{"events": writes, "others": writes}}, "table/others"},
		"another table's ARN is refused":      {"writer", "PutItem", object{"TableName": "arn:aws:dynamodb:eu-west-1:1:table/others", "Item": item}, "table/others"},
		"the table's ARN is granted":          {"writer", "PutItem", object{"TableName": "arn:aws:dynamodb:eu-west-1:1:table/events", "Item": item}, ""},
		"an operation on no table is refused": {"writer", "ListTables", object{}, "table/*"},
		"other credentials may do all":        {"reader", "Scan", object{"TableName": "others"}, ""},
	} {
		t.Run(outcome, func(t *testing.T) {
			status, got := as(t, c.id, c.operation, c.body)
			if c.refused == "" {
				if status != http.StatusOK {
					t.Errorf("got %d %s, want success", status, got)
				}
				return
			}
			want := fmt.Sprintf(`{"__type":"com.amazon.coral.service#AccessDeniedException","message":"User: %s is not authorized to perform: dynamodb:%s `+
				`on resource: arn:aws:dynamodb:us-east-1:000000000000:%s because no identity-based policy allows the dynamodb:%s action"}`, role, c.operation, c.refused, c.operation)
			if status != http.StatusBadRequest || got != want {
				t.Errorf("\n got %d %s\nwant 400 %s", status, got, want)
			}
		})
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{Now: func() time.Time { return time.Unix(1795557472, 250_000_000) }})
	createTable(t, e, "aaa", schema{"S", "N"})

	t.Run("are described", func(t *testing.T) {
		got := must(t, e, "DescribeTable", object{"TableName": "aaa"})["Table"].(object)
		for member, want := range map[string]any{"TableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/aaa", "TableStatus": "ACTIVE", "CreationDateTime": 1795557472.25, "ItemCount": 0.0} {
			if got[member] != want {
				t.Errorf("%s is %v, want %v", member, got[member], want)
			}
		}
		if id, _ := got["TableId"].(string); len(id) != 36 {
			t.Errorf("TableId is %q", id)
		}
	})

	t.Run("are listed in pages", func(t *testing.T) {
		e := open(t, dynamodb.Options{})
		for _, name := range []string{"ccc", "aaa", "bbb"} {
			createTable(t, e, name, schema{"S", ""})
		}
		first := must(t, e, "ListTables", object{"Limit": 2})
		second := must(t, e, "ListTables", object{"Limit": 2, "ExclusiveStartTableName": first["LastEvaluatedTableName"]})
		if got := fmt.Sprint(first["TableNames"], second["TableNames"], second["LastEvaluatedTableName"]); got != "[aaa bbb] [ccc] <nil>" {
			t.Errorf("got %s", got)
		}
	})

	t.Run("are those of an account that never changed them", func(t *testing.T) {
		for operation, want := range map[string]string{
			"DescribeTimeToLive":        "DISABLED",
			"DescribeContinuousBackups": "PointInTimeRecoveryStatus:DISABLED",
			"DescribeLimits":            "TableMaxReadCapacityUnits:40000",
			"DescribeEndpoints":         "CachePeriodInMinutes:1440",
			"ListTagsOfResource":        "Tags:[]",
		} {
			got := must(t, e, operation, object{"TableName": "aaa", "ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/aaa"})
			if !strings.Contains(fmt.Sprint(got), want) {
				t.Errorf("%s: got %v, want %s", operation, got, want)
			}
		}
		wantFault(t, e, "DescribeContinuousBackups", object{"TableName": "nosuch"}, 400, "TableNotFoundException", "Table not found: nosuch")
		wantFault(t, e, "ListTagsOfResource", object{"ResourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/nosuch"}, 400, "ResourceNotFoundException", "not found")
	})

	for member, value := range map[string]any{
		"GlobalSecondaryIndexes": []any{object{"IndexName": "index"}}, "LocalSecondaryIndexes": []any{object{"IndexName": "index"}},
		"SSESpecification": object{"Enabled": true}, "ResourcePolicy": "{}", "GlobalTableSourceArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/a", "TabelClass": "STANDARD",
		"StreamSpecification": object{"StreamEnabled": true}, "DeletionProtectionEnabled": true, "Tags": []any{object{"Key": "k", "Value": "v"}},
	} {
		t.Run("refuse "+member+" in words", func(t *testing.T) {
			create := schema{"S", ""}.create()
			create["TableName"], create[member] = "refused", value
			wantFault(t, e, "CreateTable", create, 400, "ValidationException", "The embedded engine has no "+member)
		})
	}

	// Terraform waits for the status of WarmThroughput.
	// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
	for outcome, c := range map[string]struct{ create, want object }{
		"by default": {object{}, object{
			"WarmThroughput":     object{"ReadUnitsPerSecond": 12000.0, "WriteUnitsPerSecond": 4000.0, "Status": "ACTIVE"},
			"BillingModeSummary": object{"BillingMode": "PAY_PER_REQUEST", "LastUpdateToPayPerRequestDateTime": 1795557472.25}, "TableClassSummary": nil, "OnDemandThroughput": nil,
		}},
		"by what was asked for": {
			object{"TableClass": "STANDARD_INFREQUENT_ACCESS", "OnDemandThroughput": object{"MaxReadRequestUnits": 9, "MaxWriteRequestUnits": -1},
				"WarmThroughput": object{"ReadUnitsPerSecond": 13000, "WriteUnitsPerSecond": 4000}, "SSESpecification": object{"Enabled": false}},
			object{"TableClassSummary": object{"TableClass": "STANDARD_INFREQUENT_ACCESS"}, "OnDemandThroughput": object{"MaxReadRequestUnits": 9.0, "MaxWriteRequestUnits": -1.0},
				"WarmThroughput": object{"ReadUnitsPerSecond": 13000.0, "WriteUnitsPerSecond": 4000.0, "Status": "ACTIVE"}, "SSEDescription": nil},
		},
		"by provisioned capacity": {object{"BillingMode": "PROVISIONED", "ProvisionedThroughput": object{"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}},
			object{"WarmThroughput": object{"ReadUnitsPerSecond": 5.0, "WriteUnitsPerSecond": 6.0, "Status": "ACTIVE"}, "BillingModeSummary": nil}},
	} {
		t.Run("are described completely, "+outcome, func(t *testing.T) {
			create := schema{"S", ""}.create()
			maps.Copy(create, c.create)
			create["TableName"] = strings.ReplaceAll(outcome, " ", "-")
			created := must(t, e, "CreateTable", create)["TableDescription"].(object)
			described := must(t, e, "DescribeTable", create)["Table"].(object)
			for member, want := range c.want {
				if !reflect.DeepEqual(described[member], want) || !reflect.DeepEqual(created[member], want) {
					t.Errorf("%s: created %v, described %v, want %v", member, created[member], described[member], want)
				}
			}
		})
	}

	// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
	t.Run("are found by their ARN, in any region and account", func(t *testing.T) {
		const arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/by-arn"
		create, key := schema{"S", ""}.create(), object{"K": text("k")}
		create["TableName"] = arn
		created := must(t, e, "CreateTable", create)["TableDescription"].(object)
		if created["TableName"] != "by-arn" {
			t.Errorf("created %v", created["TableName"])
		}
		put(t, e, "by-arn", key)
		for _, operation := range []string{"PutItem", "GetItem", "UpdateItem", "Query", "Scan", "DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource", "DeleteItem", "DeleteTable"} {
			body := object{"TableName": arn, "ResourceArn": arn, "Item": key, "Key": key, "ReturnConsumedCapacity": "TOTAL"}
			if operation == "Query" {
				body["KeyConditionExpression"], body["ExpressionAttributeValues"] = "K = :k", object{":k": text("k")}
			}
			answer := must(t, e, operation, body)
			if consumed, ok := answer["ConsumedCapacity"].(object); ok && consumed["TableName"] != arn { // as it was asked for (API_ConsumedCapacity)
				t.Errorf("%s: consumed %v", operation, consumed)
			}
		}
		for _, other := range []string{"arn:aws:dynamodb:eu-west-1:123456789012:table/aaa/index/i", "arn:aws:s3:::aaa"} {
			wantFault(t, e, "DescribeTable", object{"TableName": other}, 400, "ValidationException", "regular expression pattern")
		}
	})

	t.Run("refuse the parameters from before expressions in words", func(t *testing.T) {
		for _, member := range []string{"AttributesToGet", "KeyConditions", "ScanFilter", "Expected"} {
			wantFault(t, e, "Scan", object{"TableName": "aaa", member: []any{"a"}}, 400, "ValidationException", "The embedded engine has no "+member)
		}
	})

	t.Run("are gone with their items when they are deleted", func(t *testing.T) {
		createTable(t, e, "fleeting", schema{"S", ""})
		put(t, e, "fleeting", object{"K": text("k")})
		must(t, e, "DeleteTable", object{"TableName": "fleeting"})
		wantFault(t, e, "Scan", object{"TableName": "fleeting"}, 400, "ResourceNotFoundException", "Requested resource not found")
		createTable(t, e, "fleeting", schema{"N", ""})
		if got := must(t, e, "Scan", object{"TableName": "fleeting"}); got["Count"] != 0.0 {
			t.Errorf("got %v, want nothing", got)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	e := open(t, dynamodb.Options{})
	createTable(t, e, "large", schema{"S", "N"})
	for i := range 5 {
		put(t, e, "large", object{"K": text("k"), "S": number(strconv.Itoa(i)), "Text": text(strings.Repeat("x", 300<<10))})
	}

	t.Run("end after a megabyte", func(t *testing.T) {
		query := object{"TableName": "large", "KeyConditionExpression": "K = :k", "ExpressionAttributeValues": object{":k": text("k")}}
		first := must(t, e, "Query", query)
		query["ExclusiveStartKey"] = first["LastEvaluatedKey"]
		second := must(t, e, "Query", query)
		if first["Count"] != 4.0 || second["Count"] != 1.0 || second["LastEvaluatedKey"] != nil {
			t.Errorf("got %v and %v items, then %v; want 4 and 1", first["Count"], second["Count"], second["LastEvaluatedKey"])
		}
	})

	t.Run("of segments have each item once", func(t *testing.T) {
		createTable(t, e, "many", schema{"S", ""})
		var want []string
		for i := range 200 {
			want = append(want, fmt.Sprint("item-", i))
			put(t, e, "many", object{"K": text(want[i])})
		}
		for _, of := range []int{1, 2, 3, 7, 1_000_000} {
			var got []string
			for i := range min(of, 7) {
				for start, more := any(nil), true; more; {
					scan := object{"TableName": "many", "Segment": i, "TotalSegments": of, "Limit": 9}
					if start != nil {
						scan["ExclusiveStartKey"] = start
					}
					page := must(t, e, "Scan", scan)
					for _, item := range page["Items"].([]any) {
						got = append(got, item.(object)["K"].(object)["S"].(string))
					}
					start = page["LastEvaluatedKey"]
					more = start != nil
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if of <= 7 && !slices.Equal(got, want) {
				t.Errorf("%d segments have %d items, want each of %d once", of, len(got), len(want))
			}
		}
	})
}
