// Package apigateway is API Gateway on the developer's machine: it turns HTTP into
// the event of the REST proxy integration and the function's answer back into
// HTTP, and gives the gateway's own answers (validation, unknown routes, bodies
// that are too large, functions that fail) with the bodies that the stack
// configures.
package apigateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"visitplannr/internal/contract"
)

// Invoker runs a function on a JSON event and returns its JSON answer, as
// Lambda's Invoke does. It must be safe for concurrent use.
type Invoker interface {
	Invoke(ctx context.Context, event []byte) ([]byte, error)
}

// API Gateway's own limits:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
const (
	// MaxBodyBytes is the largest request that a REST API takes.
	MaxBodyBytes = 10 << 20

	// maxHeaderBytes bounds the lines of all headers, maxURLBytes a Regional API's URL.
	// AWS does not document what API Gateway answers above them; here a 431 and a 414.
	maxHeaderBytes = 10_240
	maxURLBytes    = 10_240
	// maxEventBytes is the largest event that Lambda accepts; above it the gateway
	// answers 413:
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	maxEventBytes = 6 << 20

	// IntegrationTimeout is how long a REST API waits for a function.
	IntegrationTimeout = 29 * time.Second
)

// Stage is the stage name that events of the local gateway carry.
const Stage = "local"

// Config is what a Gateway needs.
type Config struct {
	// Endpoints are the routes; Functions answer them, by name.
	Endpoints []contract.Endpoint
	Functions map[string]Invoker

	// ValidateBodies refuses bodies that break their endpoint's schema before the
	// function sees them, as the deployed gateway does with validation=gateway.
	ValidateBodies bool

	// Principals may sign requests. nil: the API is open and accepts unsigned requests.
	Principals []Principal

	// ThrottleRate is how many requests per second the stage accepts from all callers
	// together, after a burst of ThrottleBurst; 0: unlimited.
	ThrottleRate  float64
	ThrottleBurst int

	// CORSOrigins are the web origins whose pages may call the API.
	CORSOrigins []string

	// Timeout replaces IntegrationTimeout unless it is 0.
	Timeout time.Duration

	// Patience is how long a client may take to send its request and to read the
	// answer; 0: 20 seconds. Then its connection is closed.
	Patience time.Duration

	// Logger receives what API Gateway would write to its execution log: why the
	// gateway itself refused a request or failed.
	Logger *slog.Logger
}

// Gateway is an http.Handler that serves the routes of its endpoints.
type Gateway struct {
	config    Config
	models    map[string]model // by function; empty: functions check bodies
	responses map[string]contract.GatewayResponse
	throttle  *rate.Limiter
	now       func() time.Time
}

// New returns a Gateway.
func New(cfg Config) (*Gateway, error) {
	cfg.Timeout = cmp.Or(cfg.Timeout, IntegrationTimeout)
	cfg.Patience = cmp.Or(cfg.Patience, 20*time.Second)
	g := &Gateway{
		config:    cfg,
		models:    map[string]model{},
		responses: map[string]contract.GatewayResponse{},
		throttle:  newThrottle(cfg.ThrottleRate, cfg.ThrottleBurst),
		now:       time.Now,
	}
	for _, response := range contract.GatewayResponses() {
		g.responses[response.Type] = response
	}
	for _, e := range cfg.Endpoints {
		if e.Body == nil || !cfg.ValidateBodies {
			continue
		}
		schema, err := compile(*e.Body)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", e.Route(), err)
		}
		g.models[e.Function] = model{*e.Body, schema}
	}
	return g, nil
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, extended := requestID(r), extendedID()
	w.Header().Set(contract.HeaderRequestID, id)
	w.Header().Set(headerExtendedID, extended)
	// Per request, because the server may also serve an endless stream.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(g.config.Timeout + g.config.Patience))
	if size := headerBytes(r); size > maxHeaderBytes {
		g.answer(w, gatewayResponse{responseType: contract.GatewayDefault4XX, status: http.StatusRequestHeaderFieldsTooLarge,
			cause: fmt.Errorf("the headers have %d bytes, API Gateway takes %d", size, maxHeaderBytes)})
		return
	}
	if size := len(r.RequestURI); size > maxURLBytes {
		g.answer(w, gatewayResponse{responseType: contract.GatewayDefault4XX, status: http.StatusRequestURITooLong,
			cause: fmt.Errorf("the URL has %d bytes, API Gateway takes %d", size, maxURLBytes)})
		return
	}
	endpoint, parameters, ok := contract.Match(g.config.Endpoints, r.Method, r.URL.EscapedPath())
	if !ok && g.preflight(w, r) {
		return
	}
	if _, err := parseAuthorization(r.Header); !ok && err != nil && r.Header.Get("Authorization") != "" {
		// The form of this header comes first, also where nobody has to sign:
		// https://github.com/DataBiosphere/azul/issues/6016
		g.answer(w, *malformed(err))
		return
	}
	if !ok {
		g.refuse(w, contract.GatewayMissingToken, fmt.Errorf("no route for %s %s", r.Method, r.URL.Path))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		g.refuse(w, contract.GatewayRequestTooLarge, err)
		return
	case err != nil:
		g.refuse(w, contract.GatewayDefault4XX, fmt.Errorf("read body: %w", err))
		return
	}
	caller, refused := g.admit(r, body)
	if refused != nil {
		g.answer(w, *refused)
		return
	}
	if err := g.validate(endpoint, r, body); err != nil {
		g.refuse(w, contract.GatewayBadRequestBody, err)
		return
	}
	proxyEvent := NewEvent(endpoint, parameters, r, body, id)
	proxyEvent.RequestContext.ExtendedRequestID = extended
	caller.identify(&proxyEvent.RequestContext.Identity)
	g.invoke(w, r, endpoint.Function, proxyEvent)
}

// invoke sends an event to a function and answers what that answers.
func (g *Gateway) invoke(w http.ResponseWriter, r *http.Request, function string, proxyEvent events.APIGatewayProxyRequest) {
	event, err := json.Marshal(proxyEvent)
	if err != nil {
		g.refuse(w, contract.GatewayDefault5XX, fmt.Errorf("encode event: %w", err))
		return
	}
	if len(event) > maxEventBytes {
		g.refuse(w, contract.GatewayRequestTooLarge, fmt.Errorf("the event has %d bytes, Lambda takes %d", len(event), maxEventBytes))
		return
	}
	// Like Lambda, finish an invocation even if its client has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), g.config.Timeout)
	defer cancel()
	answer, err := g.config.Functions[function].Invoke(ctx, event)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		g.refuse(w, contract.GatewayIntegrationTimeout, err)
		return
	case err != nil:
		g.refuse(w, contract.GatewayIntegrationFailure, err)
		return
	}
	if err := write(w, answer); err != nil {
		g.refuse(w, contract.GatewayIntegrationFailure, fmt.Errorf("malformed Lambda proxy response: %w", err))
	}
}

// validate checks a body against the model. As in API Gateway, a body whose content
// type has no model is not checked, and a missing content type counts as JSON. An
// encoded body is left to the function, which explains what to do.
func (g *Gateway) validate(e contract.Endpoint, r *http.Request, body []byte) error {
	m, ok := g.models[e.Function]
	if !ok {
		return nil
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil
	}
	if declared := r.Header.Get("Content-Type"); declared != "" {
		if mediaType, _, err := mime.ParseMediaType(declared); err != nil || mediaType != contract.MediaTypeJSON {
			return nil
		}
	}
	return m.validate(body)
}

// refuse sends one of the gateway's own answers and logs why.
func (g *Gateway) refuse(w http.ResponseWriter, responseType string, cause error) {
	g.answer(w, gatewayResponse{responseType: responseType, cause: cause})
}

func (g *Gateway) answer(w http.ResponseWriter, r gatewayResponse) {
	id := w.Header().Get(contract.HeaderRequestID)
	response := g.responses[r.responseType]
	status := cmp.Or(r.status, response.Problem.Status)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	g.config.Logger.Log(context.Background(), level, "gateway answered", "requestId", id, "extendedRequestId", w.Header().Get(headerExtendedID),
		"responseType", r.responseType, "status", status, "cause", r.cause.Error())

	for name, value := range contract.GatewayCORSHeaders(g.config.CORSOrigins) {
		w.Header().Set(name, value)
	}
	if errorType := cmp.Or(r.errorType, errorTypes[r.responseType]); errorType != "" {
		w.Header().Set("x-amzn-ErrorType", errorType)
	}
	if response.Problem.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(response.Problem.RetryAfter))
	}
	w.Header().Set("Content-Type", contract.MediaTypeProblem)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, render(response, id)) // a client that has gone gets nothing
}

// NewEvent returns the proxy event of a request to an endpoint, with the parameters
// of its path, the body and the request id:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format
//
// A body that is not UTF-8 is encoded in base64, since JSON cannot hold it. Paths are as
// they came, encoded and with the slashes that routing ignores; those in front stay in the
// context's path only.
func NewEvent(e contract.Endpoint, parameters map[string]string, r *http.Request, body []byte, id string) events.APIGatewayProxyRequest {
	now := time.Now().UTC()
	trace := r.Header.Get("X-Amzn-Trace-Id")
	if trace == "" {
		random := uuid.New()
		trace = fmt.Sprintf("Root=1-%08x-%x", now.Unix(), random[:12])
	}
	sourceIP, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		sourceIP = r.RemoteAddr
	}
	path := r.URL.EscapedPath()
	multi := r.Header.Clone()
	multi.Set("Host", r.Host)
	multi.Set("X-Amzn-Trace-Id", trace)
	multi.Set("X-Forwarded-For", strings.Join(append(multi.Values("X-Forwarded-For"), sourceIP), ", "))
	multi.Set("X-Forwarded-Proto", "http")
	event := events.APIGatewayProxyRequest{
		Resource:                        e.Path,
		Path:                            "/" + strings.TrimLeft(path, "/"),
		HTTPMethod:                      r.Method,
		Headers:                         last(multi),
		MultiValueHeaders:               multi,
		QueryStringParameters:           last(r.URL.Query()),
		MultiValueQueryStringParameters: r.URL.Query(),
		PathParameters:                  parameters,
		Body:                            string(body),
		RequestContext: events.APIGatewayProxyRequestContext{
			AccountID:         "000000000000",
			APIID:             Stage,
			DomainName:        r.Host,
			ExtendedRequestID: extendedID(),
			HTTPMethod:        r.Method,
			Identity:          events.APIGatewayRequestIdentity{SourceIP: sourceIP, UserAgent: r.UserAgent()},
			Path:              "/" + Stage + path,
			Protocol:          r.Proto,
			RequestID:         id,
			RequestTime:       now.Format("02/Jan/2006:15:04:05 -0700"),
			RequestTimeEpoch:  now.UnixMilli(),
			ResourceID:        Stage,
			ResourcePath:      e.Path,
			Stage:             Stage,
		},
	}
	if !utf8.Valid(body) {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return event
}

// last returns the last value of each name, as the single-value maps of an event hold
// it.
func last(multi map[string][]string) map[string]string {
	single := make(map[string]string, len(multi))
	for name, values := range multi {
		single[name] = values[len(values)-1]
	}
	return single
}

// write turns the function's answer into an HTTP response. If the answer is malformed,
// it writes nothing and returns an error:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format
func write(w http.ResponseWriter, answer []byte) error {
	var response events.APIGatewayProxyResponse
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&response); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("there is more than one value")
	}
	if response.StatusCode < 200 || response.StatusCode > 599 {
		return fmt.Errorf("statusCode is %d", response.StatusCode)
	}
	body := []byte(response.Body)
	if response.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(response.Body); err != nil {
			return fmt.Errorf("body: %w", err)
		}
	}
	maps.Copy(w.Header(), answerHeaders(response))
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body) // a client that has gone gets nothing
	return nil
}

// answerHeaders merges the two forms in which a function may return headers. Like API
// Gateway it declares JSON if the function declares nothing.
func answerHeaders(response events.APIGatewayProxyResponse) http.Header {
	merged := http.Header{}
	for name, values := range response.MultiValueHeaders {
		for _, value := range values {
			merged.Add(name, value)
		}
	}
	for name, value := range response.Headers {
		if !slices.Contains(merged.Values(name), value) {
			merged.Add(name, value)
		}
	}
	if merged.Get("Content-Type") == "" {
		merged.Set("Content-Type", contract.MediaTypeJSON)
	}
	return merged
}
