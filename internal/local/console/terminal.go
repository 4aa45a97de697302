package console

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"visitplannr/internal/terminal"
)

// Text returns a writer that makes log lines readable. It turns the JSON lines about a
// request into one aligned line, drops metrics, and passes other lines through.
func Text(out io.Writer) io.Writer { return &text{out: out, routes: map[string]string{}} }

type text struct {
	out io.Writer

	mu     sync.Mutex
	routes map[string]string // of requests that are under way, by id
}

// maxRoutes limits the memory for requests whose end is never logged.
const maxRoutes = 1000

func (t *text) Write(lines []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var shown strings.Builder
	for line := range strings.Lines(string(lines)) {
		shown.WriteString(t.show(line))
	}
	_, err := io.WriteString(t.out, shown.String())
	return len(lines), err
}

func (t *text) show(line string) string {
	var said map[string]any
	if json.Unmarshal([]byte(line), &said) != nil || said == nil {
		return terminal.EscapeLines(line)
	}
	safe := func(value any) string {
		text := terminal.Escape(fmt.Sprint(value))
		if terminal.Is(t.out) {
			return terminal.Isolate(text)
		}
		return text
	}
	take := func(name string) any {
		value := said[name]
		delete(said, name)
		return value
	}
	id, event, stack := "", take("event"), take("stack")
	if given := take("requestId"); given != nil {
		id = safe(given)
	}
	unique := id // which a client may have chosen
	if given := take("extendedRequestId"); given != nil && given != "" {
		unique = fmt.Sprint(given)
	}
	if event, ok := event.(map[string]any); ok { // the start of a request; its outcome is in another line
		if len(t.routes) >= maxRoutes {
			clear(t.routes)
		}
		t.routes[unique] = safe(fmt.Sprint(event["httpMethod"], " ", event["path"]))
		return ""
	}
	if said["_aws"] != nil {
		return ""
	}
	at, _ := time.Parse(time.RFC3339, fmt.Sprint(take("timestamp")))
	level, message := take("level"), take("message")
	shown := fmt.Sprintf("%s  %-5s", at.Local().Format(time.TimeOnly), safe(level))
	if status := take("status"); status != nil {
		shown += fmt.Sprintf("  %s  %-18s  %-36s", safe(status), t.routes[unique], id)
		delete(t.routes, unique)
		if took, ok := take("durationMs").(float64); ok {
			shown += fmt.Sprintf("  %.1f ms", took)
		}
		delete(said, "correlationId") // the stream's name contains it
	} else if id != "" {
		shown += "  " + id
	}
	shown += "  " + safe(message)
	for _, name := range slices.Sorted(maps.Keys(said)) {
		shown += fmt.Sprintf("  %s=%s", safe(name), safe(said[name]))
	}
	shown += "\n"
	if stack != nil {
		shown += terminal.EscapeLines(fmt.Sprintln(stack))
	}
	return shown
}
