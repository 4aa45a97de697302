// Package dynamodb is the embedded DynamoDB of the local run: minidyn, spoken to in
// DynamoDB's own protocol, so that the store's one adapter reaches it as it reaches
// AWS: over HTTP, or in this process without a connection. It keeps everything in
// memory. It is more lenient than DynamoDB (it takes items over 400 KB and empty
// keys); the store's tests run on stricter engines too.
package dynamodb

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/truora/minidyn/server"
)

// Engine is a running engine.
type Engine struct {
	listener net.Listener
	server   *http.Server

	mu     sync.Mutex
	closed bool
	unused map[net.Conn]bool // connections that have not brought a request yet
}

// Start starts an empty engine on the TCP address addr, such as 127.0.0.1:8000,
// or port 0 for any free port, behind what wraps it. It fails when it cannot listen
// there.
func Start(addr string, wrap ...func(http.Handler) http.Handler) (*Engine, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("embedded DynamoDB engine: %w", err)
	}
	e := &Engine{listener: listener, unused: map[net.Conn]bool{}}
	handler := serializeTables(server.NewServer())
	for _, around := range wrap {
		handler = around(handler)
	}
	e.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(log.Writer(), "embedded DynamoDB engine: ", 0),
		ConnState:         e.track,
	}
	go func() { _ = e.server.Serve(listener) }() // ends with Close
	return e, nil
}

// serializeTables lets a request that makes, changes or drops a table be the only
// one: minidyn guards its tables' items, and not its map of tables.
func serializeTables(engine http.Handler) http.Handler {
	var tables sync.RWMutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		switch operation {
		case "CreateTable", "UpdateTable", "DeleteTable":
			tables.Lock()
			defer tables.Unlock()
		default:
			tables.RLock()
			defer tables.RUnlock()
		}
		engine.ServeHTTP(w, r)
	})
}

// URL returns the engine's endpoint.
func (e *Engine) URL() string { return "http://" + e.listener.Addr().String() }

func (e *Engine) track(connection net.Conn, state http.ConnState) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(e.unused, connection)
	case e.closed:
		_ = connection.Close()
	default:
		e.unused[connection] = true
	}
}

// Close stops the engine after the requests that are under way at its URL, or when
// ctx ends. What it held is gone.
func (e *Engine) Close(ctx context.Context) error {
	// A client with many requests opens connections that it may never use, and
	// Shutdown would wait 5 seconds for them.
	e.mu.Lock()
	e.closed = true
	for connection := range e.unused {
		_ = connection.Close() // nobody is told anything over it
	}
	e.mu.Unlock()
	if err := e.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("stop embedded DynamoDB engine: %w", err)
	}
	return nil
}
