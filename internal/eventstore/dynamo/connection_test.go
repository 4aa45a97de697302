package dynamo_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/test/check"
)

// A new connection costs a TLS handshake. If a server answers as soon as it has the
// body, a client that does not read the whole answer loses connections.
func TestRequestsInARowShareOneConnection(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)

	client := check.Value(dynamo.NewClient(environment(server.URL)))(t)
	check.OK(t, dynamo.Warm(t.Context(), client))
	store := dynamo.New(client, "events")
	for range 500 {
		check.OK(t, store.Open(t.Context(), opening(t)))
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("500 writes and the warm-up used %d connections, want 1", got)
	}
}

// A URL that holds a password is in the environment, and must not get into the log.
func TestFailuresDoNotShowTheEndpointsPassword(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there now
	client, err := dynamo.NewClient(environment(strings.Replace(server.URL, "http://", "http://user:hunter2@", 1)))
	check.OK(t, err)
	err = dynamo.Warm(t.Context(), client)
	if err == nil || !strings.Contains(err.Error(), "http://user:") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v; want an error that tells the URL without its password", err)
	}
}

// environment is what a client of the endpoint reads instead of os.Getenv.
func environment(endpoint string) func(string) string {
	values := map[string]string{
		dynamo.EnvEndpoint: endpoint, "AWS_REGION": "local",
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret",
	}
	return func(name string) string { return values[name] }
}

func opening(t *testing.T) eventstore.Event {
	t.Helper()
	id := check.Value(eventstore.NewID())(t)
	return check.Value(eventstore.Opening("destination", id, "destinationProposed", 1, time.Now(), "cause", []byte(`{"name":"Brockholes"}`)))(t)
}
