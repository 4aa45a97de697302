package lambda

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"visitplannr/test/pipes"

	"visitplannr/test/check"
)

const api = "/2018-06-01/runtime/"

// client plays the function's part of a session.
type client struct {
	*session
	server *httptest.Server
}

func newClient(t *testing.T) *client {
	s := newSession()
	server := httptest.NewServer(s.handler())
	t.Cleanup(server.Close)
	return &client{s, server}
}

// post returns the status and the errorType of the answer.
func (c *client) post(t *testing.T, call, body string) (status int, errorType string) {
	t.Helper()
	response := check.Value(http.Post(c.server.URL+api+call, "application/json", strings.NewReader(body)))(t)
	defer response.Body.Close()
	var document struct{ ErrorType, ErrorMessage, Status string }
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatalf("POST %s: the answer is not JSON: %v", call, err)
	}
	if response.StatusCode != http.StatusAccepted && document.ErrorMessage == "" {
		t.Errorf("POST %s: the refusal with status %d has no errorMessage", call, response.StatusCode)
	}
	return response.StatusCode, document.ErrorType
}

// next returns the answer to invocation/next once it has come.
func (c *client) next() <-chan *http.Response {
	answers := make(chan *http.Response, 1)
	go func() {
		defer close(answers)
		response, err := http.Get(c.server.URL + api + "invocation/next")
		if err != nil {
			return
		}
		response.Body.Close()
		answers <- response
	}()
	return answers
}

// running brings the session to where inv is running.
func (c *client) running(t *testing.T, inv *invocation) {
	t.Helper()
	answers := c.next()
	<-c.ready
	c.begin(inv)
	response := <-answers
	if response == nil {
		t.Fatal("invocation/next failed")
	}
	if got := response.Header.Get("Lambda-Runtime-Aws-Request-Id"); got != inv.requestID {
		t.Fatalf("invocation/next gave request %q, want %q", got, inv.requestID)
	}
}

func TestSessionRefusesWhatDoesNotBelong(t *testing.T) {
	t.Parallel()
	inv := newInvocation([]byte("{}"), "arn", time.Now())
	idle := func(t *testing.T, c *client) {}
	busy := func(t *testing.T, c *client) { c.running(t, inv) }
	done := func(t *testing.T, c *client) {
		c.running(t, inv)
		if status, _ := c.post(t, "invocation/"+inv.requestID+"/response", "1"); status != http.StatusAccepted {
			t.Fatalf("first response: got status %d, want 202", status)
		}
	}
	for _, tt := range []struct {
		name      string
		given     func(*testing.T, *client)
		call      string
		status    int
		errorType string
	}{
		{"a response before any invocation", idle, "invocation/" + inv.requestID + "/response", 400, "InvalidRequestID"},
		{"a response to an unknown request", busy, "invocation/other/response", 400, "InvalidRequestID"},
		{"an error for an unknown request", busy, "invocation/other/error", 400, "InvalidRequestID"},
		{"a second response", done, "invocation/" + inv.requestID + "/response", 403, "InvalidStateTransition"},
		{"an error after the response", done, "invocation/" + inv.requestID + "/error", 403, "InvalidStateTransition"},
		{"an init error after the start", busy, "init/error", 403, "InvalidStateTransition"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			tt.given(t, c)
			status, errorType := c.post(t, tt.call, "2")
			if status != tt.status || errorType != tt.errorType {
				t.Errorf("got %d %q, want %d %q", status, errorType, tt.status, tt.errorType)
			}
		})
	}

	t.Run("an invocation after an init error", func(t *testing.T) {
		t.Parallel()
		c := newClient(t)
		if status, _ := c.post(t, "init/error", `{"errorType":"A","errorMessage":"b"}`); status != http.StatusAccepted {
			t.Errorf("init/error: got status %d, want 202", status)
		}
		if response := <-c.next(); response == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("invocation/next: got %+v, want status 403", response)
		}
	})
}

func TestSessionKeepsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	inv := newInvocation([]byte("{}"), "arn", time.Now())
	c.running(t, inv)
	c.post(t, "invocation/"+inv.requestID+"/response", "first")
	c.post(t, "invocation/"+inv.requestID+"/response", "second")
	result, unseen := c.finish(inv, errors.New("no answer"))
	if string(result.payload) != "first" || result.err != nil || unseen {
		t.Errorf("got %q, %v, unseen %t; want \"first\", no error, seen", result.payload, result.err, unseen)
	}
}

func TestAProcessWaitsForAnInvocationWithoutALimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, network := newSession(), make(pipes.Listener)
		server := s.server("SECRET", "", nil)
		go func() { _ = server.Serve(network) }()
		defer server.Close()
		process := network.Dial()
		defer process.Close()
		answers := bufio.NewReader(process)
		for _, payload := range []string{"first", "second"} {
			_, _ = io.WriteString(process, "GET /SECRET"+api+"invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n")
			<-s.ready
			time.Sleep(time.Hour) // of the bubble's clock
			inv := newInvocation([]byte(payload), "arn", time.Now())
			s.begin(inv)
			response, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(response.Body); err != nil || string(got) != payload {
				t.Errorf("got %s, %v; want %s", got, err, payload)
			}
			_, _ = fmt.Fprintf(process, "POST /SECRET%sinvocation/%s/response HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{", api, inv.requestID)
			time.Sleep(time.Hour) // at a breakpoint
			_, _ = io.WriteString(process, "}")
			if response, err = http.ReadResponse(answers, nil); err != nil || response.StatusCode != http.StatusAccepted {
				t.Fatalf("got %v, %v; want the answer accepted", response, err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			time.Sleep(time.Hour) // at another
		}
	})
}

func TestSessionGivesAnInvocationAgainToAFunctionThatLostIt(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	inv := newInvocation([]byte("{}"), "arn", time.Now())
	c.running(t, inv)
	response := <-c.next()
	if response == nil || response.Header.Get("Lambda-Runtime-Aws-Request-Id") != inv.requestID {
		t.Errorf("got %+v, want request %s again", response, inv.requestID)
	}
}

func TestSessionReportsAnInvocationThatNobodyFetchedAsUnseen(t *testing.T) {
	t.Parallel()
	s := newSession()
	if _, refused := s.ask(); refused != nil {
		t.Fatalf("the first invocation/next was refused: %+v", refused)
	}
	inv := newInvocation(nil, "arn", time.Now())
	s.begin(inv)
	failure := errors.New("the process is gone")
	if result, unseen := s.finish(inv, failure); !errors.Is(result.err, failure) || !unseen {
		t.Errorf("got %v, unseen %t; want %v, unseen true", result.err, unseen, failure)
	}
}

func TestSessionDoesNotTakeHalfAResponse(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	inv := newInvocation([]byte("{}"), "arn", time.Now())
	c.running(t, inv)
	body, write := io.Pipe()
	go func() {
		_, _ = io.WriteString(write, "half of an")
		write.CloseWithError(errors.New("the function was killed"))
	}()
	if response, err := http.Post(c.server.URL+api+"invocation/"+inv.requestID+"/response", "", body); err == nil {
		t.Errorf("got status %d, want a broken connection", response.StatusCode)
	}
	c.server.Close() // waits for the handler
	failure := errors.New("no answer")
	if result, unseen := c.finish(inv, failure); !errors.Is(result.err, failure) || unseen {
		t.Errorf("got %q, %v, unseen %t; want %v, seen", result.payload, result.err, unseen, failure)
	}
}

func TestFunctionErrorKeepsWhatTheFunctionSent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, document, header, wantType, wantMessage string }{
		{"a document", `{"errorType":"NotFound","errorMessage":"no such place"}`, "Header.Type", "NotFound", "no such place"},
		{"a document without a type", `{"errorMessage":"no such place"}`, "Header.Type", "Header.Type", "no such place"},
		{"plain text", "no such place", "Header.Type", "Header.Type", "no such place"},
		{"nothing", "", "", "Function.Unknown", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := functionError([]byte(tt.document), tt.header)
			if got.Type != tt.wantType || got.Message != tt.wantMessage || string(got.Payload) != tt.document {
				t.Errorf("got %q %q %q, want %q %q %q", got.Type, got.Message, got.Payload, tt.wantType, tt.wantMessage, tt.document)
			}
		})
	}
}
