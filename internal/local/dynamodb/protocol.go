package dynamodb

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The region and account in the ARNs of the engine's tables. It accepts requests signed
// for any other.
const (
	region  = "us-east-1"
	account = "000000000000"
)

// maxRequest is DynamoDB's limit on a request, in bytes.
const maxRequest = 16 << 20

// A Grant is what one set of credentials may do. Credentials without a grant may do
// everything.
type Grant struct {
	Role    string   // its ARN, for the text of the refusal
	Table   string   // the name of the one table
	Actions []string // names of operations, such as PutItem, without the prefix dynamodb:
}

// Options configure an engine. The zero value is an empty engine in memory.
type Options struct {
	// Path is the file that holds the tables; it is created if it does not exist. ""
	// keeps them in memory.
	Path string

	// Grants by access key id. The engine reads a request's access key id but does not
	// check its signature.
	Grants map[string]Grant

	// Around, unless nil, wraps the handler of a Server.
	Around func(http.Handler) http.Handler

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // for the engine's own failures; nil: slog.Default()
}

// An Engine is an http.Handler that speaks DynamoDB's protocol. It is safe for
// concurrent use.
type Engine struct {
	*storage
	options Options
}

// Open opens an engine. If the file is not a sound one of this version, or in use, Open
// fails and changes nothing. The caller must call Close.
func Open(o Options) (*Engine, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s, err := openStorage(o)
	if err != nil {
		return nil, err
	}
	return &Engine{s, o}, nil
}

// Close finishes the writes under way and closes the engine. Later requests get an
// error.
func (e *Engine) Close() error { return e.close() }

// A fault is an error answer of DynamoDB's.
type fault struct {
	code    string
	message string
	item    jsontext.Value // on which a condition failed, if requested
}

func (f *fault) Error() string { return f.code + ": " + f.message }

// Codes of faults.
const (
	accessDenied     = "AccessDeniedException"
	conditionFailed  = "ConditionalCheckFailedException"
	internalError    = "InternalServerError"
	limitExceeded    = "LimitExceededException"
	missingToken     = "MissingAuthenticationTokenException"
	resourceInUse    = "ResourceInUseException"
	resourceNotFound = "ResourceNotFoundException"
	serialization    = "SerializationException"
	tableNotFound    = "TableNotFoundException"
	tooLarge         = "RequestEntityTooLargeException"
	unknownOperation = "UnknownOperationException"
	validation       = "ValidationException"
)

func invalid(format string, args ...any) *fault {
	return &fault{code: validation, message: fmt.Sprintf(format, args...)}
}

// MarshalJSONTo implements json.MarshalerTo.
func (f *fault) MarshalJSONTo(e *jsontext.Encoder) error {
	namespace := "com.amazonaws.dynamodb.v20120810#"
	switch f.code {
	case validation:
		namespace = "com.amazon.coral.validate#"
	case accessDenied, missingToken, serialization, tooLarge, unknownOperation:
		namespace = "com.amazon.coral.service#"
	}
	return json.MarshalEncode(e, struct {
		Type    string         `json:"__type"`
		Message string         `json:"message"`
		Item    jsontext.Value `json:",omitzero"`
	}{namespace + f.code, f.message, f.item})
}

// statuses of faults other than 400.
var statuses = map[string]int{internalError: http.StatusInternalServerError, tooLarge: http.StatusRequestEntityTooLarge}

// operations are those that the engine has.
var operations = map[string]func(*Engine, *request) (any, error){
	"BatchGetItem":              (*Engine).batchGetItem,
	"BatchWriteItem":            (*Engine).batchWriteItem,
	"CreateTable":               (*Engine).createTable,
	"DeleteItem":                (*Engine).deleteItem,
	"DeleteTable":               (*Engine).deleteTable,
	"DescribeContinuousBackups": (*Engine).describeUntouched,
	"DescribeEndpoints":         (*Engine).describeEndpoints,
	"DescribeLimits":            (*Engine).describeUntouched,
	"DescribeTable":             (*Engine).describeTable,
	"DescribeTimeToLive":        (*Engine).describeUntouched,
	"GetItem":                   (*Engine).getItem,
	"ListTables":                (*Engine).listTables,
	"ListTagsOfResource":        (*Engine).describeUntouched,
	"PutItem":                   (*Engine).putItem,
	"Query":                     (*Engine).query,
	"Scan":                      (*Engine).scan,
	"UpdateItem":                (*Engine).updateItem,
}

// ServeHTTP answers a request of DynamoDB's JSON protocol.
func (e *Engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, contentType, body := http.StatusOK, "application/x-amz-json-1.0", []byte(nil)
	if r.Method == http.MethodGet && r.URL.Path == "/" {
		contentType, body = "text/plain", []byte("healthy: dynamodb."+region+".amazonaws.com ") // as DynamoDB says it
	} else {
		out, err := e.answer(w, r)
		if err == nil {
			body, err = json.Marshal(out)
		}
		if err != nil {
			var refused *fault
			if !errors.As(err, &refused) {
				e.options.Logger.Error("embedded DynamoDB engine", "operation", r.Header.Get("X-Amz-Target"), "error", err)
				refused = &fault{code: internalError, message: "The request processing has failed because of an unknown error, exception or failure."}
			}
			status = cmp.Or(statuses[refused.code], http.StatusBadRequest)
			body, _ = json.Marshal(refused) // two texts and a value that was JSON before
		}
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("x-amzn-RequestId", rand.Text()+rand.Text())
	header.Set("x-amz-crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// answer carries out the request. It returns a panic as an error.
func (e *Engine) answer(w http.ResponseWriter, r *http.Request) (_ any, err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			err = fmt.Errorf("panic: %v\n%s", recovered, debug.Stack())
		}
	}()
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	operation := operations[name]
	switch {
	case !ok || r.Method != http.MethodPost:
		return nil, &fault{code: unknownOperation, message: "A request is a POST whose X-Amz-Target is DynamoDB_20120810. and the name of an operation"}
	case operation == nil:
		return nil, &fault{code: unknownOperation, message: "The embedded engine has no operation " + name + ": use another engine, or those that docs/engines.md lists"}
	}
	authorization := r.Header.Get("Authorization")
	if authorization == "" {
		return nil, &fault{code: missingToken, message: "Request is missing Authentication Token"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &fault{code: tooLarge, message: fmt.Sprintf("a request has at most %d bytes", maxRequest)}
	case err != nil:
		return nil, &fault{code: serialization, message: "the body did not arrive: " + err.Error()}
	}
	in := &request{operation: name, host: r.Host}
	if err := json.Unmarshal(body, in); err != nil {
		return nil, &fault{code: serialization, message: err.Error()}
	}
	if grant, ok := e.options.Grants[accessKey(authorization)]; ok {
		if err := grant.check(in); err != nil {
			return nil, err
		}
	}
	if err := in.prepare(); err != nil {
		return nil, err
	}
	return operation(e, in)
}

// accessKey returns the id in an Authorization header of AWS's Signature Version 4:
// AWS4-HMAC-SHA256 Credential=ID/date/region/service/aws4_request, ….
func accessKey(authorization string) string {
	_, credential, _ := strings.Cut(authorization, "Credential=")
	id, _, _ := strings.Cut(credential, "/")
	return id
}

// check refuses what is not granted, with AWS's text.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
func (g Grant) check(in *request) error {
	tables := in.tables()
	if len(tables) == 0 {
		tables = []string{"*"} // of an operation on none
	}
	for _, table := range tables {
		if table != g.Table || !slices.Contains(g.Actions, in.operation) {
			return &fault{code: accessDenied, message: fmt.Sprintf("User: %s is not authorized to perform: dynamodb:%s on resource: %s "+
				"because no identity-based policy allows the dynamodb:%[2]s action", g.Role, in.operation, tableARN(table))}
		}
	}
	return nil
}

func tableARN(name string) string {
	return "arn:aws:dynamodb:" + region + ":" + account + ":table/" + name
}
