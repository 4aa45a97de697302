package engine_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/engine"
)

func start(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEngine(t *testing.T) {
	t.Parallel()

	t.Run("says that it cannot listen where another one does", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		if other, err := engine.Start(strings.TrimPrefix(e.URL(), "http://")); err == nil {
			t.Errorf("two engines listen at %s: %v", e.URL(), other)
		}
	})

	t.Run("is gone when it is closed", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if response, err := http.Get(e.URL()); err == nil {
			response.Body.Close()
			t.Errorf("%s still answers %s", e.URL(), response.Status)
		}
	})

	t.Run("does not wait for connections that bring no request", func(t *testing.T) {
		t.Parallel()
		e := start(t)
		connection, err := net.Dial("tcp", strings.TrimPrefix(e.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // Shutdown alone would take 5
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}
