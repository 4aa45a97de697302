// Package faults is an HTTP proxy that injects the faults of stores and networks in
// front of a DynamoDB engine. It knows what a client cannot know: whether the engine
// carried out a request whose answer was lost.
package faults

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"visitplannr/internal/local/guard"
	"visitplannr/internal/local/httpserver"
)

// Kind is what happens to one request.
type Kind string

// The kinds. Errors have the status, type and form of DynamoDB's own:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
const (
	None Kind = "none" // answered as the engine answers

	// The engine does not get the request.
	Throttled     Kind = "throttled"
	InternalError Kind = "internal-error"
	DropBefore    Kind = "dropped"
	Invalid       Kind = "called invalid"
	NoTable       Kind = "no-table"
	Denied        Kind = "denied"
	Crash         Kind = "crash" // and the process that asks is killed

	// Something on the way answers, and the engine does not get the request.
	Unavailable Kind = "down"
	BadGateway  Kind = "502 with HTML"
	EmptyOK     Kind = "200 without a body"
	PageOK      Kind = "login-page"
	ForeignOK   Kind = "200 with other JSON"
	Created     Kind = "201"
	Accepted    Kind = "202"
	NoContent   Kind = "204"
	Partial     Kind = "206"
	Redirect    Kind = "302"
	Codeless    Kind = "400 without a code"

	// The engine gets the request and carries it out.
	InternalErrorAfter Kind = "internal error after"
	DropAfter          Kind = "lost-reply"
	CrashAfter         Kind = "crash after" // and the process that asks is killed
	Cut                Kind = "answer cut"
	Truncated          Kind = "answer cut, with a length that fits"
	WrongSum           Kind = "answer that contradicts its checksum"
	Slow               Kind = "slow"    // answered after a pause of up to SlowMost
	Hang               Kind = "hanging" // never answered; ends when the client goes
)

// SlowMost is the longest pause of a Slow answer, SlowLeast the shortest.
const (
	SlowLeast = 5 * time.Millisecond
	SlowMost  = 60 * time.Millisecond
)

// failure is an answer that does not come from the engine.
type failure struct {
	status      int
	contentType string
	body        string
}

const mediaType = "application/x-amz-json-1.0"

func exception(status int, name, message string) failure {
	return failure{status, mediaType,
		fmt.Sprintf(`{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":%q}`, name, message)}
}

var (
	internalError = exception(http.StatusInternalServerError, "InternalServerError", "Internal server error")

	failures = map[Kind]failure{
		Throttled: exception(http.StatusBadRequest, "ProvisionedThroughputExceededException",
			"The level of configured provisioned throughput for the table was exceeded."),
		InternalError:      internalError,
		InternalErrorAfter: internalError,
		Unavailable:        {status: http.StatusServiceUnavailable},
		EmptyOK:            {http.StatusOK, mediaType, ""},
		PageOK:             {http.StatusOK, "text/html", "<html><body>Please log in</body></html>"},
		Created:            {http.StatusCreated, mediaType, "{}"},
		Accepted:           {http.StatusAccepted, mediaType, "{}"},
		NoContent:          {status: http.StatusNoContent},
		Partial:            {http.StatusPartialContent, mediaType, "{}"},
		Redirect:           {http.StatusFound, "text/html", "<html><body>Found</body></html>"},
		Codeless:           {http.StatusBadRequest, "application/json", `{"message":"Bad Request"}`},
		ForeignOK:          {http.StatusOK, "application/json", `{"status":"ok"}`},
		BadGateway:         {http.StatusBadGateway, "text/html", "<html><body>Bad Gateway</body></html>"},
		Invalid:            exception(http.StatusBadRequest, "ValidationException", "One or more parameter values were invalid"),
		NoTable:            exception(http.StatusBadRequest, "ResourceNotFoundException", "Requested resource not found"),
		Denied: {http.StatusBadRequest, mediaType,
			`{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User is not authorized to perform this action"}`},
	}
)

// Plan says what happens to the next request for an operation, such as PutItem.
// It is called for one request at a time.
type Plan func(operation string) Kind

// Always injects the same fault into every request.
func Always(kind Kind) Plan { return func(string) Kind { return kind } }

// Random injects each kind at its rate, in an order given by the seed. Half of the
// crashes come after the engine's answer.
func Random(seed uint64, rates ...Rate) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(string) Kind {
		at := random.Float64()
		for _, r := range rates {
			if at < r.Rate {
				if r.Kind == Crash && at < r.Rate/2 {
					return CrashAfter
				}
				return r.Kind
			}
			at -= r.Rate
		}
		return None
	}
}

// A Proxy injects faults. It has no address until it is served.
type Proxy struct {
	seed    uint64
	hanging chan struct{}
	engine  http.Handler
	guard   guard.Guard
	hooks   Hooks
	url     string
	server  *httpserver.Server

	mu     sync.Mutex
	spec   Spec
	plan   Plan
	kill   func(trace string) bool
	counts map[string]map[Kind]int // by operation
	random *rand.Rand
}

// Hooks tell a run what a proxy does. Each may be missing.
type Hooks struct {
	RequestID string                 // attribute of an item: id of the request that puts it
	Tried     func(requestID string) // called for each attempt to put an item
	Log       *slog.Logger           // one line a fault
}

// New returns a proxy that injects what spec says, in an order given by the seed.
func New(seed uint64, spec Spec) *Proxy {
	p := &Proxy{seed: seed, hanging: make(chan struct{}, 1), counts: map[string]map[Kind]int{}, random: rand.New(rand.NewPCG(seed, 1))}
	p.Set(spec)
	return p
}

// To returns a handler that forwards to the engine at a URL.
func To(target string) (http.Handler, error) {
	parsed, err := url.Parse(target)
	if err != nil {
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	return &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(parsed) },
		Transport:    transport,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}, nil
}

// Serve serves the proxy on a free loopback port, in front of an engine.
func (p *Proxy) Serve(engine http.Handler, hooks Hooks) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("fault proxy: %w", err)
	}
	p.engine, p.url, p.guard = engine, "http://"+listener.Addr().String(), guard.New("127.0.0.1:0")
	p.hooks = hooks
	p.announce(p.Spec())
	p.server = httpserver.New(p, log.New(io.Discard, "", 0))
	go func() { _ = p.server.Serve(listener) }() // ends with Close
	return nil
}

// URL returns the proxy's own endpoint.
func (p *Proxy) URL() string { return p.url }

// Close stops the proxy at once and aborts requests under way.
func (p *Proxy) Close() error { return p.server.Close() }

// Hanging receives a value when the engine has carried out a request that now hangs. It
// holds one value; more are dropped.
func (p *Proxy) Hanging() <-chan struct{} { return p.hanging }

// Use replaces the plan.
func (p *Proxy) Use(plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
}

// Set replaces the plan by what a spec says, from the beginning of the seed's order.
func (p *Proxy) Set(spec Spec) {
	p.mu.Lock()
	before := p.spec
	p.spec, p.plan = spec, Random(p.seed, spec...)
	p.mu.Unlock()
	p.announce(slices.Concat(before, spec))
}

// announce logs that faults are on or off, unless none are and none were.
func (p *Proxy) announce(known Spec) {
	if p.hooks.Log == nil || len(known) == 0 {
		return
	}
	if spec := p.Spec(); len(spec) > 0 {
		p.hooks.Log.Warn("faults are on", "faults", spec.String(), "seed", p.seed)
	} else {
		p.hooks.Log.Info("faults are off")
	}
}

// Spec returns what was set.
func (p *Proxy) Spec() Spec {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec
}

// Kills sets what kills the process that runs the invocation with a trace id. It
// reports whether there was one.
func (p *Proxy) Kills(kill func(trace string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill = kill
}

// Counts returns how often each kind was injected into requests for an operation.
func (p *Proxy) Counts(operation string) map[Kind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts[operation])
}

func (p *Proxy) next(operation string) (Kind, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kind := p.plan(operation)
	if p.counts[operation] == nil {
		p.counts[operation] = map[Kind]int{}
	}
	p.counts[operation][kind]++
	return kind, SlowLeast + time.Duration(p.random.Int64N(int64(SlowMost-SlowLeast)))
}

// ServeHTTP treats one request as the plan says.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := p.guard.Check(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	// A request goes on when its client has gone, as one on its way still arrives.
	request := r.Clone(context.WithoutCancel(r.Context()))
	request.Body = io.NopCloser(bytes.NewReader(body))
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	kind, pause := None, time.Duration(0)
	if operation != "" { // otherwise it is a health check, not a request to the store
		kind, pause = p.next(operation)
	}
	id := p.requestID(body)
	if id != "" && p.hooks.Tried != nil {
		p.hooks.Tried(id)
	}
	if kind == None {
		p.engine.ServeHTTP(w, request)
		return
	}
	answered, fails := failures[kind]
	answer := &recorder{header: http.Header{}}
	done := kind != DropBefore && kind != Crash && (!fails || kind == InternalErrorAfter)
	if done {
		p.engine.ServeHTTP(answer, request)
	}
	if (kind == Crash || kind == CrashAfter) && !p.crash(r) {
		kind = map[Kind]Kind{Crash: DropBefore, CrashAfter: DropAfter}[kind] // no process of ours asked
	}
	if p.hooks.Log != nil {
		name := kind
		if kind == CrashAfter {
			name = Crash
		}
		p.hooks.Log.Warn("fault injected", "requestId", cmp.Or(id, "unknown"), "fault", name, "operation", operation, "reachedTable", done)
	}
	if fails {
		answer = &recorder{status: answered.status, header: http.Header{}}
		if answered.contentType != "" {
			answer.header.Set("Content-Type", answered.contentType)
		}
		answer.body.WriteString(answered.body)
	}
	switch kind {
	case DropBefore, DropAfter, Crash, CrashAfter:
		panic(http.ErrAbortHandler) // net/http's way to close the connection
	case Hang:
		select {
		case p.hanging <- struct{}{}:
		default:
		}
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Slow:
		select {
		case <-r.Context().Done():
		case <-time.After(pause):
		}
	}
	send(w, kind, answer)
}

// send sends an answer, damaged if the kind says so.
func send(w http.ResponseWriter, kind Kind, answer *recorder) {
	content := answer.body.Bytes()
	if kind == Truncated {
		content = content[:len(content)/2]
	}
	maps.Copy(w.Header(), answer.header)
	if kind == WrongSum {
		w.Header().Set("X-Amz-Crc32", fmt.Sprint(^crc32.ChecksumIEEE(content)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.WriteHeader(cmp.Or(answer.status, http.StatusOK))
	if kind == Cut {
		_, _ = w.Write(content[:len(content)/2])
		_ = http.NewResponseController(w).Flush() // else nothing of it is sent
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(content) // a client that has gone gets nothing
}

// requestID returns the id of the request that puts the item in a body; "" if there is
// none.
func (p *Proxy) requestID(body []byte) string {
	var put struct{ Item map[string]struct{ S string } }
	if p.hooks.RequestID == "" || !bytes.Contains(body, []byte(p.hooks.RequestID)) {
		return ""
	}
	_ = json.Unmarshal(body, &put) // what else is wrong with it, the engine says
	return put.Item[p.hooks.RequestID].S
}

// crash kills the process that sent a request. The SDK names its invocation in a header:
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
func (p *Proxy) crash(r *http.Request) bool {
	p.mu.Lock()
	kill := p.kill
	p.mu.Unlock()
	trace, err := url.PathUnescape(r.Header.Get("X-Amzn-Trace-Id"))
	return err == nil && kill != nil && kill(trace)
}

// recorder keeps an answer.
type recorder struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header            { return r.header }
func (r *recorder) WriteHeader(status int)         { r.status = cmp.Or(r.status, status) }
func (r *recorder) Write(part []byte) (int, error) { return r.body.Write(part) }
