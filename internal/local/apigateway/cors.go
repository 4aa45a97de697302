package apigateway

import (
	"net/http"

	"visitplannr/internal/contract"
)

// preflight answers a browser that asks whether a page may call one of the API's paths.
// Like the stack's OPTIONS methods it needs no signature and no function. It reports
// whether the request was such a question.
func (g *Gateway) preflight(w http.ResponseWriter, r *http.Request, id string) bool {
	var methods []string
	for _, e := range g.endpoints {
		if _, _, ok := contract.Match([]contract.Endpoint{e}, e.Method, r.URL.Path); ok {
			methods = append(methods, e.Method)
		}
	}
	if r.Method != http.MethodOptions || len(methods) == 0 || len(g.config.CORSOrigins) == 0 {
		return false
	}
	if !g.throttle.Allow() {
		g.answer(w, id, refusal{responseType: contract.GatewayThrottled, cause: errRate})
		return true
	}
	for name, value := range contract.PreflightOf(methods...).Answer(g.config.CORSOrigins, r.Header.Get("Origin")) {
		w.Header().Set(name, value)
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
