// Package contract holds the words of the public API as Go values: endpoints,
// headers, limits, JSON schemas, problem bodies, and the names that the deployed
// stack and the functions have to agree on. The stack, the functions, the local
// gateway and the tests all read them here, so none of them can disagree with
// another. It imports nothing but the standard library.
package contract

// Limits of a request.
const (
	// BodyMaxBytes bounds the decoded body. The largest valid proposal needs
	// about 2.5 KB (200 characters, each escaped as a surrogate pair), so the
	// bound is generous to white space and closed to everything else.
	BodyMaxBytes = 16 << 10

	// IdempotencyKeyMaxBytes bounds an Idempotency-Key, in visible ASCII
	// characters, without the quotes of its structured-field form.
	IdempotencyKeyMaxBytes = 255

	// IdempotencyKeyPattern matches the values of a valid Idempotency-Key header:
	// the key itself, or the string of RFC 8941, section 3.3.3, that holds it. It
	// reads the same in Go and in JavaScript, as JSON Schema asks.
	IdempotencyKeyPattern = `^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$`
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

// Outputs of the stack, by which people and programs find its parts.
const (
	OutputAPIURL       = "ApiUrl"
	OutputEventsTable  = "EventsTableName"
	OutputFunctionName = "FunctionName"
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

// CloudWatch metrics that every function writes and the dashboard shows. Each
// request counts under exactly one of the first four.
const (
	MetricNamespace         = "visitplannr"
	MetricDimensionFunction = "FunctionName"

	MetricAccepted     = "Accepted"
	MetricReplayed     = "Replayed" // only of an endpoint that takes idempotency keys
	MetricRejected     = "Rejected"
	MetricFailed       = "Failed"
	MetricStoreLatency = "StoreLatency" // ms; only of an endpoint that uses the table
)
