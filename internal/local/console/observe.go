package console

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"visitplannr/internal/contract"
)

// function is what is known about a function.
type function struct {
	piece
	build Build
}

// Build is the state of a function's build.
type Build struct {
	Serving time.Time // when the serving code started to serve
	Running bool      // a newer build is running
	Error   string    // why the newest sources do not serve
}

// Building records that a build of a function has begun.
func (c *Console) Building(function string) {
	c.change(function, func(b *Build) { b.Running = true })
}

// Built records how a build of a function has ended.
func (c *Console) Built(function string, err error) {
	c.change(function, func(b *Build) { b.Running, b.Error = false, reason(err) })
}

// Serving records that a function's new code serves, or why it does not.
func (c *Console) Serving(function string, err error) {
	c.change(function, func(b *Build) {
		if b.Error = reason(err); err == nil {
			b.Serving = time.Now()
		}
	})
}

func (c *Console) change(function string, change func(*Build)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.functions[function].build)
	c.wake()
}

// reason returns the text of an error, or "" for nil.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Request is one that the API answered.
type Request struct {
	ID, Method, Path, Function string
	Status                     int
	Replayed                   bool
	At                         time.Time
	Ms                         float64
}

// API returns a handler that records the requests that an API answers.
func (c *Console) API(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		status, took := watch(next, w, r)
		endpoint, _, _ := contract.Match(c.config.Endpoints, r.Method, r.URL.Path)
		c.count(&c.api, strconv.Itoa(status), status, took)
		c.tell("request", Request{w.Header().Get(contract.HeaderRequestID), r.Method, clip(r.URL.Path), endpoint.Function, status,
			w.Header().Get(contract.HeaderIdempotencyReplayed) != "", began, took.Seconds() * 1000})
	})
}

// watch calls a handler and returns the status of its answer and the time it took.
func watch(next http.Handler, w http.ResponseWriter, r *http.Request) (int, time.Duration) {
	began, answer := time.Now(), &watched{ResponseWriter: w}
	next.ServeHTTP(answer, r)
	return cmp.Or(answer.status, http.StatusOK), time.Since(began)
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

// Unwrap lets handlers set the deadlines of the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watched) WriteHeader(status int) {
	w.status = cmp.Or(w.status, status)
	w.ResponseWriter.WriteHeader(status)
}

// Tried tells the page that a function tried the store for a request.
func (c *Console) Tried(requestID string) { c.tell("tried", clip(requestID)) }

// Invoked counts an invocation of a function.
func (c *Console) Invoked(function string, took time.Duration, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadGateway
	}
	c.count(&c.functions[function].piece, clip(reason(err)), status, took)
}

// Engine returns a handler that records requests to a DynamoDB engine for the events
// table, and each item put there by any client.
func (c *Console) Engine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if operation != "PutItem" {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxShown))
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		status, took := watch(next, w, r)
		var put struct {
			TableName string
			Item      json.RawMessage
		}
		if err != nil || json.Unmarshal(body, &put) != nil || put.TableName != c.config.Table {
			return // truncated, too large to show, not JSON, or another table
		}
		c.count(&c.table, strconv.Itoa(status), status, took)
		if status == http.StatusOK {
			c.tell("stored", put.Item)
		}
	})
}

// Log returns a writer for a source's log. Each write must be whole lines, as package
// lambda and slog handlers write them.
func (c *Console) Log(source string) io.Writer { return logs{c, source} }

type logs struct {
	console *Console
	source  string
}

func (l logs) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		l.console.tell("log", struct {
			Source, Line string
			At           time.Time
		}{l.source, clip(strings.TrimRight(line, "\r\n")), time.Now()})
	}
	return len(lines), nil
}

// clip cuts a text to the length that is shown. It copies, so that the rest can be
// freed.
func clip(text string) string {
	if len(text) > maxShown {
		return strings.ToValidUTF8(strings.Clone(text[:maxShown]), "") + "…"
	}
	return text
}
