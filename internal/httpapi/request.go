package httpapi

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
)

// Request is a client's request to an endpoint.
type Request struct {
	ID         string                     // as the client sees it and may have chosen it
	Key        *eventstore.IdempotencyKey // nil: there is none
	Parameters map[string]string          // of the path

	endpoint   contract.Endpoint
	event      events.APIGatewayProxyRequest
	invocation string // id of the Lambda invocation, empty if there is none
	values     http.Header
	body       parser
}

func newRequest(ctx context.Context, endpoint contract.Endpoint, event events.APIGatewayProxyRequest) *Request {
	r := &Request{endpoint: endpoint, event: event, Parameters: event.PathParameters, values: http.Header{}}
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		r.invocation = invocation.AwsRequestID
	}
	// An event that did not come from the gateway gets the invocation's id or, without
	// one, a new id.
	if r.ID = cmp.Or(event.RequestContext.RequestID, r.invocation); r.ID == "" {
		r.ID = uuid.NewString()
	}
	// A header's name may come in several spellings, and none may hide another. They
	// are sorted, because a map's order must not decide anything.
	for _, name := range slices.Sorted(maps.Keys(event.Headers)) {
		r.values.Add(name, event.Headers[name])
	}
	multi := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(event.MultiValueHeaders)) {
		for _, value := range event.MultiValueHeaders[name] {
			multi.Add(name, value)
		}
	}
	// The multi-value form has all values; the single one only the last of each.
	maps.Copy(r.values, multi)
	return r
}

// header returns a header's values joined into one, as RFC 9110, section 5.2, defines.
func (r *Request) header(name string) string {
	return strings.Join(r.values.Values(name), ", ")
}

// extendedID is API Gateway's own id, empty if the event did not come from there.
func (r *Request) extendedID() string { return r.event.RequestContext.ExtendedRequestID }

// requestError says what is wrong with the request.
type requestError struct {
	kind   contract.ProblemType
	detail string // empty: the kind's own
	fields []contract.FieldError
}

func (e *requestError) Error() string {
	text := e.kind.Title
	if e.detail != "" {
		text += ": " + e.detail
	}
	for _, field := range e.fields {
		text += fmt.Sprintf("; %s %s", field.Pointer, field.Detail)
	}
	return text
}

// read reads the parts of the request that the endpoint uses. Its errors are of type
// *requestError. Errors in single values of a body are left to finish, which reports them
// all at once.
func (r *Request) read() error {
	if r.endpoint.Body != nil && !r.isJSON() {
		return &requestError{kind: contract.ProblemUnsupportedMediaType,
			detail: fmt.Sprintf("The body is declared as %q. %s",
				shorten(r.header("Content-Type")), contract.ProblemUnsupportedMediaType.Detail)}
	}
	if coding := r.header("Content-Encoding"); r.endpoint.Body != nil && !isIdentity(coding) {
		return &requestError{kind: contract.ProblemUnsupportedMediaType,
			detail: fmt.Sprintf("The body is encoded as %q. Send it as it is, without Content-Encoding.", shorten(coding))}
	}
	if r.endpoint.TakesKey {
		if err := r.readKey(); err != nil {
			return err
		}
	}
	if r.endpoint.Body == nil {
		return nil
	}
	body, err := decodeBody(r.event)
	if err != nil {
		return &requestError{kind: contract.ProblemInvalidRequest,
			detail: "The event says that its body is base64, and it is not."}
	}
	if len(body) > contract.BodyMaxBytes {
		return &requestError{kind: contract.ProblemTooLarge,
			detail: fmt.Sprintf("The body has %d bytes. %s", len(body), contract.ProblemTooLarge.Detail)}
	}
	return r.body.parse(*r.endpoint.Body, body)
}

// decodeBody returns the bytes that the client sent.
func decodeBody(event events.APIGatewayProxyRequest) ([]byte, error) {
	if !event.IsBase64Encoded {
		return []byte(event.Body), nil
	}
	return base64.StdEncoding.DecodeString(event.Body)
}

// isJSON reports whether the body is declared as JSON. A missing declaration counts as
// JSON: API consoles send none. Parameters such as a charset are ignored: JSON is UTF-8
// (RFC 8259, section 8.1).
func (r *Request) isJSON() bool {
	declared := r.header("Content-Type")
	if declared == "" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(declared)
	return err == nil && mediaType == contract.MediaTypeJSON
}

// isIdentity reports whether a Content-Encoding changes nothing (RFC 9110, section
// 8.4). Others are refused with 415, as section 15.5.16 of the RFC asks.
func isIdentity(coding string) bool {
	return coding == "" || strings.EqualFold(coding, "identity")
}

// anonymous is the caller of an open API. All its clients share one scope of keys, so
// the documentation asks for random keys.
const anonymous = "anonymous"

// readKey sets the request's key and its scope, if there is a key.
func (r *Request) readKey() error {
	values := r.values.Values(contract.HeaderIdempotencyKey)
	if len(values) == 0 {
		return nil
	}
	key, ok := parseKey(values[0])
	if !ok || len(values) > 1 {
		return &requestError{kind: contract.ProblemInvalidKey}
	}
	r.Key = &eventstore.IdempotencyKey{
		Caller: cmp.Or(r.event.RequestContext.Identity.UserArn, anonymous),
		Route:  r.endpoint.Route(),
		Key:    key,
	}
	return nil
}

// parseKey returns the key that a header value holds, in its plain form or as
// the string of RFC 8941, section 3.3.3, that the IETF draft asks for. The two
// forms of one key are the same key.
func parseKey(value string) (string, bool) {
	key := value
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		if key, ok = unquote(quoted); !ok {
			return "", false
		}
	}
	if len(key) < 1 || len(key) > contract.IdempotencyKeyMaxBytes {
		return "", false
	}
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return "", false
		}
	}
	return key, true
}

// unquote reads a string whose opening quote has been read.
func unquote(inner string) (string, bool) {
	var key strings.Builder
	for i := 0; i < len(inner); i++ {
		switch c := inner[i]; c {
		case '"':
			return key.String(), i == len(inner)-1
		case '\\':
			i++
			if i == len(inner) || inner[i] != '"' && inner[i] != '\\' {
				return "", false
			}
			key.WriteByte(inner[i])
		default:
			key.WriteByte(c)
		}
	}
	return "", false
}

// shorten limits how much of a client's text a problem repeats.
func shorten(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
