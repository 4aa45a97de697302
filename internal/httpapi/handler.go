// Package httpapi connects the REST proxy integration to what an endpoint does: it
// turns a proxy event into a command, the result into an answer, and every failure into
// a problem. It logs each error once; no other package logs errors. It knows no
// endpoint; each endpoint's operation is in a subpackage.
package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
)

// Operation is what an endpoint does, without HTTP. C is its command.
type Operation[C any] struct {
	// Decode reads the command from the request. It must read every leaf of the
	// endpoint's body with Leaf: if it forgets one, every request fails, so no member
	// is ever dropped silently.
	Decode func(*Request) C

	// Do carries the command out. Its context ends early enough for an answer.
	Do func(context.Context, C) (Answer, error)

	// Problems maps Do's own errors, matched with errors.Is, to problems of the
	// endpoint. The errors of package eventstore need not be listed.
	Problems map[error]contract.ProblemType
}

// Answer is a success.
type Answer struct {
	JSON     any         // for a client that prefers JSON, or if the endpoint has no text
	Replayed bool        // the answer repeats that to an earlier request with the same key
	Log      []slog.Attr // attributes for the log
}

// Handler answers one endpoint. It is safe for concurrent use.
type Handler struct {
	endpoint contract.Endpoint
	carryOut func(context.Context, *Request) (Answer, time.Duration, error)
	problems map[error]contract.ProblemType
	logger   *slog.Logger
	metrics  metrics
	origins  []string
	warm     atomic.Bool
}

// Config connects a Handler to its environment.
type Config struct {
	Output       io.Writer        // receives logs and metrics, one JSON line each
	Now          func() time.Time // nil: time.Now
	FunctionName string           // dimension of the metrics
	LogLevel     string           // the least level of a log line, as AWS_LAMBDA_LOG_LEVEL names it; "": INFO
	CORSOrigins  []string         // web origins that may read answers
}

// FromEnvironment returns the configuration of a function in Lambda.
func FromEnvironment(getenv func(string) string) Config {
	return Config{
		Output:       os.Stdout,
		FunctionName: getenv("AWS_LAMBDA_FUNCTION_NAME"),
		LogLevel:     getenv("AWS_LAMBDA_LOG_LEVEL"),
		CORSOrigins:  strings.FieldsFunc(getenv(contract.EnvCORSOrigins), func(r rune) bool { return r == ',' }),
	}
}

// New returns the Handler of an endpoint. It panics if the operation has a problem that
// the contract does not list for the endpoint, since nobody could know of it, or if the
// endpoint has one of its own that the operation never answers with.
func New[C any](endpoint contract.Endpoint, operation Operation[C], cfg Config) *Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	for _, problem := range operation.Problems {
		if !slices.Contains(endpoint.ProblemTypes(), problem) {
			panic(fmt.Sprintf("%s answers with %s: add it to Problems of that endpoint in package contract", endpoint.Route(), problem.Type))
		}
	}
	for _, own := range endpoint.Problems {
		if !slices.Contains(slices.Collect(maps.Values(operation.Problems)), own) {
			panic(fmt.Sprintf("%s never answers with %s: map an error to it in Problems of its operation", endpoint.Route(), own.Type))
		}
	}
	output := &lineWriter{w: cfg.Output}
	leaves := leavesOf(endpoint) // no request changes them
	return &Handler{
		endpoint: endpoint,
		carryOut: func(ctx context.Context, r *Request) (Answer, time.Duration, error) {
			command := operation.Decode(r)
			if err := r.finish(leaves); err != nil {
				return Answer{}, 0, err
			}
			ctx, cancel := beforeDeadline(ctx)
			defer cancel()
			began := time.Now()
			answer, err := operation.Do(ctx, command)
			return answer, time.Since(began), err
		},
		problems: operation.Problems,
		logger:   newLogger(output, logLevels[cfg.LogLevel]),
		metrics:  metrics{output: output, function: cfg.FunctionName, now: cfg.Now},
		origins:  cfg.CORSOrigins,
	}
}

// Handle answers one proxy event. It never returns an error: Lambda would log it
// outside the log format, and API Gateway would answer with a body of its own. Every
// failure, including a panic, becomes a problem.
func (h *Handler) Handle(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	began := time.Now()
	request := newRequest(ctx, h.endpoint, event)
	logger := h.logger.With(logRequestID, request.ID, logExtendedRequestID, request.extendedID())
	result := h.answer(ctx, logger, request)
	h.logOutcome(ctx, logger, result, time.Since(began))
	h.metrics.write(request, result)

	response := h.response(request, result)
	if origin := request.header("Origin"); origin != "" && slices.Contains(h.origins, origin) {
		response.Headers["Access-Control-Allow-Origin"] = origin
		response.Headers["Access-Control-Expose-Headers"] = contract.HeaderIdempotencyReplayed + ", Retry-After"
		response.Headers["Vary"] = "Origin"
	}
	return response, nil
}

// result is the outcome of one request: an answer, or a problem and its cause.
type result struct {
	answer           Answer
	problem          *contract.Problem
	kind             contract.ProblemType
	cause            error         // for the log
	stack            []byte        // of a panic, for the log
	operationLatency time.Duration // 0: the table was not used
}

// answer does the work. It turns a panic into a result, so that the function can take
// the next request.
func (h *Handler) answer(ctx context.Context, logger *slog.Logger, r *Request) (res result) {
	defer func() {
		if recovered := recover(); recovered != nil {
			res = h.failed(r, fmt.Errorf("panic: %v", recovered))
			res.stack = debug.Stack()
		}
	}()
	refused := r.read()
	h.logReceived(ctx, logger, r, refused)
	if refused != nil {
		return h.failed(r, refused)
	}
	answer, took, err := h.carryOut(ctx, r)
	if err != nil {
		res = h.failed(r, err)
	}
	res.answer = answer
	if h.endpoint.UsesTable() {
		res.operationLatency = took
	}
	return res
}

// answerReserve is the time kept for sending an answer when the store does not respond.
const answerReserve = 500 * time.Millisecond

// beforeDeadline returns a context that ends early enough for a problem to be
// sent before Lambda ends the invocation.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-answerReserve))
}

// failed returns the problem for an error. This is the only table from errors to
// statuses; an operation adds its own errors to it.
func (h *Handler) failed(r *Request, err error) result {
	var (
		kind    = contract.ProblemInternal
		detail  string
		fields  []contract.FieldError
		refused *requestError
	)
	switch {
	case errors.As(err, &refused):
		kind, detail, fields = refused.kind, refused.detail, refused.fields
	case eventstore.Retryable(err):
		kind = contract.ProblemUnavailable
	default:
		for own, itsKind := range h.problems {
			if errors.Is(err, own) {
				kind = itsKind
			}
		}
	}
	problem := kind.Problem(r.ID, detail, fields...)
	return result{problem: &problem, kind: kind, cause: err}
}

func (res result) status() int {
	if res.problem != nil {
		return res.problem.Status
	}
	return http.StatusOK
}

func (h *Handler) response(r *Request, res result) events.APIGatewayProxyResponse {
	response := events.APIGatewayProxyResponse{StatusCode: res.status(), Headers: map[string]string{}}
	switch {
	case res.problem != nil:
		response.Headers["Content-Type"] = contract.MediaTypeProblem
		if res.kind.RetryAfter > 0 {
			response.Headers["Retry-After"] = strconv.Itoa(res.kind.RetryAfter)
		}
		response.Body = toJSON(res.problem)
	case h.endpoint.Text == "" || r.wantsJSON():
		response.Headers["Content-Type"] = contract.MediaTypeJSON
		response.Body = toJSON(res.answer.JSON)
	default:
		response.Headers["Content-Type"] = contract.MediaTypeText
		response.Body = h.endpoint.Text
	}
	if res.problem == nil && res.answer.Replayed {
		response.Headers[contract.HeaderIdempotencyReplayed] = "true"
	}
	return response
}

// toJSON encodes a problem or an answer. Operations return only answers that can be
// encoded.
func toJSON(body any) string {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}
