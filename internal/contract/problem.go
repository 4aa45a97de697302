package contract

import (
	"fmt"
	"net/http"
	"slices"
)

// Problem is the body of every failure: RFC 9457 "Problem Details for HTTP
// APIs", with the extension member errors.
type Problem struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status,omitempty"`
	Detail   string       `json:"detail"`
	Instance string       `json:"instance,omitempty"`
	Errors   []FieldError `json:"errors,omitempty"`
}

// FieldError is one error in a body, and its place.
type FieldError struct {
	// Pointer is a JSON pointer in its URI fragment form (RFC 6901, section 6).
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// ProblemType is one kind of failure. A client may match on Type. Detail is for people,
// and is used unless there is a more exact text.
type ProblemType struct {
	Type       string
	Title      string
	Status     int
	Detail     string
	RetryAfter int // seconds for the Retry-After header; 0: no such header
}

// retryAfter is how many seconds a client should wait before it tries again: long
// enough for a throttled partition's burst to refill, short enough for a person.
const retryAfter = 2

// The kinds of failure. docs/api.md has a row for each.
var (
	ProblemInvalidBody = problemType("invalid-body", "Invalid body", http.StatusBadRequest,
		"The body breaks a rule. "+bodyRules(Endpoints()))
	ProblemInvalidKey = problemType("invalid-idempotency-key", "Invalid idempotency key", http.StatusBadRequest,
		fmt.Sprintf("The %s header must be sent once and hold 1 to %d visible ASCII characters, "+
			"plain or as a quoted string.", HeaderIdempotencyKey, IdempotencyKeyMaxBytes))
	ProblemInvalidRequest = problemType("invalid-request", "Invalid request", http.StatusBadRequest,
		"The gateway refused the request: its form, one of its headers or its signature is not right.")
	ProblemForbidden = problemType("forbidden", "Forbidden", http.StatusForbidden,
		"The request is not signed by somebody who may make it. Sign it with AWS Signature Version 4, "+
			"as a principal that may invoke this API.")
	ProblemNotFound = problemType("not-found", "No such route", http.StatusNotFound,
		"There is nothing at this path and method, or the request carries no credentials. "+
			"This API offers "+routes(Endpoints())+".")
	ProblemTooLarge = problemType("body-too-large", "Body too large", http.StatusRequestEntityTooLarge,
		fmt.Sprintf("The body must be at most %d bytes.", BodyMaxBytes))
	ProblemUnsupportedMediaType = problemType("unsupported-media-type", "Unsupported media type",
		http.StatusUnsupportedMediaType, "Send the body as Content-Type: "+MediaTypeJSON+".")
	ProblemKeyReused = problemType("idempotency-key-reused", "Idempotency key reused",
		http.StatusUnprocessableEntity,
		"This "+HeaderIdempotencyKey+" was used before, for a different body. "+
			"Send the same body again, or use a new key.")
	ProblemRateLimited = problemType("rate-limited", "Too many requests", http.StatusTooManyRequests,
		"Too many requests. Send this one again after the time in Retry-After.").retry()
	ProblemUnavailable = problemType("store-unavailable", "Temporarily unavailable",
		http.StatusServiceUnavailable,
		"It could not be confirmed that the request was carried out. Send it again after the time in Retry-After; "+
			"with the same "+HeaderIdempotencyKey+" it is carried out once.").retry()
	ProblemInternal = problemType("internal-error", "Internal error", http.StatusInternalServerError,
		"The request failed for a reason on our side. It was logged under the id in instance.")
)

// ProblemTypes lists every kind of failure of the API, in the order of their statuses.
func ProblemTypes() []ProblemType {
	types := commonProblems()
	for _, e := range Endpoints() {
		types = append(types, e.Problems...)
	}
	return byStatus(types)
}

// commonProblems are the kinds that no single endpoint owns.
func commonProblems() []ProblemType {
	return []ProblemType{
		ProblemInvalidBody, ProblemInvalidKey, ProblemInvalidRequest, ProblemForbidden, ProblemNotFound,
		ProblemTooLarge, ProblemUnsupportedMediaType, ProblemKeyReused, ProblemRateLimited,
		ProblemInternal, ProblemUnavailable,
	}
}

func byStatus(types []ProblemType) []ProblemType {
	slices.SortStableFunc(types, func(a, b ProblemType) int { return a.Status - b.Status })
	return types
}

const problemPrefix = "urn:visitplannr:problem:"

func problemType(slug, title string, status int, detail string) ProblemType {
	return ProblemType{Type: problemPrefix + slug, Title: title, Status: status, Detail: detail}
}

func (t ProblemType) retry() ProblemType {
	t.RetryAfter = retryAfter
	return t
}

// Problem returns the body for one occurrence of the type. Its instance is made from
// the request id; detail, unless empty, replaces the type's own.
func (t ProblemType) Problem(requestID, detail string, errors ...FieldError) Problem {
	if detail == "" {
		detail = t.Detail
	}
	return Problem{
		Type:     t.Type,
		Title:    t.Title,
		Status:   t.Status,
		Detail:   detail,
		Instance: Instance(requestID),
		Errors:   errors,
	}
}

// Instance is the URI that identifies one occurrence of a problem. It is made from the
// request's id, which the logs carry. API Gateway assigns it unless the client chose it
// (ADR 26), so an instance tells a client which request failed, and is not unique. Without
// a request id there is no instance.
func Instance(requestID string) string {
	if requestID == "" {
		return ""
	}
	return "urn:uuid:" + requestID
}
