// Package console is the web page of the local run. The page sends proposals, and shows
// live what is stored, what is logged and the state of each part. The package watches
// the API, the functions and the embedded engine from outside, keeps the latest
// messages, and sends them to open pages. A *Console is an observer of package local.
package console

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/local/faults"
)

//go:generate node coastline.mjs web/coastline.json

// Prefix is the path of all of the page's files; the page itself is also at /.
const Prefix = "/_visitplannr/"

// DescriptionPath is where the page serves the API's description, in OpenAPI.
const DescriptionPath = Prefix + "openapi.yaml"

// Limits on what the page shows of the table when it opens.
const (
	historyLength = 500 // events, the newest
	historyTime   = 5 * time.Second
)

//go:embed web
var embedded embed.FS

// Config says what to show.
type Config struct {
	Endpoints   []contract.Endpoint
	Title       string // the run's settings, to be shown
	Table       string // the events table
	Description []byte // of the API, in OpenAPI

	// Signers can sign the form's requests. None: the API is open.
	Signers []Signer

	Faults   *faults.Proxy // what the page sets; nil: nothing
	InMemory bool          // the table is; so the page may fill it to show that nothing is lost
}

// Signer is a principal of the local run that can sign the form's requests.
type Signer struct {
	Name string
	Curl string // curl's options to sign as this principal
	Sign func(r *http.Request, body []byte) error
}

// Console watches one run. It is safe for concurrent use.
type Console struct {
	config Config
	page   *http.ServeMux
	run    string // names this run in the ids of messages
	done   chan struct{}
	close  func()

	// What reads the table, once it is there.
	all    func(context.Context) iter.Seq2[eventstore.Event, error]
	stream func(context.Context, eventstore.StreamName) iter.Seq2[eventstore.Event, error]

	mu        sync.Mutex
	last      int // number of the newest message
	ring      [kept]message
	changed   chan struct{} // closed at the next message; nil: nobody waits
	api       piece
	functions map[string]*function
	table     piece
}

// New returns a new Console. Close it if it serves pages.
func New(config Config) *Console {
	c := &Console{config: config, run: uuid.NewString(), done: make(chan struct{}), functions: map[string]*function{}}
	c.close = sync.OnceFunc(func() { close(c.done) })
	c.page = c.routes()
	for _, e := range config.Endpoints {
		c.functions[e.Function] = &function{}
	}
	return c
}

// Close ends the streams to open pages, which would otherwise last as long as the
// pages.
func (c *Console) Close() { c.close() }

// Table lends the console the events table. It must be called before the page is
// served.
func (c *Console) Table(all func(context.Context) iter.Seq2[eventstore.Event, error],
	stream func(context.Context, eventstore.StreamName) iter.Seq2[eventstore.Event, error]) {
	c.all, c.stream = all, stream
}

// Page returns the page's handler for a request; nil: the request is for a route of the
// contract, or nothing that the page answers.
func (c *Console) Page(r *http.Request) http.Handler {
	_, _, isRoute := contract.Match(c.config.Endpoints, r.Method, r.URL.Path)
	if _, pattern := c.page.Handler(r); isRoute || pattern == "" {
		return nil
	}
	return http.HandlerFunc(c.servePage)
}

func (c *Console) routes() *http.ServeMux {
	page := http.NewServeMux()
	files, err := fs.Sub(embedded, "web")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	page.Handle("GET "+Prefix, http.StripPrefix(Prefix, http.FileServerFS(files)))
	page.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, "index.html") })
	page.HandleFunc("GET "+Prefix+"run.json", c.serveRun)
	page.HandleFunc("GET "+Prefix+"stream", c.serveStream)
	page.HandleFunc("GET "+Prefix+"items", c.serveItems)
	page.HandleFunc("GET "+DescriptionPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = w.Write(c.config.Description) // a client that has gone gets nothing
	})
	page.HandleFunc("POST "+Prefix+"sign", c.serveSignature)
	if c.config.Faults != nil {
		page.HandleFunc("POST "+Prefix+"faults", c.serveFaults)
	}
	return page
}

func (c *Console) servePage(w http.ResponseWriter, r *http.Request) {
	// A proposal is only ever shown as text. If a bug made it markup, this policy would
	// keep it from running or sending anything.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "+
		"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cache-Control", "no-store")
	c.page.ServeHTTP(w, r)
}

// serveRun sends the page its description of the run.
func (c *Console) serveRun(w http.ResponseWriter, _ *http.Request) {
	samples, signers, choices := map[string]any{}, map[string]string{}, []faults.Choice{}
	if c.config.Faults != nil {
		choices = faults.Choices()
	}
	for _, e := range c.config.Endpoints {
		if e.Body != nil {
			samples[e.Function] = e.Body.Sample()
		}
	}
	for _, s := range c.config.Signers {
		signers[s.Name] = s.Curl
	}
	answerJSON(w, map[string]any{"title": c.config.Title, "table": c.config.Table,
		"endpoints": c.config.Endpoints, "samples": samples, "signers": signers, "faults": choices, "inMemory": c.config.InMemory,
		"keyHeader": contract.HeaderIdempotencyKey, "idHeader": contract.HeaderRequestID})
}

// serveFaults sets the faults to the spec in the body.
func (c *Console) serveFaults(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxShown))
	spec, err2 := faults.Parse(string(body))
	if err := errors.Join(err, err2); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.config.Faults.Set(spec)
	w.WriteHeader(http.StatusNoContent)
}

// serveItems sends the items of the stream named in the query or, without one, the
// newest of the table, oldest first, in DynamoDB's JSON, and the problem if some are
// missing. With "containing" they are all items whose data contains a text.
func (c *Console) serveItems(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), historyTime)
	defer cancel()
	events := c.all(ctx)
	if name := r.URL.Query().Get("stream"); name != "" {
		stream, err := eventstore.ParseStreamName(name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		events = c.stream(ctx, stream)
	}
	var found []eventstore.Event
	containing := r.URL.Query().Get("containing")
	malformed, problem := 0, ""
	for event, err := range events {
		if errors.Is(err, eventstore.ErrInvalid) {
			malformed++
			problem = fmt.Sprintf("Items that are not events are left out: %d, such as: %v", malformed, err)
			continue
		}
		if containing == "" && (errors.Is(err, eventstore.ErrTimeout) || ctx.Err() != nil) {
			problem = fmt.Sprintf("Events are missing: the table was not read to its end within %v.", historyTime)
			break // if the table is too large to read, show part of it
		}
		if err != nil {
			http.Error(w, "The table cannot be read: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		if !bytes.Contains(event.Data, []byte(containing)) {
			continue
		}
		if found = append(found, event); len(found) >= 2*historyLength {
			found = newest(found)
		}
	}
	items := []any{}
	for _, event := range newest(found) {
		items = append(items, item(event))
	}
	answerJSON(w, map[string]any{"items": items, "problem": problem})
}

// newest returns the newest events, oldest first.
func newest(events []eventstore.Event) []eventstore.Event {
	slices.SortFunc(events, eventstore.Compare)
	return events[max(0, len(events)-historyLength):]
}

// item returns an event as an item in DynamoDB's JSON.
func item(e eventstore.Event) any {
	encoded, err := json.Marshal(e)
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var attributes map[string]any
	if err = errors.Join(err, decoder.Decode(&attributes)); err != nil {
		panic(err) // the store checked that it is JSON
	}
	return attribute(attributes)["M"]
}

// attribute converts a JSON value to a DynamoDB value:
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
func attribute(value any) map[string]any {
	switch v := value.(type) {
	case map[string]any:
		members := map[string]any{}
		for name, member := range v {
			members[name] = attribute(member)
		}
		return map[string]any{"M": members}
	case []any:
		elements := []any{}
		for _, element := range v {
			elements = append(elements, attribute(element))
		}
		return map[string]any{"L": elements}
	case json.Number:
		return map[string]any{"N": v.String()}
	case bool:
		return map[string]any{"BOOL": v}
	case nil:
		return map[string]any{"NULL": true}
	default:
		return map[string]any{"S": v}
	}
}

// serveSignature signs a request that the form is about to send. It receives the body
// and answers with the headers to add.
func (c *Console) serveSignature(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxShown))
	i := slices.IndexFunc(c.config.Signers, func(s Signer) bool { return s.Name == query.Get("as") })
	if err != nil || i < 0 {
		http.Error(w, "no such signer, or a body that is too large", http.StatusBadRequest)
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), query.Get("method"), "http://"+r.Host+query.Get("path"), bytes.NewReader(body))
	if err == nil {
		err = c.config.Signers[i].Sign(request, body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	signed := map[string]string{}
	for header := range request.Header {
		signed[header] = request.Header.Get(header)
	}
	answerJSON(w, signed)
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", contract.MediaTypeJSON)
	_ = json.NewEncoder(w).Encode(value) // a client that has gone gets nothing
}
