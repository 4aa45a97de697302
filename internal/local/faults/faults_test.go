package faults_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"visitplannr/internal/local/faults"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// answered is what a client sees of one request.
type answered struct {
	status int
	body   string
	err    error
}

const engineBody = `{"Attributes":{}}`

// ask sends one request for an operation through a proxy with a plan, and tells
// whether the engine was asked.
func ask(t *testing.T, plan faults.Plan, operation string) (answered, bool) {
	t.Helper()
	var asked atomic.Bool
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(true)
		_, _ = io.WriteString(w, engineBody)
	}))
	t.Cleanup(engine.Close)
	proxy := enginetest.Behind(t, engine.URL, plan)
	return send(t.Context(), t, proxy.URL(), operation), asked.Load()
}

func send(ctx context.Context, t *testing.T, url, operation string) answered {
	t.Helper()
	request := check.Value(http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}")))(t)
	if operation != "" {
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answered{response.StatusCode, string(body), err}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   faults.Kind
		status int // 0: no answer
		body   string
		asked  bool
	}{
		{faults.None, 200, engineBody, true},
		{faults.Slow, 200, engineBody, true},
		{faults.Throttled, 400, "ProvisionedThroughputExceededException", false},
		{faults.InternalError, 500, "InternalServerError", false},
		{faults.InternalErrorAfter, 500, "InternalServerError", true},
		{faults.Unavailable, 503, "", false},
		{faults.BadGateway, 502, "<html>", false},
		{faults.EmptyOK, 200, "", false},
		{faults.PageOK, 200, "<html>", false},
		{faults.ForeignOK, 200, `{"status":"ok"}`, false},
		{faults.Created, 201, "{}", false},
		{faults.Accepted, 202, "{}", false},
		{faults.NoContent, 204, "", false},
		{faults.Partial, 206, "{}", false},
		{faults.Redirect, 302, "<html>", false},
		{faults.Codeless, 400, `{"message":"Bad Request"}`, false},
		{faults.Truncated, 200, engineBody[:len(engineBody)/2], true},
		{faults.WrongSum, 200, engineBody, true},
		{faults.Invalid, 400, "ValidationException", false},
		{faults.NoTable, 400, "ResourceNotFoundException", false},
		{faults.Denied, 400, "AccessDeniedException", false},
		{faults.DropBefore, 0, "", false},
		{faults.DropAfter, 0, "", true},
		{faults.Crash, 0, "", false},
		{faults.CrashAfter, 0, "", true},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			got, asked := ask(t, faults.Always(c.kind), "PutItem")
			if c.status == 0 && got.err == nil || c.status != 0 && got.err != nil || got.status != c.status || !strings.Contains(got.body, c.body) {
				t.Errorf("got %d %q, %v; want %d with %q", got.status, got.body, got.err, c.status, c.body)
			}
			if asked != c.asked {
				t.Errorf("the engine was asked: %t, want %t", asked, c.asked)
			}
		})
	}

	t.Run("an answer is cut in its middle", func(t *testing.T) {
		t.Parallel()
		got, asked := ask(t, faults.Always(faults.Cut), "PutItem")
		if !errors.Is(got.err, io.ErrUnexpectedEOF) || got.body == engineBody || !asked {
			t.Errorf("got %q, %v, asked %t; want half a body, and an engine that was asked", got.body, got.err, asked)
		}
	})

	t.Run("a request hangs until its client goes, after the engine has done it", func(t *testing.T) {
		t.Parallel()
		var asked atomic.Bool
		engine := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
		t.Cleanup(engine.Close)
		proxy := enginetest.Behind(t, engine.URL, faults.Always(faults.Hang))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-proxy.Hanging()
			cancel()
		}()
		if got := send(ctx, t, proxy.URL(), "PutItem"); !errors.Is(got.err, context.Canceled) || !asked.Load() {
			t.Errorf("got %+v, asked %t; want no answer, and an engine that was asked", got, asked.Load())
		}
	})

	t.Run("a request that is for no operation is left alone", func(t *testing.T) {
		t.Parallel()
		if got, _ := ask(t, faults.Always(faults.DropBefore), ""); got.status != 200 {
			t.Errorf("got %+v, want 200", got)
		}
	})
}

func TestPlans(t *testing.T) {
	t.Parallel()
	take := func(plan faults.Plan, n int) map[faults.Kind]int {
		counts := map[faults.Kind]int{}
		for range n {
			counts[plan("PutItem")]++
		}
		return counts
	}

	t.Run("random faults come at their rates, and again under their seed", func(t *testing.T) {
		t.Parallel()
		rates := []faults.Rate{{Kind: faults.Throttled, Rate: 0.2}, {Kind: faults.DropAfter, Rate: 0.1}}
		counts := take(faults.Random(7, rates...), 10000)
		if n := counts[faults.Throttled]; n < 1800 || n > 2200 {
			t.Errorf("%d of 10000 throttled, want about 2000", n)
		}
		if n := counts[faults.DropAfter]; n < 850 || n > 1150 {
			t.Errorf("%d of 10000 dropped, want about 1000", n)
		}
		if again := take(faults.Random(7, rates...), 10000); !maps.Equal(again, counts) {
			t.Errorf("got %v, then %v", counts, again)
		}
	})

	t.Run("half of the crashes come after the engine's answer", func(t *testing.T) {
		t.Parallel()
		counts := take(faults.Random(7, faults.Rate{Kind: faults.Crash, Rate: 0.4}), 10000)
		if before, after := counts[faults.Crash], counts[faults.CrashAfter]; before < 1850 || before > 2150 || after < 1850 || after > 2150 {
			t.Errorf("%d before, %d after; want about 2000 each", before, after)
		}
	})

	t.Run("what was done is counted by operation, and the plan can change", func(t *testing.T) {
		t.Parallel()
		engine := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		t.Cleanup(engine.Close)
		proxy := enginetest.Behind(t, engine.URL, faults.Always(faults.Throttled))
		send(t.Context(), t, proxy.URL(), "PutItem")
		proxy.Use(faults.Always(faults.None))
		send(t.Context(), t, proxy.URL(), "PutItem")
		send(t.Context(), t, proxy.URL(), "GetItem")
		if got, want := proxy.Counts("PutItem"), (map[faults.Kind]int{faults.Throttled: 1, faults.None: 1}); !maps.Equal(got, want) {
			t.Errorf("PutItem: %v, want %v", got, want)
		}
		if got, want := proxy.Counts("GetItem"), (map[faults.Kind]int{faults.None: 1}); !maps.Equal(got, want) {
			t.Errorf("GetItem: %v, want %v", got, want)
		}
	})
}
