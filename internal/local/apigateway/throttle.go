package apigateway

import (
	"errors"

	"golang.org/x/time/rate"

	"visitplannr/internal/contract"
)

// newThrottle returns the token bucket of a stage: it holds burst requests, and
// fills by so many a second
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html).
// A rate of 0 is no limit.
func newThrottle(perSecond float64, burst int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// admit takes a token, or says that there is none.
func admit(throttle *rate.Limiter) *refusal {
	if throttle.Allow() {
		return nil
	}
	return &refusal{contract.GatewayThrottled, "", errors.New("rate exceeded")}
}
