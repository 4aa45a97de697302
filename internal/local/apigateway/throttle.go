package apigateway

import (
	"errors"
	"net/http"

	"golang.org/x/time/rate"

	"visitplannr/internal/contract"
)

var errRate = errors.New("rate exceeded")

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

// admit decides whether a request may go on: who sent it, then whether there are
// too many. It returns the caller, who is nobody where the API is open.
func (g *Gateway) admit(r *http.Request, body []byte) (caller Principal, refused *refusal) {
	if g.config.Principals != nil {
		if caller, refused = authorize(g.config.Principals, r, body, g.now()); refused != nil {
			return Principal{}, refused
		}
	}
	if !g.throttle.Allow() {
		return Principal{}, &refusal{responseType: contract.GatewayThrottled, cause: errRate}
	}
	return caller, nil
}
