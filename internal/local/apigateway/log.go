package apigateway

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger for Config.Logger. It writes one JSON line a record, with
// the names that Lambda's JSON log format has for time, level and message, so that the
// lines of the gateway and of the functions can be read as one log.
func NewLogger(output io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(output, &slog.HandlerOptions{ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case attr.Key == slog.TimeKey:
			return slog.String("timestamp", attr.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
		case attr.Key == slog.MessageKey:
			attr.Key = "message"
		}
		return attr
	}}))
}
