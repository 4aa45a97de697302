package settings

import (
	"strings"
	"time"

	"visitplannr/internal/contract"
)

// FunctionTimeout is how long a function may take for one request, wherever it runs. It
// is far above what a request takes, and far below the 29 s after which API Gateway
// gives up, so a slow request still gets our answer.
const FunctionTimeout = 10 * time.Second

// Environment returns the variables of an endpoint's function, by name: those that the
// function reads and those that its Go runtime reads. table names the events table. The
// stack and the local run both set exactly these.
func (c Config) Environment(e contract.Endpoint, table string) map[string]string {
	env := map[string]string{
		// A function does one request at a time on a fraction of a core: more threads
		// only take turns. docs/performance.md has what this saves.
		"GOMAXPROCS": "1",
	}
	if e.UsesTable() {
		env[contract.EnvEventsTable] = table
	}
	if len(c.CORSOrigins) > 0 {
		env[contract.EnvCORSOrigins] = strings.Join(c.CORSOrigins, ",")
	}
	return env
}
