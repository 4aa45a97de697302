package dynamodb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"visitplannr/internal/local/dynamodb"
)

func start(t *testing.T) *dynamodb.Engine {
	t.Helper()
	e, err := dynamodb.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEngine(t *testing.T) {
	t.Parallel()

	t.Run("says that it cannot listen where another one does", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		if other, err := dynamodb.Start(strings.TrimPrefix(e.URL(), "http://")); err == nil {
			t.Errorf("two engines listen at %s: %v", e.URL(), other)
		}
	})

	t.Run("is gone when it is closed", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if response, err := http.Get(e.URL()); err == nil {
			response.Body.Close()
			t.Errorf("%s still answers %s", e.URL(), response.Status)
		}
	})

	t.Run("does not wait for connections that bring no request", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		connection, err := net.Dial("tcp", strings.TrimPrefix(e.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // Shutdown alone would take 5
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})

	// Under -race this fails as soon as two of them meet unguarded.
	t.Run("makes tables while others are used", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		call := func(operation, input string) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL(), strings.NewReader(input))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s %s: %s", operation, input, response.Status)
			}
		}
		create := func(name string) {
			call("CreateTable", `{"TableName":"`+name+`","BillingMode":"PAY_PER_REQUEST",`+
				`"KeySchema":[{"AttributeName":"K","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"K","AttributeType":"S"}]}`)
		}
		create("used")
		var group sync.WaitGroup
		for i := range 20 {
			group.Go(func() { create(fmt.Sprint("made-", i)) })
			group.Go(func() { call("PutItem", `{"TableName":"used","Item":{"K":{"S":"k"}}}`) })
			group.Go(func() { call("GetItem", `{"TableName":"used","Key":{"K":{"S":"k"}}}`) })
		}
		group.Wait()
	})

	t.Run("answers in this process as it does at its URL", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		call := func(transport http.RoundTripper, operation, input string) (status int, contentType, body string) {
			t.Helper()
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL(), strings.NewReader(input))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			answer, err := io.ReadAll(response.Body)
			if err != nil || response.ContentLength != int64(len(answer)) {
				t.Errorf("%s: %d bytes of %d, %v", operation, len(answer), response.ContentLength, err)
			}
			return response.StatusCode, response.Header.Get("Content-Type"), string(answer)
		}
		table := `{"TableName":"t","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"K","KeyType":"HASH"}],` +
			`"AttributeDefinitions":[{"AttributeName":"K","AttributeType":"S"}]}`
		if status, _, body := call(e.Transport(), "CreateTable", table); status != http.StatusOK {
			t.Fatal(body)
		}
		for operation, input := range map[string]string{
			"PutItem":     `{"TableName":"t","Item":{"K":{"S":"k"}}}`,
			"GetItem":     `{"TableName":"t","Key":{"K":{"S":"k"}}}`,
			"DeleteTable": `{"TableName":"no such"}`,
			"NoSuchThing": `{}`,
			"Query":       `{`,
		} {
			status, contentType, body := call(e.Transport(), operation, input)
			wantStatus, wantType, want := call(http.DefaultTransport, operation, input)
			if status != wantStatus || contentType != wantType || body != want {
				t.Errorf("%s\n got %d %s %s\nwant %d %s %s", operation, status, contentType, body, wantStatus, wantType, want)
			}
		}
	})

	t.Run("does nothing in this process for a request that has ended", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := e.Transport().RoundTrip(request); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, %v; want an error that is %v", response, err, context.Canceled)
		}
	})

	t.Run("loses a request, and not the process, when it panics", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.URL(), panicking{})
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		response, err := e.Transport().RoundTrip(request)
		if err == nil || !strings.Contains(err.Error(), "no such luck") {
			t.Errorf("got %v, %v; want the panic as an error", response, err)
		}
	})
}

// panicking is a body that cannot be read.
type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("no such luck") }
