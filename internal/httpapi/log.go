package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// Attributes of log lines, for queries in CloudWatch Logs Insights.
const (
	logRequestID         = "requestId"         // of the API request, as the client sees it, who may have chosen it
	logExtendedRequestID = "extendedRequestId" // of the API request, which API Gateway alone chooses
	logLambdaRequestID   = "lambdaRequestId"   // of the invocation
	logColdStart         = "coldStart"         // true on the first line of an environment
)

// NewLogger returns a logger that writes one JSON line per record, with the names that
// Lambda's own JSON log format uses for time, level and message:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
//
// The Lambda library's own handler does not fit: it writes only to os.Stdout, logs
// nanoseconds and local time, and puts the invocation's id where the request's belongs.
func NewLogger(output io.Writer) *slog.Logger { return newLogger(output, slog.LevelInfo) }

func newLogger(output io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(output, &slog.HandlerOptions{
		Level: level,
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

// logLevels are the levels by Lambda's names. Any other name gives the zero value, which
// is INFO, Lambda's default:
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
var logLevels = map[string]slog.Level{
	"TRACE": slog.LevelDebug - 4, "DEBUG": slog.LevelDebug, "WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelError + 4,
}

// lineWriter keeps concurrent requests from mixing their lines.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lineWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(line)
}

func (h *Handler) logReceived(ctx context.Context, logger *slog.Logger, r *Request, unread error) {
	attrs := []slog.Attr{{Key: "event", Value: slog.GroupValue(redact(r, unread)...)}}
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
		attrs = append(attrs, res.answer.Log...)
		if h.endpoint.TakesKey {
			attrs = append(attrs, slog.Bool("replayed", res.answer.Replayed))
		}
		logger.LogAttrs(ctx, slog.LevelInfo, "accepted", attrs...)
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

const redacted = "[redacted]"

// loggedHeaders are the headers whose values cannot be secrets. It lists what may be
// shown instead of what must be hidden, because a client may send a token under any
// name.
var loggedHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Cloudfront-Forwarded-Proto", "Cloudfront-Viewer-Country",
	"Content-Encoding", "Content-Length", "Content-Type", "Host", "Origin", "User-Agent", "Via", "X-Amz-Date",
	"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto",
}

// Limits on what a log line repeats of a request, so that a client cannot flood the
// log: names of headers or parameters, values per name, and bytes per name or value.
const (
	maxLoggedNames  = 50
	maxLoggedValues = 5
	maxLoggedBytes  = 500
	maxLoggedLeaf   = 1000 // bytes of a value in a body; the longest valid name has 800
)

// redact returns what the log shows of an event: the values known to be harmless, and
// only the names of other headers, parameters and members of the body.
func redact(r *Request, unread error) []slog.Attr {
	event := r.event
	seen := []slog.Attr{
		slog.String("resource", event.Resource),
		slog.String("path", cut(event.Path, maxLoggedBytes)),
		slog.String("httpMethod", event.HTTPMethod),
		slog.Any("headers", logged(r.values, loggedHeaders)),
	}
	if len(event.QueryStringParameters) > 0 {
		query := make(map[string][]string, len(event.QueryStringParameters))
		for name := range event.QueryStringParameters {
			query[name] = nil
		}
		seen = append(seen, slog.Any("multiValueQueryStringParameters", logged(query, nil)))
	}
	identity := event.RequestContext.Identity
	for _, part := range []slog.Attr{
		slog.String("stage", event.RequestContext.Stage),
		slog.String("sourceIp", identity.SourceIP),
		slog.String("userArn", identity.UserArn),
	} {
		if part.Value.String() != "" {
			seen = append(seen, part)
		}
	}
	return append(seen, slog.Attr{Key: "body", Value: loggedBody(r, unread)}, slog.Bool("isBase64Encoded", event.IsBase64Encoded))
}

// loggedBody returns what the log shows of a body: the members that the endpoint's
// schema has, by pointer, and of others the pointers alone. A client that sends a token
// by mistake sends it under a name that no schema has. A body that was not read, since it
// is too large or not JSON, is shown by its size.
func loggedBody(r *Request, unread error) slog.Value {
	if unread != nil || r.endpoint.Body == nil {
		return slog.StringValue(fmt.Sprintf("[%d bytes]", len(r.event.Body)))
	}
	var seen []slog.Attr
	for _, pointer := range slices.Sorted(maps.Keys(r.body.leaves)) {
		seen = append(seen, slog.String(pointer, cut(r.body.leaves[pointer], maxLoggedLeaf)))
	}
	for i, pointer := range r.body.skipped {
		if i == maxLoggedNames {
			seen = append(seen, slog.String("…", fmt.Sprintf("and %d more", len(r.body.skipped)-i)))
			break
		}
		seen = append(seen, slog.String(pointer, redacted))
	}
	return slog.GroupValue(seen...)
}

// logged returns the names, with the values of those that may be shown, within the
// limits. It counts what it leaves out under the name "…".
func logged(all map[string][]string, shown []string) map[string][]string {
	names := slices.Concat(shown, slices.Sorted(maps.Keys(all))) // those with values first
	seen := map[string][]string{}
	left := len(all)
	for _, name := range names {
		values, found := all[name]
		if _, again := seen[name]; !found || again {
			continue
		}
		if len(seen) == maxLoggedNames {
			break
		}
		left--
		if slices.Contains(shown, name) {
			values = slices.Clone(values[:min(len(values), maxLoggedValues)])
			for i := range values {
				values[i] = cut(values[i], maxLoggedBytes)
			}
		} else {
			values = []string{redacted}
		}
		seen[cut(name, maxLoggedBytes)] = values
	}
	if left > 0 {
		seen["…"] = []string{fmt.Sprintf("and %d more", left)}
	}
	return seen
}

// cut returns at most that many bytes from the start of text, without splitting a
// character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
