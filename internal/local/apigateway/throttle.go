package apigateway

import (
	"errors"
	"net/http"

	"golang.org/x/time/rate"

	"visitplannr/internal/contract"
)

var errRate = errors.New("rate exceeded")

// newThrottle returns the token bucket of a stage: it holds burst tokens and gains rate
// tokens per second
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html).
// A rate of 0 means no limit.
func newThrottle(perSecond float64, burst int) *rate.Limiter {
	if perSecond == 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), burst)
}

// admit decides whether a request may go on. It checks the signature first, then the
// rate. It returns the caller, which is empty for an open API.
func (g *Gateway) admit(r *http.Request, body []byte) (caller Principal, refused *gatewayResponse) {
	if g.config.Principals != nil {
		if caller, refused = authorize(g.config.Principals, r, body, g.now()); refused != nil {
			return Principal{}, refused
		}
	}
	if !g.throttle.Allow() {
		return Principal{}, &gatewayResponse{responseType: contract.GatewayThrottled, cause: errRate}
	}
	return caller, nil
}
