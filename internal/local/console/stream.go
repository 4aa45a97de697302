package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	kept     = 2000                   // messages: those of a few hundred requests
	maxShown = 32 << 10               // bytes of a line or item; longer ones are cut or left out
	pace     = 100 * time.Millisecond // between two flushes to a page
	patience = 10 * time.Second       // with a page that does not read
)

// message is one event for the page.
type message struct {
	kind string // of the server-sent event
	data any
}

// tell keeps a message and wakes the streams. It is cheap while no page is open:
// messages are encoded only when they are sent.
func (c *Console) tell(kind string, data any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	c.ring[c.last%kept] = message{kind, data}
	c.wake()
}

// wake wakes the streams. The caller holds mu.
func (c *Console) wake() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// since returns the kept messages after a number, which any client may have made up, the
// number of the last one, and a channel that is closed when there are more.
func (c *Console) since(number int) (messages []message, last int, more <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := min(max(number, c.last-kept, 0), c.last) + 1; n <= c.last; n++ {
		messages = append(messages, c.ring[n%kept])
	}
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return messages, c.last, c.changed
}

// serveStream sends messages as server-sent events, each batch followed by the state of
// all parts, until the page is closed. A page that reconnects names the last message
// that it got and continues there:
// https://html.spec.whatwg.org/multipage/server-sent-events.html
func (c *Console) serveStream(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the server's deadline for a request would end the stream
	w.Header().Set("Content-Type", "text/event-stream")
	run, number, _ := strings.Cut(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")), "/")
	seen := 0
	if run == c.run {
		seen, _ = strconv.Atoi(number) // 0 where it is none
	}
	fmt.Fprintf(w, "event: run\ndata: %q\n\n", c.run)
	for {
		messages, last, more := c.since(seen)
		_ = control.SetWriteDeadline(time.Now().Add(patience))
		for i, m := range messages {
			event(w, m.kind, fmt.Sprintf("%s/%d", c.run, last-len(messages)+1+i), m.data)
		}
		event(w, "state", "", c.state())
		if control.Flush() != nil {
			return
		}
		seen = last
		select {
		case <-more:
		case <-r.Context().Done():
			return
		case <-c.done:
			return
		}
		select { // what comes in a burst goes out at once
		case <-time.After(pace):
		case <-c.done:
		}
	}
}

func event(w http.ResponseWriter, kind, id string, data any) {
	encoded, err := json.Marshal(data)
	if err != nil {
		encoded, _ = json.Marshal(err.Error())
	}
	if id != "" {
		fmt.Fprintf(w, "id: %s\n", id)
	}
	fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, encoded) // the flush notices a page that has gone
}

// piece counts what a part of the system did in this run.
type piece struct {
	Count, ClientErrors, ServerErrors int
	Last                              string // how the latest went
	P50, P99                          float64
	took                              [1000]float64 // ms, the latest
}

func (c *Console) count(p *piece, last string, status int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.took[p.Count%len(p.took)] = took.Seconds() * 1000
	p.Count++
	p.Last = last
	switch status / 100 {
	case 4:
		p.ClientErrors++
	case 5:
		p.ServerErrors++
	}
}

func (p piece) snapshot() piece {
	if n := min(p.Count, len(p.took)); n > 0 {
		slices.Sort(p.took[:n])
		p.P50, p.P99 = p.took[n/2], p.took[n*99/100]
	}
	return p
}

// state is what the page's picture of the parts shows.
func (c *Console) state() any {
	on := ""
	if c.config.Faults != nil {
		on = c.config.Faults.Spec().String()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	functions := map[string]any{}
	for name, f := range c.functions {
		functions[name] = struct {
			piece
			Build Build
		}{f.snapshot(), f.build}
	}
	return map[string]any{"api": c.api.snapshot(), "functions": functions, "table": c.table.snapshot(), "faults": on}
}
