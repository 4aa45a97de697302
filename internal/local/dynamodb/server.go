// Package dynamodb is the embedded DynamoDB engine of the local run. It speaks
// DynamoDB's JSON protocol over HTTP, with its answers, limits and errors, and keeps
// tables in a bbolt file. It implements what this system, its tests and common table
// viewers call. It refuses transactions, PartiQL, indexes, streams and the legacy
// parameters by name. docs/engines.md says how close to DynamoDB it is and how that is
// tested.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"visitplannr/internal/local/httpserver"
)

// A Server is an engine that listens on an address.
type Server struct {
	engine   *Engine
	listener net.Listener
	server   *httpserver.Server
}

// Start opens an engine that listens on the TCP address addr, such as 127.0.0.1:8000;
// port 0 picks a free port. It fails if it cannot listen there, and with the errors of
// Open.
func Start(addr string, o Options) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("embedded DynamoDB engine: %w", err)
	}
	engine, err := Open(o)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{engine: engine, listener: listener}
	var handler http.Handler = engine
	if o.Around != nil {
		handler = o.Around(handler)
	}
	s.server = httpserver.New(handler, slog.NewLogLogger(engine.options.Logger.Handler(), slog.LevelError))
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return s, nil
}

// URL returns the engine's endpoint.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops the engine when the requests under way are done, or when ctx ends.
func (s *Server) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("stop embedded DynamoDB engine: %w", err)
	}
	return errors.Join(err, s.engine.Close())
}
