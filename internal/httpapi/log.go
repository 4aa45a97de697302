package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
)

// Attributes of log lines, for CloudWatch Logs Insights.
const (
	logRequestID       = "requestId"       // of the API request, as the client sees it
	logLambdaRequestID = "lambdaRequestId" // of the invocation
	logCorrelationID   = "correlationId"
	logColdStart       = "coldStart" // true on the first line of an environment
)

// NewLogger returns a logger that writes one JSON line a fact, with the names
// that Lambda's own JSON log format uses for time, level and message:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
func NewLogger(output io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(output, &slog.HandlerOptions{
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return attr
			}
			switch attr.Key {
			case slog.TimeKey:
				return slog.String("timestamp", attr.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
			case slog.MessageKey:
				attr.Key = "message"
			}
			return attr
		},
	}))
}

// lineWriter keeps lines of concurrent requests whole.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(line)
}

func (h *Handler) logReceived(ctx context.Context, logger *slog.Logger, event events.APIGatewayProxyRequest, r request) {
	attrs := []slog.Attr{slog.Any("event", redact(event, r))}
	if r.invocation != "" {
		attrs = append(attrs, slog.String(logLambdaRequestID, r.invocation))
	}
	if !h.warm.Swap(true) {
		attrs = append(attrs, slog.Bool(logColdStart, true))
	}
	logger.LogAttrs(ctx, slog.LevelInfo, "received", attrs...)
}

func (h *Handler) logOutcome(ctx context.Context, logger *slog.Logger, res result, took time.Duration) {
	attrs := []slog.Attr{
		slog.Int("status", res.status()),
		slog.Float64("durationMs", milliseconds(took)),
	}
	if res.problem == nil {
		event := res.outcome.Event
		logger.LogAttrs(ctx, slog.LevelInfo, "stored", append(attrs,
			slog.String("streamName", event.StreamName.String()),
			slog.String(logCorrelationID, event.CorrelationID),
			slog.Bool("replayed", res.outcome.Replayed))...)
		return
	}
	level, message := slog.LevelWarn, "rejected"
	if res.status() >= http.StatusInternalServerError {
		level, message = slog.LevelError, "failed"
	}
	attrs = append(attrs, slog.String("problem", res.kind.Type), slog.String("cause", res.cause.Error()))
	if res.stack != nil {
		attrs = append(attrs, slog.String("stack", string(res.stack)))
	}
	logger.LogAttrs(ctx, level, message, attrs...)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / 1000
}

// received is what the log shows of an event. It is made of the parts that are
// known to be harmless; whatever else an event brings shows its name alone.
type received struct {
	Resource        string              `json:"resource"`
	Path            string              `json:"path"`
	HTTPMethod      string              `json:"httpMethod"`
	Headers         map[string][]string `json:"headers"`
	Query           map[string][]string `json:"multiValueQueryStringParameters,omitempty"`
	Stage           string              `json:"stage,omitempty"`
	SourceIP        string              `json:"sourceIp,omitempty"`
	UserArn         string              `json:"userArn,omitempty"`
	Body            string              `json:"body"`
	IsBase64Encoded bool                `json:"isBase64Encoded"`
}

const redacted = "[redacted]"

// loggedHeaders are the headers whose values cannot be secrets. The list is of
// what may be shown, not of what must be hidden, because a client may send a
// token under any name.
var loggedHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Cloudfront-Forwarded-Proto", "Cloudfront-Viewer-Country",
	"Content-Length", "Content-Type", "Host", "Origin", "User-Agent", "Via", "X-Amz-Date",
	"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
}

func redact(event events.APIGatewayProxyRequest, r request) received {
	body := event.Body
	if len(body) > contract.BodyMaxBytes {
		end := contract.BodyMaxBytes
		for end > 0 && !utf8.RuneStart(body[end]) {
			end-- // do not end within a character
		}
		body = body[:end]
	}
	seen := received{
		Resource:        event.Resource,
		Path:            event.Path,
		HTTPMethod:      event.HTTPMethod,
		Headers:         make(map[string][]string, len(r.values)),
		Stage:           event.RequestContext.Stage,
		SourceIP:        event.RequestContext.Identity.SourceIP,
		UserArn:         event.RequestContext.Identity.UserArn,
		Body:            body,
		IsBase64Encoded: event.IsBase64Encoded,
	}
	for name, values := range r.values {
		if !slices.Contains(loggedHeaders, name) {
			values = []string{redacted}
		}
		seen.Headers[name] = values
	}
	for name := range event.QueryStringParameters {
		if seen.Query == nil {
			seen.Query = map[string][]string{}
		}
		seen.Query[name] = []string{redacted}
	}
	return seen
}
