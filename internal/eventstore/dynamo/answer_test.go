package dynamo

import (
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"visitplannr/internal/eventstore"
)

// scripted is a network on which every request gets the same answer.
type scripted struct {
	status            int
	contentType, body string
	sum               string // X-Amz-Crc32; empty: none
	attempts          int
}

func (s *scripted) RoundTrip(*http.Request) (*http.Response, error) {
	s.attempts++
	return &http.Response{
		StatusCode: s.status,
		Header:     http.Header{"Content-Type": {s.contentType}, "X-Amz-Crc32": {s.sum}},
		Body:       io.NopCloser(strings.NewReader(s.body)),
	}, nil
}

// calls are all requests that a store makes, by operation.
var calls = map[string]func(context.Context, *testing.T, *Store) error{
	"PutItem": func(ctx context.Context, t *testing.T, s *Store) error { return s.Open(ctx, brockholes(t)) },
	"GetItem": func(ctx context.Context, t *testing.T, s *Store) error {
		item, err := encode(brockholes(t))
		if err == nil {
			_, err = s.get(ctx, item)
		}
		return err
	},
	"Query": func(ctx context.Context, t *testing.T, s *Store) error {
		for _, err := range s.Stream(ctx, brockholes(t).StreamName) {
			return err
		}
		return nil
	},
	"Scan": func(ctx context.Context, _ *testing.T, s *Store) error {
		for _, err := range s.All(ctx) {
			return err
		}
		return nil
	},
	"CreateTable":   func(ctx context.Context, _ *testing.T, s *Store) error { _, err := s.CreateTable(ctx); return err },
	"DescribeTable": func(ctx context.Context, _ *testing.T, s *Store) error { return s.CheckTable(ctx) },
}

// successes are DynamoDB's shortest answers to the calls.
var successes = map[string]string{
	"PutItem": `{}`, "GetItem": `{}`, "Query": `{"Count":0,"Items":[],"ScannedCount":0}`, "Scan": `{"Items":[]}`,
	"CreateTable": `{"TableDescription":{"TableStatus":"ACTIVE"}}`, "DescribeTable": `{"Table":{"TableStatus":"ACTIVE"}}`,
}

// invocation is the time that a function's store call has, within the 10 s of its
// invocation.
const invocation = 9500 * time.Millisecond

// wantCall makes a call with a clock of its own. It wants that many attempts, within the
// time of an invocation.
func wantCall(t *testing.T, operation string, network *scripted, attempts int, check func(error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		options := clientOptions("", "eu-west-1", aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"})
		options.HTTPClient = inMemory{network}
		ctx, cancel := context.WithTimeout(t.Context(), invocation)
		defer cancel()
		check(calls[operation](ctx, t, New(dynamodb.New(options), "events")))
		if network.attempts != attempts || ctx.Err() != nil {
			t.Errorf("asked %d times, %v; want %d times, in time", network.attempts, ctx.Err(), attempts)
		}
	})
}

func TestOnlyDynamoDBsAnswersAreBelieved(t *testing.T) {
	t.Parallel()
	sumOf := func(body string) string { return fmt.Sprint(crc32.ChecksumIEEE([]byte(body))) }
	for operation, success := range successes {
		for _, sum := range []string{"", sumOf(success)} {
			t.Run(fmt.Sprintf("%s believes DynamoDB, checksum %q", operation, sum), func(t *testing.T) {
				wantCall(t, operation, &scripted{status: 200, contentType: mediaType, body: success, sum: sum}, 1, func(err error) {
					if err != nil {
						t.Error(err)
					}
				})
			})
		}
		foreign := map[string]scripted{
			"nothing":                         {status: 200, contentType: mediaType},
			"a login page":                    {status: 200, contentType: "text/html", body: "<html>Please log in</html>"},
			"a login page, mislabelled":       {status: 200, contentType: mediaType, body: "<html>Please log in</html>"},
			"another content type":            {status: 200, contentType: "application/json", body: success},
			"no content type":                 {status: 200, body: success},
			"a wrong checksum":                {status: 200, contentType: mediaType, body: success, sum: sumOf(success + " ")},
			"a checksum that is not a number": {status: 200, contentType: mediaType, body: success, sum: "x"},
			"half of the JSON":                {status: 200, contentType: mediaType, body: success[:len(success)-1]},
			"a list":                          {status: 200, contentType: mediaType, body: "[]"},
			"null":                            {status: 200, contentType: mediaType, body: "null"},
			"another object":                  {status: 200, contentType: mediaType, body: `{"status":"ok"}`},
			"a failure called a success":      {status: 200, contentType: mediaType, body: `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`},
			"a redirect":                      {status: 302, contentType: mediaType, body: "{}"},
			"a redirect with a page":          {status: 307, contentType: "text/html", body: "<html>Moved</html>"},
			"nothing new":                     {status: 304},
			"a 400 without a code":            {status: 400, contentType: mediaType, body: `{"message":"Bad Request"}`},
			"a 400 without anything":          {status: 400},
			"a 403 with a page":               {status: 403, contentType: "text/html", body: "<html>Blocked</html>"},
			"a 404 without a code":            {status: 404, contentType: "application/json", body: `{}`},
			"a refusal with a wrong sum":      {status: 400, contentType: mediaType, body: `{"__type":"x#ValidationException"}`, sum: "1"},
			"members that are null":           {status: 200, contentType: mediaType, body: `{"Items":null,"Table":null,"TableDescription":null,"Attributes":null,"Item":null}`},
			"tables without a status":         {status: 200, contentType: mediaType, body: `{"Table":{},"TableDescription":{}}`},
			"the answer to another question":  {status: 200, contentType: mediaType, body: `{"TableNames":[]}`},
		}
		for _, status := range []int{201, 202, 203, 204, 205, 206, 226} {
			foreign[fmt.Sprint("success, and status ", status)] = scripted{status: status, contentType: mediaType, body: success}
		}
		if success != "{}" {
			foreign["an empty object"] = scripted{status: 200, contentType: mediaType, body: "{}"}
		}
		for name, answer := range foreign {
			t.Run(operation+" does not believe "+name, func(t *testing.T) {
				wantCall(t, operation, &answer, maxAttempts, func(err error) { wantOnly(t, err, eventstore.ErrUnavailable) })
			})
		}
	}
}

// The log must say what a call met, also when it met it again and again.
func TestRetriesEndBeforeTheInvocationAndSayWhy(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]error{
		"ProvisionedThroughputExceededException": eventstore.ErrThrottled,
		"ThrottlingException":                    eventstore.ErrThrottled,
		"InternalServerError":                    eventstore.ErrUnavailable,
	} {
		t.Run(code, func(t *testing.T) {
			answer := scripted{status: 400, contentType: mediaType, body: `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `"}`}
			if code == "InternalServerError" {
				answer.status = 500
			}
			wantCall(t, "PutItem", &answer, maxAttempts, func(err error) {
				wantOnly(t, err, want)
				if err != nil && !strings.Contains(err.Error(), code) {
					t.Errorf("got %v, want one that says %s", err, code)
				}
			})
		})
	}
}

// An engine that says both cannot be relied on to have stored anything.
func TestAStreamThatExistsWithoutAnItemIsUnavailable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutItem") {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}`)
			return
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(server.Close)
	wantOnly(t, New(clientOf(t, server.URL), "events").Open(t.Context(), brockholes(t)), eventstore.ErrUnavailable)
}
