package apigateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"visitplannr/internal/contract"
)

// preflight answers a browser that asks whether a page may call one of the API's paths.
// Like the stack's OPTIONS methods it needs no signature and no function. It reports
// whether the request was such a question.
func (g *Gateway) preflight(w http.ResponseWriter, r *http.Request) bool {
	var methods []string
	for _, e := range g.config.Endpoints {
		if _, _, ok := contract.Match([]contract.Endpoint{e}, e.Method, r.URL.EscapedPath()); ok {
			methods = append(methods, e.Method)
		}
	}
	if r.Method != http.MethodOptions || len(methods) == 0 || len(g.config.CORSOrigins) == 0 {
		return false
	}
	if !g.throttle.Allow() {
		g.answer(w, gatewayResponse{responseType: contract.GatewayThrottled, cause: errRate})
		return true
	}
	for name, value := range preflightHeaders(contract.PreflightOf(methods...), g.config.CORSOrigins, r.Header.Get("Origin")) {
		w.Header().Set(name, value)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// preflightHeaders returns the headers for a page of an origin. As in API Gateway, a page
// whose origin is not allowed gets the first allowed origin, so its browser refuses the
// answer.
func preflightHeaders(p contract.Preflight, allowed []string, origin string) map[string]string {
	if !slices.Contains(allowed, origin) {
		origin = allowed[0]
	}
	return map[string]string{
		"Access-Control-Allow-Headers": strings.Join(p.Headers, ","),
		"Access-Control-Allow-Methods": strings.Join(p.Methods, ","),
		"Access-Control-Allow-Origin":  origin,
		"Access-Control-Max-Age":       strconv.Itoa(int(p.MaxAge.Seconds())),
		"Vary":                         "Origin",
	}
}
