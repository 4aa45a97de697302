package console

import (
	"bytes"
	"cmp"
	"context"
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

// Build records a change in the build of a function.
func (c *Console) Build(name string, change func(*Build)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.functions[name].build)
	c.wake()
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
			w.Header().Get(contract.HeaderIdempotencyReplayed) != "", began, milliseconds(took)})
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

func (w *watched) WriteHeader(status int) {
	w.status = cmp.Or(w.status, status)
	w.ResponseWriter.WriteHeader(status)
}

// Invoker runs a function; see package apigateway.
type Invoker interface {
	Invoke(ctx context.Context, event []byte) ([]byte, error)
}

// Function returns an invoker that records the invocations of an endpoint's function.
func (c *Console) Function(name string, next Invoker) Invoker { return invoker{c, name, next} }

type invoker struct {
	console *Console
	name    string
	next    Invoker
}

func (i invoker) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	began := time.Now()
	answer, err := i.next.Invoke(ctx, event)
	last, status := "", http.StatusOK
	if err != nil {
		last, status = clip(err.Error()), http.StatusBadGateway
	}
	i.console.count(&i.console.functions[i.name].piece, last, status, time.Since(began))
	return answer, err
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

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
