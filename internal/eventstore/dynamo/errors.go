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

// translate gives a driver's error its meaning in eventstore's terms, and keeps
// it as the cause. It reads types and error codes, never message texts. When the
// caller's time ran out between two attempts, the failure of the first gives the
// meaning. nil stays nil.
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

// conceal keeps the function's session token out of the log: AWS explains a wrong
// signature with the canonical request that it expected.
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
		return eventstore.ErrUnavailable // also without a code, from what stands between us and the store
	case errors.As(err, &api):
		return eventstore.ErrRefused
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return eventstore.ErrTimeout
	default:
		return eventstore.ErrUnavailable // no answer, or none that could be read
	}
}

// meaningOfCode knows DynamoDB's error codes and those that all services of AWS
// share, and gives nil for others. The SDK has Go types for some of them, which
// depends on the operation and on the SDK's version; the code is always there.
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
