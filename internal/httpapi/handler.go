// Package httpapi is the border between the REST proxy integration and the
// domain: it turns a proxy event into a command, the result into an answer, and
// every failure into a problem. Errors are logged here, once, and nowhere else.
package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
)

// Handler answers contract.ProposeDestination. It is safe for concurrent use.
type Handler struct {
	proposer     *destination.Proposer
	logger       *slog.Logger
	metrics      metrics
	corsOrigins  []string
	invocationID func(context.Context) string
	warm         atomic.Bool
}

// Config is what a Handler needs.
type Config struct {
	Store        destination.EventStore
	Now          func() time.Time              // nil: time.Now
	NewID        func() (eventstore.ID, error) // nil: eventstore.NewID
	Output       io.Writer                     // gets the logs and metrics, one JSON line each
	LogLevel     string                        // the least level of a log line, as AWS_LAMBDA_LOG_LEVEL names it; "": INFO
	FunctionName string                        // dimension of the metrics
	CORSOrigins  []string                      // web origins that may read answers

	// InvocationID returns the id of the Lambda invocation that the context belongs
	// to, or nothing. nil: there is none.
	InvocationID func(context.Context) string
}

// New returns a Handler.
func New(cfg Config) *Handler {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = eventstore.NewID
	}
	if cfg.InvocationID == nil {
		cfg.InvocationID = func(context.Context) string { return "" }
	}
	output := &lineWriter{w: cfg.Output}
	return &Handler{
		proposer:     &destination.Proposer{Store: cfg.Store, Now: cfg.Now, NewID: cfg.NewID},
		logger:       newLogger(output, logLevel(cfg.LogLevel)),
		metrics:      metrics{output: output, function: cfg.FunctionName, now: cfg.Now},
		corsOrigins:  cfg.CORSOrigins,
		invocationID: cfg.InvocationID,
	}
}

// Handle answers one proxy event. It never returns an error: Lambda would log
// that outside the log format and API Gateway would answer it with a body of its
// own. Every failure, a panic included, becomes a problem.
func (h *Handler) Handle(ctx context.Context, event events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	began := time.Now()
	request := newRequest(event, h.invocationID(ctx))
	logger := h.logger.With(slog.String(logRequestID, request.id))
	h.logReceived(ctx, logger, event, request)

	result := h.answer(ctx, request)
	h.logOutcome(ctx, logger, result, time.Since(began))
	h.metrics.write(request.id, result)

	response := result.response(request)
	if origin := request.header("Origin"); origin != "" && slices.Contains(h.corsOrigins, origin) {
		response.Headers["Access-Control-Allow-Origin"] = origin
		response.Headers["Access-Control-Expose-Headers"] = contract.HeaderIdempotencyReplayed + ", Retry-After"
		response.Headers["Vary"] = "Origin"
	}
	return response, nil
}

// result is the outcome of one request: an event, or a problem and its cause.
type result struct {
	outcome      destination.Outcome
	problem      *contract.Problem
	kind         contract.ProblemType
	cause        error         // for the log
	stack        []byte        // of a panic, for the log
	storeLatency time.Duration // 0: the store was not asked
}

// answer does the work and turns a panic into a result, so that the next
// request finds a working function.
func (h *Handler) answer(ctx context.Context, r request) (res result) {
	defer func() {
		if recovered := recover(); recovered != nil {
			res = failed(r, fmt.Errorf("panic: %v", recovered))
			res.stack = debug.Stack()
		}
	}()
	command, err := r.command()
	if err != nil {
		return failed(r, err)
	}
	ctx, cancel := beforeDeadline(ctx)
	defer cancel()
	began := time.Now()
	outcome, err := h.proposer.Propose(ctx, command)
	if err != nil {
		res = failed(r, err)
	}
	res.outcome = outcome
	res.storeLatency = time.Since(began)
	return res
}

// answerReserve is the part of the invocation's time that is kept for answering
// when the store does not.
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

// failed gives an error its problem. This is the one table from errors to
// statuses.
func failed(r request, err error) result {
	var (
		kind    = contract.ProblemInternal
		detail  string
		fields  []contract.FieldError
		refused *refusal
	)
	switch {
	case errors.As(err, &refused):
		kind, detail, fields = refused.kind, refused.detail, refused.fields
	case errors.Is(err, destination.ErrKeyReused):
		kind = contract.ProblemKeyReused
	case eventstore.Retryable(err):
		kind = contract.ProblemUnavailable
	}
	problem := kind.Problem(r.id, detail, fields...)
	return result{problem: &problem, kind: kind, cause: err}
}

func (res result) status() int {
	if res.problem != nil {
		return res.problem.Status
	}
	return http.StatusOK
}

func (res result) response(r request) events.APIGatewayProxyResponse {
	response := events.APIGatewayProxyResponse{StatusCode: res.status(), Headers: map[string]string{}}
	switch {
	case res.problem != nil:
		response.Headers["Content-Type"] = contract.MediaTypeProblem
		if res.kind.RetryAfter > 0 {
			response.Headers["Retry-After"] = strconv.Itoa(res.kind.RetryAfter)
		}
		response.Body = toJSON(res.problem)
	case r.wantsJSON():
		response.Headers["Content-Type"] = contract.MediaTypeJSON
		response.Body = toJSON(receipt(res.outcome.Event))
	default:
		response.Headers["Content-Type"] = contract.MediaTypeText
		response.Body = contract.StatusOK
	}
	if res.problem == nil && res.outcome.Replayed {
		response.Headers[contract.HeaderIdempotencyReplayed] = "true"
	}
	return response
}

func receipt(e eventstore.Event) contract.Receipt {
	return contract.Receipt{
		Status:        contract.StatusOK,
		StreamName:    e.StreamName.String(),
		EventID:       e.ID.String(),
		CorrelationID: e.CorrelationID,
		Timestamp:     e.Timestamp.String(),
	}
}

// toJSON encodes a Problem or a Receipt, which hold nothing that cannot be.
func toJSON(body any) string {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}

// decodeBody returns the bytes that the client sent.
func decodeBody(event events.APIGatewayProxyRequest) ([]byte, error) {
	if !event.IsBase64Encoded {
		return []byte(event.Body), nil
	}
	return base64.StdEncoding.DecodeString(event.Body)
}
