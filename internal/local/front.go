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
		handler, err := api, ours.Check(r, cfg.Settings.CORSOrigins...)
		if page := cfg.Observer.Page(r); page != nil {
			handler, err = page, ours.CheckPage(r)
		}
		if err != nil {
			id := uuid.NewString()
			refuse(w, logger, err, id, contract.MediaTypeProblem, contract.ProblemForbidden.Problem(id, "This local run refuses it: "+err.Error()+"."))
			return
		}
		handler.ServeHTTP(w, r)
	})
}

// engineFront is what listens on the engine's address. It refuses in the form that
// clients of DynamoDB can show.
func engineFront(cfg Config, logger *slog.Logger, engine http.Handler) http.Handler {
	ours := guard.New(cfg.EngineAddr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := ours.Check(r); err != nil {
			refuse(w, logger, err, uuid.NewString(), "application/x-amz-json-1.0",
				map[string]string{"__type": "com.amazon.coral.service#AccessDeniedException", "message": err.Error()})
			return
		}
		engine.ServeHTTP(w, r)
	})
}

func refuse(w http.ResponseWriter, logger *slog.Logger, cause error, id, mediaType string, body any) {
	logger.Warn("kept away", "requestId", id, "status", http.StatusForbidden, "cause", cause.Error())
	w.Header().Set(contract.HeaderRequestID, id)
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone gets nothing
}
