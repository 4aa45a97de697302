package settings

import (
	"strings"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
)

// Environment returns the variables of an endpoint's function, by name: those that the
// function reads and those that its Go runtime reads. table names the events table. The
// stack and the local run both set exactly these.
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
