package local

import (
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/local/guard"
)

// front is what listens on the API's address: the observer's page and the API, kept
// from the pages of other sites. Those of corsOrigins may call the API, not the page.
func front(cfg Config, logger *slog.Logger, api http.Handler) http.Handler {
	ours := guard.New(cfg.Addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, check := api, ours.Check(r, cfg.Settings.CORSOrigins...)
		if page := cfg.Observer.Page(r); page != nil {
			handler, check = page, ours.CheckPage(r)
		}
		if check == nil {
			handler.ServeHTTP(w, r)
			return
		}
		id := refused(w, logger, check)
		w.Header().Set("Content-Type", contract.MediaTypeProblem)
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(contract.ProblemForbidden.Problem(id, check.Error())) // a client that has gone gets nothing
	})
}

// engineFront is what listens on the engine's address. It refuses in the form that
// clients of DynamoDB can show.
func engineFront(cfg Config, logger *slog.Logger, engine http.Handler) http.Handler {
	ours := guard.New(cfg.EngineAddr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := ours.Check(r)
		if err == nil {
			engine.ServeHTTP(w, r)
			return
		}
		refused(w, logger, err)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazon.coral.service#AccessDeniedException", "message": err.Error()})
	})
}

// refused logs a request that is kept away and gives it an id.
func refused(w http.ResponseWriter, logger *slog.Logger, cause error) (id string) {
	id = uuid.NewString()
	w.Header().Set(contract.HeaderRequestID, id)
	logger.Warn("kept away", "requestId", id, "status", http.StatusForbidden, "cause", cause.Error())
	return id
}
