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
// reads types and error codes, never message texts. If the caller's time ran out
// between two attempts, the failure of the first decides. nil stays nil.
func (s *Store) translate(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	why := err
	if reason := retryReason(ctx); reason != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		why, err = reason, fmt.Errorf("%w, while trying again after: %w", err, reason)
	}
	return fmt.Errorf("%s in table %s: %w: %w", op, s.table, meaning(why), conceal(err))
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
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "InvalidSignatureException" {
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
	case errors.As(err, &api):
		return eventstore.ErrRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return eventstore.ErrTimeout
	default:
		return eventstore.ErrUnavailable // no answer, or an unreadable one
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
