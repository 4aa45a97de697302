package settings

import (
	"strings"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
)

// Environment returns the variables of an endpoint's function, by name: what the
// function reads, and what the Go runtime in it reads. table names the events table.
// The stack and the local run set just these.
func (c Config) Environment(e contract.Endpoint, table string) map[string]string {
	env := map[string]string{}
	if e.UsesTable() {
		env[contract.EnvEventsTable] = table
	}
	if len(c.CORSOrigins) > 0 {
		env[contract.EnvCORSOrigins] = strings.Join(c.CORSOrigins, ",")
	}
	for _, variable := range gobuild.Environment(c.MemoryMiB) {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return env
}
