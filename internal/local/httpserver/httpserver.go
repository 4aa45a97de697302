// Package httpserver is the HTTP server of a local run, and the one place for the limits
// of all its servers: no client can keep a connection without using it, or hold up the
// end.
package httpserver

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Limits of every server. A handler that may take longer moves the deadlines of its
// request, with an http.ResponseController.
const (
	headerTimeout  = 10 * time.Second // to send the header of a request
	readTimeout    = 30 * time.Second // to send the request
	writeTimeout   = time.Minute      // from the header of the request to the end of the answer
	idleTimeout    = 2 * time.Minute  // between two requests; Go's and AWS's clients keep a connection for 90 s
	maxHeaderBytes = 64 << 10         // API Gateway takes 10,240 bytes, and its words for more are the gateway's

	// endTimeout is what clients have at the server's end to send the rest of a request.
	// It is not 0, because a request may have arrived that nobody has read yet.
	endTimeout = 500 * time.Millisecond
)

// A Server is an http.Server with limits. Serve and Shutdown are its own.
type Server struct {
	*http.Server

	mu          sync.Mutex
	connections map[*connection]bool
	end         time.Time // after which no request is read; zero: the server does not end yet
}

// New returns a server for a handler. It logs errors of connections to errorLog.
func New(handler http.Handler, errorLog *log.Logger) *Server {
	return &Server{connections: map[*connection]bool{}, Server: &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}}
}

// Serve serves connections until Shutdown or Close, and then returns
// http.ErrServerClosed.
func (s *Server) Serve(l net.Listener) error { return s.Server.Serve(listener{l, s}) }

// Shutdown refuses new connections and answers the requests that have arrived. It waits
// for what clients have not sent yet for half a second, and for the answers until ctx
// ends. Then it closes what is left and returns an error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.end = time.Now().Add(endTimeout)
	for c := range s.connections {
		_ = c.bound() // fails for a connection that is closed
	}
	s.mu.Unlock()
	err := s.Server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.Close())
	}
	return err
}

type listener struct {
	net.Listener
	server *Server
}

func (l listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &connection{Conn: accepted, server: l.server}
	l.server.mu.Lock()
	l.server.connections[c] = true
	l.server.mu.Unlock()
	return c, nil
}

// connection is a client's. http.Server sets its deadline for each part of a request,
// and takes the deadline away when it has read the whole request.
type connection struct {
	net.Conn
	server   *Server
	deadline time.Time // guarded by server.mu
}

func (c *connection) SetReadDeadline(t time.Time) error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.deadline = t
	return c.bound()
}

// bound sets the deadline, but not later than the server's end. The caller holds
// server.mu.
func (c *connection) bound() error {
	if end := c.server.end; !end.IsZero() && c.deadline.After(end) {
		return c.Conn.SetReadDeadline(end)
	}
	return c.Conn.SetReadDeadline(c.deadline)
}

func (c *connection) Close() error {
	c.server.mu.Lock()
	delete(c.server.connections, c)
	c.server.mu.Unlock()
	return c.Conn.Close()
}
