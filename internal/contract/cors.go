package contract

import "time"

// corsMaxAge is how long a browser may remember the answer to a preflight.
const corsMaxAge = time.Hour

// corsRequestHeaders are the headers that a page may set: those that a proposal and its
// signature need.
var corsRequestHeaders = []string{"Accept", "Content-Type", HeaderIdempotencyKey,
	"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"}

// Preflight is the answer to a browser that asks whether a page may send a method
// (https://fetch.spec.whatwg.org/#http-cors-protocol). The browser's own credentials,
// such as cookies, are never allowed: requests are signed.
type Preflight struct {
	Headers, Methods []string
	MaxAge           time.Duration
}

// PreflightOf returns the answer for a path that takes these methods.
func PreflightOf(methods ...string) Preflight {
	return Preflight{Headers: corsRequestHeaders, Methods: methods, MaxAge: corsMaxAge}
}

// GatewayCORSHeaders let a page of the allowed origins read the gateway's own
// answers; the function's answers carry the headers that the function gives them.
//
// The gateway cannot choose among origins here, so with several allowed origins any
// page may read these answers. They are fixed texts of a public contract and reveal
// nothing that is stored.
func GatewayCORSHeaders(allowed []string) map[string]string {
	if len(allowed) == 0 {
		return nil
	}
	origin := "*"
	if len(allowed) == 1 {
		origin = allowed[0]
	}
	return map[string]string{
		"Access-Control-Allow-Origin":   origin,
		"Access-Control-Expose-Headers": "Retry-After",
	}
}
