package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/local/faults"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// waysToLearn are engines that differ in how the function learns of the event in
// the way: one has to be asked, the others return it.
var waysToLearn = map[string]func(testing.TB) string{
	"embedded":                           enginetest.Embedded.Start,
	"dynoxide":                           enginetest.Dynoxide.Start,
	"one that keeps the event to itself": startReticent,
}

// startReticent starts an engine that returns no item when a condition fails, as
// some do.
func startReticent(t testing.TB) string {
	t.Helper()
	target := check.Value(url.Parse(enginetest.Embedded.Start(t)))(t)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		body, err := io.ReadAll(r.In.Body)
		if err != nil {
			t.Error(err)
		}
		body = bytes.ReplaceAll(body, []byte(`"ReturnValuesOnConditionCheckFailure":"ALL_OLD"`), []byte(`"ReturnValuesOnConditionCheckFailure":"NONE"`))
		r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func eachWayToLearn(t *testing.T, test func(t *testing.T, engine string)) {
	for name, start := range waysToLearn {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

// Each fault is met by a proposal without a key, and by one with a key.
func TestFaultsThatPass(t *testing.T) {
	t.Parallel()
	eachWayToLearn(t, func(t *testing.T, engine string) {
		for outcome, kinds := range map[string][]faults.Kind{
			"throttling is waited for":                               {faults.Throttled, faults.Throttled},
			"an internal error is tried again":                       {faults.InternalError, faults.InternalError},
			"an internal error after the write is success":           {faults.InternalErrorAfter},
			"a 503 without a body is tried again":                    {faults.Unavailable},
			"a 502 with HTML is tried again":                         {faults.BadGateway},
			"a 200 that is not DynamoDB's is tried again":            {faults.EmptyOK, faults.PageOK, faults.ForeignOK},
			"another success is tried again":                         {faults.Created, faults.NoContent, faults.Partial},
			"a redirect, or a 400 without a code, is tried again":    {faults.Redirect, faults.Codeless},
			"an answer that cannot be right is success":              {faults.Truncated, faults.WrongSum},
			"a connection dropped before the write is made again":    {faults.DropBefore, faults.DropBefore},
			"a connection dropped after the write is success":        {faults.DropAfter},
			"replies dropped one after the other are success":        {faults.DropAfter, faults.DropAfter, faults.DropAfter},
			"an answer that is cut is success":                       {faults.Cut},
			"an answer that is slow is waited for":                   {faults.Slow},
			"all of it in one request is success":                    {faults.Throttled, faults.InternalErrorAfter, faults.DropAfter, faults.Slow},
			"a lost reply and then throttling is success":            {faults.DropAfter, faults.Throttled, faults.Throttled},
			"a lost reply, then a connection dropped before is, too": {faults.DropAfter, faults.DropBefore},
		} {
			t.Run(outcome, func(t *testing.T) {
				t.Parallel()
				s := newSystem(t, engine, on("PutItem", enginetest.Sequence(append(kinds, kinds...)...)))
				s.wantStored(s.mustPost(brockholes, ""), false)
				s.wantEvents(1)
				receipt := s.wantStored(s.mustPost(brockholes, "key-1"), false)
				s.wantEvents(2)
				if again := s.wantStored(s.mustPost(brockholes, "key-1"), true); again != receipt {
					t.Errorf("then got receipt %+v, want %+v", again, receipt)
				}
				s.wantEvents(2)
				if len(s.failures()) != 0 {
					t.Errorf("logged %q although nothing failed", s.failures())
				}
				for _, kind := range kinds {
					if s.proxy.Counts("PutItem")[kind] < 2 {
						t.Errorf("injected %v, want each of %v for both proposals", s.proxy.Counts("PutItem"), kinds)
					}
				}
			})
		}
	})
}

// on applies a plan to one operation only.
func on(operation string, plan faults.Plan) faults.Plan {
	return func(asked string) faults.Kind {
		if asked != operation {
			return faults.None
		}
		return plan(asked)
	}
}

// lasting does the same to every request for an operation, and ends the time of
// the invocation with the third of them, or with the one that hangs.
func (s *system) lasting(operation string, kind faults.Kind) {
	attempts := 0
	s.proxy.Use(on(operation, func(string) faults.Kind {
		if attempts++; attempts == 3 {
			s.expire()
		}
		return kind
	}))
	if kind == faults.Hang {
		go func() {
			<-s.proxy.Hanging()
			s.expire()
		}()
	}
}

func TestFaultsThatStay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		outcome string
		kind    faults.Kind
		want    contract.ProblemType
		cause   string // what the log must tell
		stored  int    // all the same
		once    bool   // a retry cannot mend it, and is not made
	}{
		{"throttling gets 503", faults.Throttled, contract.ProblemUnavailable, "timed out", 0, false},
		{"internal errors get 503", faults.InternalError, contract.ProblemUnavailable, "timed out", 0, false},
		{"internal errors after the write get 503", faults.InternalErrorAfter, contract.ProblemUnavailable, "timed out", 1, false},
		{"503s without a body get 503", faults.Unavailable, contract.ProblemUnavailable, "timed out", 0, false},
		{"502s with HTML get 503", faults.BadGateway, contract.ProblemUnavailable, "timed out", 0, false},
		{"200s without a body get 503", faults.EmptyOK, contract.ProblemUnavailable, "timed out", 0, false},
		{"200s with HTML get 503", faults.PageOK, contract.ProblemUnavailable, "timed out", 0, false},
		{"200s with other JSON get 503", faults.ForeignOK, contract.ProblemUnavailable, "timed out", 0, false},
		{"201s get 503", faults.Created, contract.ProblemUnavailable, "timed out", 0, false},
		{"202s get 503", faults.Accepted, contract.ProblemUnavailable, "timed out", 0, false},
		{"204s get 503", faults.NoContent, contract.ProblemUnavailable, "timed out", 0, false},
		{"206s get 503", faults.Partial, contract.ProblemUnavailable, "timed out", 0, false},
		{"redirects get 503", faults.Redirect, contract.ProblemUnavailable, "timed out", 0, false},
		{"400s without a code get 503", faults.Codeless, contract.ProblemUnavailable, "timed out", 0, false},
		{"dropped connections get 503", faults.DropBefore, contract.ProblemUnavailable, "timed out", 0, false},
		{"lost replies get 503", faults.DropAfter, contract.ProblemUnavailable, "timed out", 1, false},
		{"answers that are cut get 503", faults.Cut, contract.ProblemUnavailable, "timed out", 1, false},
		{"answers of half their JSON get 503", faults.Truncated, contract.ProblemUnavailable, "timed out", 1, false},
		{"answers that contradict their checksum get 503", faults.WrongSum, contract.ProblemUnavailable, "timed out", 1, false},
		{"a store that hangs gets 503", faults.Hang, contract.ProblemUnavailable, "timed out", 1, false},
		{"a missing table gets 500", faults.NoTable, contract.ProblemInternal, "no such table", 0, true},
		{"a request that is called invalid gets 500", faults.Invalid, contract.ProblemInternal, "refused", 0, true},
		{"a lost permission gets 500", faults.Denied, contract.ProblemInternal, "forbids", 0, true},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, enginetest.Embedded.Start(t), faults.Always(faults.None))
			s.lasting("PutItem", c.kind)
			s.wantProblem(s.mustPost(brockholes, "key-1"), c.want)
			s.wantEvents(c.stored)
			if failures := s.failures(); len(failures) != 1 || !strings.HasPrefix(failures[0], "failed: ") || !strings.Contains(failures[0], c.cause) {
				t.Errorf("logged %q, want one failure that tells %q", failures, c.cause)
			}
			if attempts := s.proxy.Counts("PutItem")[c.kind]; (attempts == 1) != (c.once || c.kind == faults.Hang) {
				t.Errorf("the store was asked %d times, want once: %t", attempts, c.once)
			}

			s.proxy.Use(faults.Always(faults.None))
			s.wantStored(s.mustPost(brockholes, "key-1"), c.stored == 1)
			s.wantEvents(1)
		})
	}

	t.Run("an event in the way that cannot be read gets 503, and is found later", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, startReticent(t), faults.Always(faults.None))
		s.wantStored(s.mustPost(brockholes, "key-1"), false)
		s.lasting("GetItem", faults.Throttled)
		s.wantProblem(s.mustPost(brockholes, "key-1"), contract.ProblemUnavailable)
		s.proxy.Use(faults.Always(faults.None))
		s.wantStored(s.mustPost(brockholes, "key-1"), true)
		s.wantEvents(1)
	})

	// This is why keys exist.
	t.Run("a proposal without a key that is sent again after a 503 may be stored twice", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, enginetest.Embedded.Start(t), faults.Always(faults.None))
		s.lasting("PutItem", faults.DropAfter)
		s.wantProblem(s.mustPost(brockholes, ""), contract.ProblemUnavailable)
		s.proxy.Use(faults.Always(faults.None))
		s.wantStored(s.mustPost(brockholes, ""), false)
		s.wantEvents(2)
	})
}

// It has the machine to itself: an attempt at the store has 3 seconds, and two
// hundred at once should not share them with other tests.
func TestConcurrentDuplicatesAreStoredOnce(t *testing.T) {
	for name, start := range waysToLearn {
		t.Run(name, func(t *testing.T) { wantStoredOnce(t, start(t)) })
	}
}

func wantStoredOnce(t *testing.T, engine string) {
	t.Helper()
	const requests = 200
	s := newSystem(t, engine, faults.Always(faults.None))
	s.requestID = "6c4a1f3e-2b7d-4e0c-9a58-d1f0b3c2e4a6" // so the id tells no write from another
	answers := make([]answer, requests)
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			var err error
			if answers[i], err = s.post(brockholes, "key-1"); err != nil {
				t.Errorf("no answer: %v", err)
			}
		})
	}
	group.Wait()

	s.wantEvents(1)
	replayed := 0
	for _, got := range answers {
		if got.replayed {
			replayed++
		}
		if got.status != http.StatusOK || got.body != answers[0].body {
			t.Errorf("got %d %s, want 200 %s", got.status, got.body, answers[0].body)
		}
	}
	if replayed != requests-1 {
		t.Errorf("%d of %d answers are replays, want %d", replayed, requests, requests-1)
	}
	if event := s.stored()[0]; event.CausationID != s.requestID {
		t.Errorf("the event was caused by %s, want the id that the client chose, %s", event.CausationID, s.requestID)
	}
}
