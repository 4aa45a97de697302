// Package faults is an HTTP proxy that injects the faults of stores and networks in
// front of a DynamoDB engine. It knows what a client cannot know: whether the engine
// carried out a request whose answer was lost.
package faults

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Kind is what happens to one request.
type Kind string

// The kinds. Errors have the status, type and form of DynamoDB's own:
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
const (
	None Kind = "none" // answered as the engine answers

	// The engine does not get the request.
	Throttled     Kind = "throttled"
	InternalError Kind = "internal error"
	DropBefore    Kind = "connection dropped before"
	Invalid       Kind = "called invalid"
	NoTable       Kind = "no table"
	Denied        Kind = "access denied"

	// Something on the way answers, and the engine does not get the request.
	Unavailable Kind = "503 without a body"
	BadGateway  Kind = "502 with HTML"
	EmptyOK     Kind = "200 without a body"
	PageOK      Kind = "200 with HTML"
	ForeignOK   Kind = "200 with other JSON"
	Created     Kind = "201"
	Accepted    Kind = "202"
	NoContent   Kind = "204"
	Partial     Kind = "206"
	Redirect    Kind = "302"
	Codeless    Kind = "400 without a code"

	// The engine gets the request and carries it out.
	InternalErrorAfter Kind = "internal error after"
	DropAfter          Kind = "connection dropped after"
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

// Sequence injects kinds into the first requests, in turn, and nothing into later ones.
func Sequence(kinds ...Kind) Plan {
	return func(string) Kind {
		if len(kinds) == 0 {
			return None
		}
		next := kinds[0]
		kinds = kinds[1:]
		return next
	}
}

// On applies a plan to one operation only.
func On(operation string, plan Plan) Plan {
	return func(asked string) Kind {
		if asked != operation {
			return None
		}
		return plan(asked)
	}
}

// Rate is how often a kind happens, from 0 to 1.
type Rate struct {
	Kind Kind
	Rate float64
}

// Random injects each kind at its rate, in an order given by the seed.
func Random(seed uint64, rates ...Rate) Plan {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(string) Kind {
		at := random.Float64()
		for _, r := range rates {
			if at < r.Rate {
				return r.Kind
			}
			at -= r.Rate
		}
		return None
	}
}

// Proxy is a running proxy.
type Proxy struct {
	target   string
	listener net.Listener
	server   *http.Server
	client   *http.Client
	hanging  chan struct{}

	mu     sync.Mutex
	plan   Plan
	counts map[string]map[Kind]int // by operation
	random *rand.Rand
}

// Start starts a proxy on a free loopback port, in front of the engine at the URL
// target.
func Start(target string, plan Plan) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	p := &Proxy{
		target:   target,
		listener: listener,
		client:   &http.Client{Transport: transport},
		hanging:  make(chan struct{}, 1),
		plan:     plan,
		counts:   map[string]map[Kind]int{},
		random:   rand.New(rand.NewPCG(1, 0)),
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = p.server.Serve(listener) }() // ends with Close
	return p, nil
}

// URL returns the proxy's own endpoint.
func (p *Proxy) URL() string { return "http://" + p.listener.Addr().String() }

// Close stops the proxy at once and aborts requests under way.
func (p *Proxy) Close() error {
	defer p.client.CloseIdleConnections()
	return p.server.Close()
}

// Hanging receives a value when the engine has carried out a request that now hangs. It
// holds one value; more are dropped.
func (p *Proxy) Hanging() <-chan struct{} { return p.hanging }

// Use replaces the plan.
func (p *Proxy) Use(plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = plan
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
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	kind, pause := None, time.Duration(0)
	if operation != "" { // otherwise it is a health check, not a request to the store
		kind, pause = p.next(operation)
	}
	if kind == DropBefore {
		panic(http.ErrAbortHandler) // net/http's way to close the connection
	}
	answered, fails := failures[kind]
	if fails && kind != InternalErrorAfter {
		answered.write(w)
		return
	}

	status, header, answer, err := p.forward(r, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch kind {
	case DropAfter:
		panic(http.ErrAbortHandler)
	case InternalErrorAfter:
		answered.write(w)
		return
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
	if kind == Truncated {
		answer = answer[:len(answer)/2]
	}
	maps.Copy(w.Header(), header)
	if kind == WrongSum {
		w.Header().Set("X-Amz-Crc32", fmt.Sprint(^crc32.ChecksumIEEE(answer)))
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
	w.WriteHeader(status)
	if kind == Cut {
		_, _ = w.Write(answer[:len(answer)/2])
		_ = http.NewResponseController(w).Flush() // else nothing of it is sent
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(answer) // a client that has gone gets nothing
}

func (f failure) write(w http.ResponseWriter) {
	if f.contentType != "" {
		w.Header().Set("Content-Type", f.contentType)
	}
	w.WriteHeader(f.status)
	_, _ = io.WriteString(w, f.body)
}

// forward sends the request to the engine. It goes on when the client has gone, as a
// request on its way still arrives.
func (p *Proxy) forward(r *http.Request, body []byte) (status int, header http.Header, answer []byte, err error) {
	request, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, p.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header = r.Header.Clone()
	response, err := p.client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header, answer, err
}
