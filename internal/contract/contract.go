// Package contract holds the words of the public API as Go values: routes,
// headers, limits, the JSON schema of the command, problem bodies, and the names
// that the deployed stack and the function have to agree on. The stack, the
// function, the local gateway and the tests all read them here, so none of them
// can disagree with another. It imports nothing but the standard library.
package contract

import "net/http"

// Route is one method on one path of the REST API.
type Route struct {
	Method string
	Path   string
}

// String returns the route as a log line or an error names it: "POST /destination".
func (r Route) String() string { return r.Method + " " + r.Path }

// ProposeDestination is the route that takes an editor's proposal.
var ProposeDestination = Route{Method: http.MethodPost, Path: "/destination"}

// Limits of a request.
const (
	// BodyMaxBytes bounds the decoded body. The largest valid proposal needs
	// about 2.5 KB (200 characters, each escaped as a surrogate pair), so the
	// bound is generous to white space and closed to everything else.
	BodyMaxBytes = 16 << 10

	// NameMaxCharacters bounds a destination's name, in Unicode code points,
	// after trimming white space.
	NameMaxCharacters = 200

	// IdempotencyKeyMaxBytes bounds an Idempotency-Key, in visible ASCII
	// characters, without the quotes of its structured-field form.
	IdempotencyKeyMaxBytes = 255

	// IdempotencyKeyPattern matches the values of a valid Idempotency-Key header:
	// the key itself, or the string of RFC 8941, section 3.3.3, that holds it. It
	// reads the same in Go and in JavaScript, as JSON Schema asks.
	IdempotencyKeyPattern = `^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$`

	LatitudeMin, LatitudeMax   = -90, 90
	LongitudeMin, LongitudeMax = -180, 180
)

// Headers that carry meaning in this API beyond plain HTTP.
const (
	// HeaderIdempotencyKey names the header of the IETF draft
	// draft-ietf-httpapi-idempotency-key-header.
	HeaderIdempotencyKey = "Idempotency-Key"

	// HeaderIdempotencyReplayed is "true" on an answer that repeats an earlier one.
	HeaderIdempotencyReplayed = "Idempotency-Replayed"

	// HeaderRequestID carries the id that API Gateway gives a request, the one in a
	// problem's instance and in the logs.
	HeaderRequestID = "x-amzn-RequestId"
)

// Media types that the API takes and gives.
const (
	MediaTypeJSON    = "application/json"
	MediaTypeText    = "text/plain"
	MediaTypeProblem = "application/problem+json"
)

// StatusOK is the body of a success, and the "status" of a receipt.
const StatusOK = "OK"

// Environment variables that the stack sets and the function reads.
const (
	// EnvEventsTable names the DynamoDB table that holds the events.
	EnvEventsTable = "EVENTS_TABLE"

	// EnvCORSOrigins lists, separated by commas, the web origins that may read
	// answers. Empty or unset: none.
	EnvCORSOrigins = "CORS_ORIGINS"
)

// Who judges a body first: a setting of the stack and of the local run.
const (
	ValidationGateway  = "gateway"
	ValidationFunction = "function"
)

// Receipt is the success answer for a client that asks for JSON: where the
// proposal is stored.
type Receipt struct {
	Status        string `json:"status"`
	StreamName    string `json:"streamName"`
	EventID       string `json:"eventId"`
	CorrelationID string `json:"correlationId"`
	Timestamp     string `json:"timestamp"`
}

// CloudWatch metrics that the function writes and the dashboard shows.
const (
	MetricNamespace         = "visitplannr"
	MetricDimensionFunction = "FunctionName"

	MetricAccepted     = "ProposalsAccepted"
	MetricReplayed     = "ProposalsReplayed"
	MetricRejected     = "ProposalsRejected"
	MetricFailed       = "ProposalsFailed"
	MetricStoreLatency = "StoreLatency"
)
