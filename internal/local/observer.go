package local

import (
	"context"
	"io"
	"iter"
	"net/http"
	"time"

	"visitplannr/internal/eventstore"
	"visitplannr/internal/local/apigateway"
)

// An Observer watches a run, and may show what it sees on a page. Its methods are
// called concurrently.
type Observer interface {
	// Table lends the observer the events table, before the run serves anything.
	Table(all func(context.Context) iter.Seq2[eventstore.Event, error],
		stream func(context.Context, eventstore.StreamName) iter.Seq2[eventstore.Event, error])

	// Page returns the handler of the observer's own page for a request at the API's
	// address; nil: the request is for the API.
	Page(r *http.Request) http.Handler

	// API and Engine return handlers that watch the one that they are given.
	API(next http.Handler) http.Handler
	Engine(next http.Handler) http.Handler

	// Log returns a writer for a copy of the log of a source: a function, or "gateway".
	// Each write is whole lines.
	Log(source string) io.Writer

	// Building says that a build of a function begins, Built how it ended, and Serving
	// that its code serves from now on, or why it does not.
	Building(function string)
	Built(function string, err error)
	Serving(function string, err error)

	// Tried says that a function tried to put an item for a request. It is called where
	// faults can be injected.
	Tried(requestID string)

	// Invoked says that a function was invoked.
	Invoked(function string, took time.Duration, err error)

	// Close says that the run ends. It must end requests to the page that would last.
	Close()
}

// nobody watches a run that has no observer.
type nobody struct{}

var _ Observer = nobody{}

func (nobody) Table(func(context.Context) iter.Seq2[eventstore.Event, error], func(context.Context, eventstore.StreamName) iter.Seq2[eventstore.Event, error]) {
}
func (nobody) Page(*http.Request) http.Handler       { return nil }
func (nobody) API(next http.Handler) http.Handler    { return next }
func (nobody) Engine(next http.Handler) http.Handler { return next }
func (nobody) Log(string) io.Writer                  { return io.Discard }
func (nobody) Building(string)                       {}
func (nobody) Built(string, error)                   {}
func (nobody) Serving(string, error)                 {}
func (nobody) Invoked(string, time.Duration, error)  {}
func (nobody) Tried(string)                          {}
func (nobody) Close()                                {}

// observed is a function that tells the observer of its invocations.
type observed struct {
	apigateway.Invoker
	name     string
	observer Observer
}

func (o observed) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	began := time.Now()
	answer, err := o.Invoker.Invoke(ctx, event)
	o.observer.Invoked(o.name, time.Since(began), err)
	return answer, err
}
