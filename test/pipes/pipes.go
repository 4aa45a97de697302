// Package pipes is a network without sockets, for servers in a synctest bubble: the
// deadlines of its connections keep to the bubble's clock.
package pipes

import "net"

// A Listener accepts the connections that Dial makes.
type Listener chan net.Conn

var _ net.Listener = Listener(nil)

// Dial returns the client's end of a new connection, once it is accepted.
func (l Listener) Dial() net.Conn {
	client, server := net.Pipe()
	l <- server
	return client
}

// Accept waits for a connection.
func (l Listener) Accept() (net.Conn, error) {
	connection, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return connection, nil
}

// Close ends Accept.
func (l Listener) Close() error { close(l); return nil }

// Addr returns no address.
func (l Listener) Addr() net.Addr { return &net.TCPAddr{} }
