package lambda

import (
	"errors"
	"fmt"
	"time"
)

// Errors without details. Errors with details are the types below.
var (
	// ErrClosed is returned for invocations that Close refused or cut short.
	ErrClosed = errors.New("the runtime is closed")

	// ErrRequestTooLarge is returned for a payload over MaxRequestBytes. Lambda
	// answers RequestTooLargeException, status 413.
	ErrRequestTooLarge = fmt.Errorf("the payload is larger than the %d bytes that Lambda takes", MaxRequestBytes)
)

// FunctionError is an error that the function itself reported for an invocation:
// its handler returned an error or panicked, or its response was refused.
type FunctionError struct {
	Type    string // the function's errorType, "Function.ResponseSizeTooLarge" for a refused response
	Message string // the function's errorMessage
	Payload []byte // the error document as the function sent it, with a stack trace if it gave one
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("the function failed: %s: %s", e.Type, e.Message)
}

// TimeoutError says that the function did not answer within Config.Timeout and was
// killed. Lambda calls it Sandbox.Timedout. It is not context.DeadlineExceeded, which says
// that the caller gave up.
type TimeoutError struct {
	RequestID string
	Limit     time.Duration
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("Sandbox.Timedout: RequestId: %s Error: Task timed out after %.2f seconds", e.RequestID, e.Limit.Seconds())
}

// ExitError says that the function's process ended before it answered. Lambda
// calls it Runtime.ExitError.
type ExitError struct {
	RequestID string
	Status    string // how it ended: "exit status 1", "signal: killed"
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("Runtime.ExitError: RequestId: %s Error: Runtime exited with error: %s", e.RequestID, e.Status)
}

// InitError says that a process of the function never became ready for invocations.
type InitError struct {
	Type    string // "Runtime.InvalidEntrypoint", "Runtime.ExitError", "Sandbox.Timedout", or what the function posted to init/error
	Message string
	Stderr  string // the last lines that the process wrote to its standard error
	cause   error
}

func (e *InitError) Error() string {
	return fmt.Sprintf("the function did not start: %s: %s", e.Type, e.Message)
}

// Unwrap gives the operating system's error when the process could not be
// started at all, nil otherwise.
func (e *InitError) Unwrap() error { return e.cause }
