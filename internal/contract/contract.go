// Package contract defines the public API as Go values: endpoints, headers, limits,
// JSON schemas, problem bodies, and the names that the deployed stack and the functions
// share. The stack, the functions, the local gateway and the tests all use these
// values, so they cannot disagree. The package imports only the standard library.
package contract

import "fmt"

// Limits of a request.
const (
	// BodyMaxBytes bounds the decoded body. The largest valid proposal needs about 2.5
	// KB (200 characters, each escaped as a surrogate pair), so there is ample room for
	// white space and little for anything else.
	BodyMaxBytes = 16 << 10

	// IdempotencyKeyMaxBytes bounds an Idempotency-Key, in visible ASCII
	// characters, without the quotes of its structured-field form.
	IdempotencyKeyMaxBytes = 255

	// IdempotencyKeyPattern matches the values of a valid Idempotency-Key header: the
	// key itself, or the string of RFC 8941, section 3.3.3, that holds it. It means the
	// same in Go and in JavaScript, as JSON Schema requires.
	IdempotencyKeyPattern = `^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$`
)

// Headers that carry meaning in this API beyond plain HTTP.
const (
	// HeaderIdempotencyKey names the header of the IETF draft
	// draft-ietf-httpapi-idempotency-key-header.
	HeaderIdempotencyKey = "Idempotency-Key"

	// HeaderIdempotencyReplayed is "true" on an answer that repeats an earlier one.
	HeaderIdempotencyReplayed = "Idempotency-Replayed"

	// HeaderRequestID carries a request's id, which is also in a problem's instance and
	// in the logs. A client may choose it; see ADR 26.
	HeaderRequestID = "x-amzn-RequestId"
)

// Outputs of the stack that tell people and programs where its parts are.
const (
	OutputAPIURL       = "ApiUrl"
	OutputEventsTable  = "EventsTableName"
	OutputFunctionName = "FunctionName"
)

// Media types that the API accepts and returns.
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

	// EnvCORSOrigins is a comma-separated list of the web origins that may read
	// answers. Empty or unset: none.
	EnvCORSOrigins = "CORS_ORIGINS"
)

// EventsTable returns the name of the events table from a function's environment, which
// getenv reads. It fails if the stack did not set it.
func EventsTable(getenv func(string) string) (string, error) {
	table := getenv(EnvEventsTable)
	if table == "" {
		return "", fmt.Errorf("%s is not set: the stack sets it to the name of the events table", EnvEventsTable)
	}
	return table, nil
}

// CloudWatch metrics that every function writes and the dashboard shows. Each request
// counts under exactly one of the first four metrics.
const (
	MetricNamespace         = "visitplannr"
	MetricDimensionFunction = "FunctionName"

	MetricAccepted         = "Accepted"
	MetricReplayed         = "Replayed" // only for an endpoint that takes idempotency keys
	MetricRejected         = "Rejected"
	MetricFailed           = "Failed"
	MetricOperationLatency = "OperationLatency" // ms, of what an endpoint does with the table: nearly all of it is the table's
)
