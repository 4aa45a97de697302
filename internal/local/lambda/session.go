package lambda

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"visitplannr/internal/local/guard"
	"visitplannr/internal/local/httpserver"
)

// Sizes of the bodies of an invocation, in bytes. Source:
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (6 MB each);
// Lambda's error message names the 100 bytes more for a response.
const (
	MaxRequestBytes  = 6 << 20
	MaxResponseBytes = 6<<20 + 100
)

// An invocation is one event on its way through the function.
type invocation struct {
	requestID string
	traceID   string
	arn       string
	deadline  time.Time
	payload   []byte
}

// newInvocation gives payload the ids that Lambda gives it: a random UUID, and a
// trace header that is not sampled, since no X-Ray daemon listens here.
func newInvocation(payload []byte, arn string, now time.Time) *invocation {
	return &invocation{
		requestID: uuid.NewString(),
		traceID:   fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", now.Unix(), randomHex(12), randomHex(8)),
		arn:       arn,
		payload:   payload,
	}
}

// An outcome is the function's answer to an invocation.
type outcome struct {
	payload []byte
	err     error // a *FunctionError, or nil
}

// A phase is the state of a session. The arrows are the calls that change it:
//
//	starting -next-> waiting -begin-> running -response, error-> answered -next-> waiting
//	starting -init/error-> failed
type phase string

const (
	starting phase = "starting"
	waiting  phase = "waiting for an invocation"
	running  phase = "running an invocation"
	answered phase = "finished with an invocation"
	failed   phase = "failed to start"
)

// A session is the Runtime API as one process of the function sees it: a
// conversation about one invocation at a time. It knows nothing of the process.
//
// States and error responses are those of Amazon's own emulator,
// https://github.com/aws/aws-lambda-runtime-interface-emulator.
type session struct {
	ready chan struct{} // gets one token each time the function becomes ready for an invocation

	mu        sync.Mutex
	phase     phase
	begun     chan struct{} // closed when the awaited invocation has begun
	current   *invocation
	delivered bool // the function has received current
	outcome   outcome
	initError *InitError // set in phase failed
}

func newSession() *session {
	return &session{phase: starting, ready: make(chan struct{}, 1)}
}

// begin passes inv to the waiting function. It is only valid after a token from ready.
func (s *session) begin(inv *invocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.current, s.delivered = running, inv, false
	close(s.begun)
}

// finish returns the function's answer to inv or, without one, failure. unseen says
// that the function never received inv.
func (s *session) finish(inv *invocation, failure error) (result outcome, unseen bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != inv {
		return outcome{err: failure}, true
	}
	if s.phase == running {
		return outcome{err: failure}, !s.delivered
	}
	return s.outcome, false
}

// postedInitError returns what the function posted to init/error, nil if nothing.
func (s *session) postedInitError() *InitError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.initError
}

// runs reports whether the function is running the invocation with a trace id.
func (s *session) runs(trace string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == running && s.current.traceID == trace
}

// handler serves https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.
func (s *session) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", s.next)
	mux.Handle("POST /2018-06-01/runtime/invocation/{id}/response", post(s.response))
	mux.Handle("POST /2018-06-01/runtime/invocation/{id}/error", post(s.invocationError))
	mux.Handle("POST /2018-06-01/runtime/init/error", post(s.postInitError))
	return mux
}

// A post is a call by which the function says something, in a body that may have been
// too large to keep. nil accepts it.
type post func(r *http.Request, body []byte, tooLarge bool) *errorResponse

// ServeHTTP implements http.Handler.
func (p post) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, tooLarge, err := readBody(r.Body)
	refused := truncated
	if err == nil {
		refused = p(r, body, tooLarge)
	}
	if refused != nil {
		refused.write(w)
		return
	}
	writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
}

// server returns the server of the Runtime API of one process, which knows the secret.
func (s *session) server(secret, address string, errorLog *log.Logger) *httpserver.Server {
	server := httpserver.New(onlyFor(secret, address, s.handler()), errorLog)
	server.IdleTimeout = -1 // none: a debugger may stop the function for longer
	return server
}

// onlyFor is the door of the Runtime API of one process at an address: it lets only
// requests in that have the process's secret as the first element of their path. Their
// deadlines are those of the invocation, at whose end the process is ended.
func onlyFor(secret, address string, api http.Handler) http.Handler {
	ours := guard.New(address)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		err := ours.Check(r)
		if err == nil && subtle.ConstantTimeCompare([]byte(first), []byte(secret)) != 1 {
			err = errors.New("the path does not begin with the secret of the function's process, which is in its AWS_LAMBDA_RUNTIME_API")
		}
		if err != nil {
			w.Header().Set("Connection", "close")
			(&errorResponse{http.StatusForbidden, "AccessDenied", err.Error()}).write(w)
			return
		}
		control := http.NewResponseController(w)
		_, _ = control.SetReadDeadline(time.Time{}), control.SetWriteDeadline(time.Time{}) // fail for a connection that is closed
		http.StripPrefix("/"+secret, api).ServeHTTP(w, r)
	})
}

// next waits for an invocation without a timeout. A function that asks again before it
// has answered gets the same invocation again.
func (s *session) next(w http.ResponseWriter, r *http.Request) {
	begun, refused := s.ask()
	if refused != nil {
		refused.write(w)
		return
	}
	select {
	case <-begun:
	case <-r.Context().Done():
		return
	}
	inv := s.deliver(r)
	if inv == nil {
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(inv.payload)))
	header.Set("Lambda-Runtime-Aws-Request-Id", inv.requestID)
	header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	header.Set("Lambda-Runtime-Trace-Id", inv.traceID)
	header.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	_, _ = w.Write(inv.payload) // the end of its process shows that the function has gone
}

func (s *session) ask() (begun <-chan struct{}, refused *errorResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.phase {
	case failed:
		return nil, s.wrongPhase("invocation/next")
	case starting, answered:
		s.phase, s.begun = waiting, make(chan struct{})
		s.ready <- struct{}{} // has room: the last token was taken before begin
	}
	return s.begun, nil
}

// deliver returns the current invocation for the function that sent r, or nil
// when that function has gone.
func (s *session) deliver(r *http.Request) *invocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Context().Err() != nil {
		return nil
	}
	s.delivered = true
	return s.current
}

func (s *session) response(r *http.Request, body []byte, tooLarge bool) *errorResponse {
	result := outcome{payload: body}
	if tooLarge {
		result = outcome{err: &FunctionError{
			Type:    "Function.ResponseSizeTooLarge",
			Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxResponseBytes),
		}}
	} else if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		// The function found halfway through a response that it cannot finish it.
		document, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		result = outcome{err: functionError(document, kind)}
	}
	refused := s.answer(r.PathValue("id"), "invocation/response", result)
	if refused == nil && tooLarge {
		refused = &errorResponse{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResponseBytes)}
	}
	return refused
}

func (s *session) invocationError(r *http.Request, body []byte, _ bool) *errorResponse {
	return s.answer(r.PathValue("id"), "invocation/error", outcome{err: functionError(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))})
}

// answer records the outcome of the current invocation, once.
func (s *session) answer(id, call string, result outcome) *errorResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || s.current.requestID != id {
		return &errorResponse{http.StatusBadRequest, "InvalidRequestID", "Invalid request ID"}
	}
	if s.phase != running {
		return s.wrongPhase(call)
	}
	s.phase, s.outcome = answered, result
	return nil
}

func (s *session) postInitError(r *http.Request, body []byte, _ bool) *errorResponse {
	reported := functionError(body, r.Header.Get("Lambda-Runtime-Function-Error-Type"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != starting {
		return s.wrongPhase("init/error")
	}
	s.phase, s.initError = failed, &InitError{Type: reported.Type, Message: reported.Message}
	return nil
}

// functionError reads Lambda's error document. Functions may send anything, so a
// missing type comes from the header (fallbackType), and anything else stays as sent.
func functionError(document []byte, fallbackType string) *FunctionError {
	var fields struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if err := json.Unmarshal(document, &fields); err != nil {
		fields.Message = string(document)
	}
	return &FunctionError{Type: cmp.Or(fields.Type, fallbackType, "Function.Unknown"), Message: fields.Message, Payload: document}
}

// readBody reads a whole body, so that the function can read the answer, but keeps no
// more than a response's limit.
func readBody(body io.Reader) (content []byte, tooLarge bool, err error) {
	content, err = io.ReadAll(io.LimitReader(body, MaxResponseBytes+1))
	if err != nil || len(content) <= MaxResponseBytes {
		return content, false, err
	}
	_, err = io.Copy(io.Discard, body)
	return content[:MaxResponseBytes], true, err
}

// An errorResponse is the Runtime API's answer to a call that it does not accept.
type errorResponse struct {
	status      int
	kind        string
	description string
}

var truncated = &errorResponse{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"}

func (s *session) wrongPhase(call string) *errorResponse {
	return &errorResponse{http.StatusForbidden, "InvalidStateTransition",
		fmt.Sprintf("%s is not allowed while the runtime is %s", call, s.phase)}
}

func (e *errorResponse) write(w http.ResponseWriter) {
	writeJSON(w, e.status, map[string]string{"errorMessage": e.description, "errorType": e.kind})
}

func writeJSON(w http.ResponseWriter, status int, body map[string]string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the end of its process shows that the function has gone
}

// randomHex returns 2n hexadecimal digits.
func randomHex(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // never fails: it ends the program instead
	return hex.EncodeToString(random)
}
