package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"visitplannr/internal/eventstore"
)

// translate wraps a driver's error in the matching error of package eventstore. It
// reads types and error codes, never message texts. nil stays nil.
func (s *Store) translate(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s in table %s: %w: %w", op, s.table, meaning(err), conceal(err))
}

// concealed is an error whose text may hold a secret.
type concealed struct {
	code string
	err  error
}

func (e concealed) Error() string {
	return e.code + " (its message is left out: it repeats the signed headers, the session token among them)"
}

func (e concealed) Unwrap() error { return e.err }

// conceal keeps the function's session token out of the log: AWS's message about a
// wrong signature quotes the canonical request that it expected.
func conceal(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidSignatureException" {
		return concealed{api.ErrorCode(), err}
	}
	return err
}

func meaning(err error) error {
	var (
		api      smithy.APIError
		response *smithyhttp.ResponseError
		network  net.Error
	)
	switch {
	case errors.As(err, &api) && meaningOfCode(api.ErrorCode()) != nil:
		return meaningOfCode(api.ErrorCode())
	case errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError:
		return eventstore.ErrUnavailable // even without a code: a proxy may have answered
	case errors.As(err, &api) && !fromElsewhere(err):
		return eventstore.ErrRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return eventstore.ErrTimeout
	default:
		return eventstore.ErrUnavailable // no answer, or one that is not DynamoDB's
	}
}

// meaningOfCode knows DynamoDB's error codes and those that all AWS services share, and
// returns nil for others. Whether the SDK has a Go type for an error depends on the
// operation and the SDK's version; the code is always present.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html
func meaningOfCode(code string) error {
	switch code {
	case "ResourceNotFoundException":
		return eventstore.ErrNoTable
	case "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature",
		"ExpiredTokenException", "NotAuthorized", "OptInRequired", "InvalidClientTokenId":
		return eventstore.ErrForbidden
	case "ProvisionedThroughputExceededException", "RequestLimitExceeded",
		"ThrottlingException", "Throttling", "TooManyRequestsException":
		return eventstore.ErrThrottled
	case "InternalFailure", "InternalServerError", "ServiceUnavailable", "ServiceUnavailableException":
		return eventstore.ErrUnavailable
	case "RequestTimeout", "RequestTimeoutException":
		return eventstore.ErrTimeout
	}
	return nil
}
