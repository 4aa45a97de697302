package httpserver

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"visitplannr/test/pipes"
)

func TestClientsAreLetGo(t *testing.T) {
	t.Parallel()
	const shutdown = true
	for name, c := range map[string]struct {
		sends string
		reads bool
		ends  bool // the server ends as soon as it has got what the client sends
		after time.Duration
	}{
		"that send nothing":           {"", true, !shutdown, headerTimeout},
		"that send half a header":     {"GET / HTTP/1.1\r\n", true, !shutdown, headerTimeout},
		"that send half a body":       {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{", true, !shutdown, readTimeout},
		"that do not read the answer": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, !shutdown, writeTimeout},
		"that send no second request": {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, !shutdown, idleTimeout},
		"that have a slow answer":     {"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", true, !shutdown, 50*time.Second + idleTimeout},

		"at the end, having sent nothing":       {"", true, shutdown, endTimeout},
		"at the end, having sent half a header": {"GET / HTTP/1.1\r\n", true, shutdown, endTimeout},
		"at the end, having sent half a body":   {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{", true, shutdown, endTimeout},
		"at the end, after an answer":           {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true, shutdown, 0},
		"at the end, with an answer due":        {"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", true, shutdown, 50 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var failed bytes.Buffer
				server := New(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					if r.URL.Path == "/slow" {
						time.Sleep(50 * time.Second) // of the bubble's clock
						if err := r.Context().Err(); err != nil {
							t.Errorf("the request that is answered got %v", err)
						}
					}
					fmt.Fprintf(w, "%0100000d", 0)
				}), log.New(&failed, "", 0))
				closed := make(chan time.Time, 1)
				server.ConnState = func(_ net.Conn, state http.ConnState) {
					if state == http.StateClosed {
						closed <- time.Now()
					}
				}
				network := make(pipes.Listener)
				go func() { _ = server.Serve(network) }()
				began, ours := time.Now(), network.Dial()
				defer ours.Close()
				if c.sends != "" {
					_, _ = io.WriteString(ours, c.sends)
				}
				if c.reads {
					go func() { _, _ = io.Copy(io.Discard, ours) }()
				}
				synctest.Wait()
				if !c.ends {
					defer func() { _ = server.Shutdown(t.Context()) }()
				} else if err := server.Shutdown(t.Context()); err != nil {
					t.Errorf("the server did not end: %v", err)
				}
				if got := (<-closed).Sub(began); got != c.after {
					t.Errorf("got the connection closed after %v, want %v", got, c.after)
				}
				if len(server.connections) != 0 || failed.Len() > 0 {
					t.Errorf("got %d connections kept and the log %q, want none", len(server.connections), &failed)
				}
			})
		})
	}
}
