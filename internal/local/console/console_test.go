package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/local/httpserver"
	"visitplannr/internal/program"
	"visitplannr/test/check"
	"visitplannr/test/pipes"
)

func answersOK(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "API") }

// answer answers one request, with pairs of header names and values.
func answer(handler http.Handler, method, url string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

// serving returns what serves the page, and answersOK for what it leaves to the API.
func serving(c *Console) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if page := c.Page(r); page != nil {
			page.ServeHTTP(w, r)
			return
		}
		answersOK(w, r)
	})
}

func TestPaths(t *testing.T) {
	t.Parallel()
	atRoot := contract.Endpoint{Function: "front", Method: http.MethodGet, Path: "/"}
	own := serving(New(Config{Endpoints: append(contract.Endpoints(), atRoot)}))
	usual := serving(New(Config{Endpoints: contract.Endpoints(), Description: []byte("openapi: 3.1.0\n")}))
	for name, c := range map[string]struct {
		handler      http.Handler
		method, path string
		want         string
	}{
		"the page is at /":                                {usual, "GET", "/", "<!doctype html>"},
		"the page is at its prefix too":                   {usual, "GET", Prefix, "<!doctype html>"},
		"a route of the contract at / wins":               {own, "GET", "/", "API"},
		"the page stays at its prefix":                    {own, "GET", Prefix, "<!doctype html>"},
		"the description is beside it":                    {usual, "GET", Prefix + "openapi.yaml", "openapi: 3.1.0"},
		"every route is the API's":                        {usual, "POST", "/destination", "API"},
		"other methods of the page's paths are the API's": {usual, "POST", "/", "API"},
		"unknown paths are the API's":                     {usual, "GET", "/favicon.ico", "API"},
		"the map is small and names its source":           {usual, "GET", Prefix + "coastline.json", `{"source":"Natural Earth`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := answer(c.handler, c.method, "http://localhost:3000"+c.path)
			if got.Code != http.StatusOK || !strings.HasPrefix(got.Body.String(), c.want) {
				t.Errorf("got %d %.80q, want 200 %q", got.Code, got.Body, c.want)
			}
			if policy := got.Header().Get("Content-Security-Policy"); (c.want == "API") == strings.HasPrefix(policy, "default-src 'none'") {
				t.Errorf("got policy %q: the page has one that allows nothing else, the API none", policy)
			}
			if got.Body.Len() > 100_000 || len(got.Result().Cookies()) > 0 {
				t.Errorf("got %d bytes and cookies %v, want at most 100 KB and none", got.Body.Len(), got.Result().Cookies())
			}
		})
	}
}

func TestTheMapIsWhatTheGeneratorMakes(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../../node_modules/world-atlas"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("run npm ci to have the atlas")
	}
	file := filepath.Join(t.TempDir(), "coastline.json")
	if out, err := program.Command(t.Context(), "", "node", "coastline.mjs", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	made := check.Value(os.ReadFile(file))(t)
	if committed, err := os.ReadFile("web/coastline.json"); err != nil || !bytes.Equal(made, committed) {
		t.Errorf("the committed map is another (%v): run go generate ./internal/local/console", err)
	}
}

// open opens a stream of the console's messages, in a server with the limits of the local
// run, after the message id that was seen last.
func open(t *testing.T, c *Console, id string) (next func(kind string) (id, data string), end func() error) {
	t.Helper()
	network := make(pipes.Listener)
	server := httpserver.New(serving(c), nil)
	server.RegisterOnShutdown(c.Close)
	go func() { _ = server.Serve(network) }()
	ours := network.Dial()
	fmt.Fprintf(ours, "GET %sstream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: %s\r\n\r\n", Prefix, id)
	response := check.Value(http.ReadResponse(bufio.NewReader(ours), nil))(t)
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got content type %q", got)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	next = func(kind string) (id, data string) {
		t.Helper()
		seen := ""
		for lines.Scan() {
			switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
			case "id":
				id = value
			case "event":
				seen = value
			case "data":
				if seen == kind {
					return id, value
				}
			}
		}
		t.Fatalf("the stream ended without a message %s: %v", kind, lines.Err())
		return "", ""
	}
	return next, func() error {
		closed := make(chan error, 1)
		go func() { closed <- server.Shutdown(context.Background()) }()
		_, _ = io.Copy(io.Discard, response.Body)
		ours.Close()
		return <-closed
	}
}

func TestStream(t *testing.T) {
	t.Parallel()

	t.Run("goes on past the server's bound of a request, and ends with the server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := New(Config{})
			next, end := open(t, c, "")
			next("state")
			time.Sleep(time.Hour) // of the bubble's clock
			c.tell("log", "after an hour")
			if _, data := next("log"); data != `"after an hour"` {
				t.Errorf("got %s", data)
			}
			if err := end(); err != nil {
				t.Errorf("the server could not end: %v", err)
			}
		})
	})

	t.Run("is resumed where it was, in the same run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			for after, want := range map[string]string{"RUN/2": "RUN/3 2", "": "RUN/1 0", "another/2": "RUN/1 0", "RUN/nonsense": "RUN/1 0",
				"RUN/-5": "RUN/1 0", "RUN/-9223372036854775808": "RUN/1 0", "RUN/4": "RUN/4 3", "RUN/99999999999999999999": "RUN/4 3"} {
				c := New(Config{})
				for i := range 3 {
					c.tell("log", i)
				}
				next, end := open(t, c, strings.Replace(after, "RUN", c.run, 1))
				c.tell("log", 3) // after the first batch
				id, data := next("log")
				if got := strings.Replace(id, c.run, "RUN", 1) + " " + data; got != want {
					t.Errorf("after %q got message %s, want %s", after, got, want)
				}
				check.OK(t, end())
			}
		})
	})

	t.Run("keeps the newest messages and no more", func(t *testing.T) {
		c := New(Config{})
		for i := range 3 * kept {
			c.tell("log", i)
		}
		messages, last, _ := c.since(0)
		if len(messages) != kept || last != 3*kept || messages[0].data != 2*kept || messages[kept-1].data != 3*kept-1 {
			t.Errorf("got %d messages from %v to %v, want the last %d", len(messages), messages[0].data, messages[len(messages)-1].data, kept)
		}
	})
}

func TestPiecesAreCountedAndTimed(t *testing.T) {
	t.Parallel()
	c := New(Config{Endpoints: contract.Endpoints(), Table: "events"})
	statuses := map[string]int{"/destination": http.StatusOK, "/missing": http.StatusNotFound, "/broken": http.StatusInternalServerError}
	api := c.API(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(statuses[r.URL.Path]) }))
	for _, path := range []string{"/missing", "/broken", "/destination"} {
		answer(api, "POST", "http://localhost"+path)
	}
	c.Invoked(contract.ProposeDestination.Function, time.Millisecond, errors.New("it crashed"))
	c.Built(contract.ProposeDestination.Function, errors.New("syntax error"))

	encoded := check.Value(json.Marshal(c.state()))(t)
	var got struct {
		API       piece
		Functions map[string]struct {
			piece
			Build Build
		}
	}
	check.OK(t, json.Unmarshal(encoded, &got))
	if a := got.API; a.Count != 3 || a.ClientErrors != 1 || a.ServerErrors != 1 || a.Last != "200" || a.P50 <= 0 || a.P99 < a.P50 {
		t.Errorf("got API %+v, want 3 requests, one of each error, and latencies", a)
	}
	if f := got.Functions[contract.ProposeDestination.Function]; f.Count != 1 || f.ServerErrors != 1 || f.Last != "it crashed" || f.Build.Error != "syntax error" {
		t.Errorf("got function %+v, want one failure and the compiler's error", f)
	}
}

func TestQuantilesAreThoseOfTheLatestThousand(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	if got := c.api.snapshot(); got.P50 != 0 || got.P99 != 0 {
		t.Errorf("got %v and %v before any request, want none", got.P50, got.P99)
	}
	for i := range 1500 {
		c.count(&c.api, "200", 200, time.Duration(i)*time.Millisecond)
	}
	if got := c.api.snapshot(); got.P50 != 1000 || got.P99 != 1490 || got.Count != 1500 {
		t.Errorf("got p50 %v, p99 %v of %d, want 1000, 1490 of 1500", got.P50, got.P99, got.Count)
	}
}

func TestEngineTellsOfWhatIsPut(t *testing.T) {
	t.Parallel()
	const item = `{"StreamName":{"S":"s"}}`
	for name, c := range map[string]struct {
		operation, body string
		status          int
		told            bool
	}{
		"an item that is put":           {"PutItem", `{"TableName":"events","Item":` + item + `}`, 200, true},
		"not one that is refused":       {"PutItem", `{"TableName":"events","Item":` + item + `}`, 400, false},
		"not one of another table":      {"PutItem", `{"TableName":"others","Item":` + item + `}`, 200, false},
		"not a body of broken JSON":     {"PutItem", `{`, 400, false},
		"not one too large to be shown": {"PutItem", `{"TableName":"events","Item":` + item + strings.Repeat(" ", maxShown) + `}`, 200, false},
		"not a query":                   {"Query", `{"TableName":"events"}`, 200, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			console := New(Config{Table: "events"})
			var got []byte
			engine := console.Engine(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, _ = io.ReadAll(r.Body)
				w.WriteHeader(c.status)
			}))
			request := httptest.NewRequest(http.MethodPost, "http://localhost/", strings.NewReader(c.body))
			request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+c.operation)
			engine.ServeHTTP(httptest.NewRecorder(), request)
			if string(got) != c.body {
				t.Errorf("the engine got %d bytes, want the %d that were sent", len(got), len(c.body))
			}
			messages, _, _ := console.since(0)
			if told := len(messages) == 1; told != c.told {
				t.Fatalf("got %v, want the item told: %t", messages, c.told)
			}
			if c.told {
				if encoded, err := json.Marshal(messages[0].data); err != nil || string(encoded) != item {
					t.Errorf("got item %s, %v; want %s", encoded, err, item)
				}
			}
		})
	}
}

func TestItemsAreTheNewestOfTheTable(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	var all []eventstore.Event
	for i := range 3 * historyLength {
		id := check.Value(eventstore.NewID())(t)
		e := check.Value(eventstore.Opening("destination", id, "destinationProposed", 1, at.Add(time.Duration(i)*time.Second), "r", json.RawMessage(`{"n":[0.12345678901234567890,true,null]}`)))(t)
		all = append(all, e)
	}
	failure := error(nil)
	yields := func(events []eventstore.Event) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) {
			var err error
			for _, e := range slices.Backward(events) { // a table has no order of time
				if !yield(e, err) {
					return
				}
				err = failure
			}
		}
	}
	console := New(Config{})
	console.Table(func(context.Context) iter.Seq2[eventstore.Event, error] { return yields(all) },
		func(context.Context, eventstore.StreamName) iter.Seq2[eventstore.Event, error] {
			return yields(all[:1])
		})
	page := serving(console)
	type answered struct {
		Items []struct {
			EventId struct{ S string }
			Data    json.RawMessage
		}
		Problem string
	}
	read := func(query string) (code int, got answered) {
		response := answer(page, "GET", "http://localhost"+Prefix+"items"+query)
		if response.Code == http.StatusOK {
			check.OK(t, json.Unmarshal(response.Body.Bytes(), &got))
		}
		return response.Code, got
	}
	_, whole := read("")
	got := whole.Items
	if len(got) != historyLength || got[0].EventId.S != all[2*historyLength].ID.String() || got[historyLength-1].EventId.S != all[len(all)-1].ID.String() {
		t.Errorf("got %d items, want the newest %d, oldest first", len(got), historyLength)
	}
	if want := `{"M":{"n":{"L":[{"N":"0.12345678901234567890"},{"BOOL":true},{"NULL":true}]}}}`; string(got[0].Data) != want {
		t.Errorf("got data %s, want %s", got[0].Data, want)
	}
	if _, got := read("?stream=" + all[0].StreamName.String()); len(got.Items) != 1 || got.Problem != "" {
		t.Errorf("got %d items of one stream and the problem %q, want its one", len(got.Items), got.Problem)
	}
	for text, want := range map[string]int{"0.123": historyLength, "0.124": 0} {
		if _, got := read("?containing=" + text); len(got.Items) != want {
			t.Errorf("got %d items whose data contains %s, want %d", len(got.Items), text, want)
		}
	}
	if code, _ := read("?stream=nonsense"); code != http.StatusBadRequest {
		t.Errorf("got %d for an unknown name, want 400", code)
	}
	for err, problem := range map[error]string{
		eventstore.ErrInvalid: "Items that are not events are left out: 1499, such as: " + eventstore.ErrInvalid.Error(),
		eventstore.ErrTimeout: "Events are missing: the table was not read to its end within 5s.",
	} {
		failure = err
		if code, got := read(""); code != http.StatusOK || len(got.Items) != 1 || got.Problem != problem {
			t.Errorf("%v: got %d, %d items and %q, want the one that can be read and %q", err, code, len(got.Items), got.Problem, problem)
		}
	}
	failure = eventstore.ErrTimeout
	if code, _ := read("?containing=0.123"); code != http.StatusServiceUnavailable {
		t.Errorf("got %d for a part of the items that contain a text, want 503", code)
	}
	failure = eventstore.ErrUnavailable
	if code, _ := read(""); code != http.StatusServiceUnavailable {
		t.Errorf("got %d without a store, want 503", code)
	}
}

func TestFaultsAreSetWhileItRuns(t *testing.T) {
	t.Parallel()
	proxy := faults.New(1, nil)
	page := serving(New(Config{Faults: proxy}))
	set := func(spec string) *httptest.ResponseRecorder {
		recorder := httptest.NewRecorder()
		page.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "http://localhost:3000"+Prefix+"faults", strings.NewReader(spec)))
		return recorder
	}
	if got := set("down=0.5,crash=0.1"); got.Code != http.StatusNoContent || proxy.Spec().String() != "down=0.5,crash=0.1" {
		t.Errorf("got %d %s, and the faults %q", got.Code, got.Body, proxy.Spec())
	}
	if got := set("down=2"); got.Code != http.StatusBadRequest || !strings.Contains(got.Body.String(), "from 0 to 1") || len(proxy.Spec()) != 2 {
		t.Errorf("got %d %s, and the faults %q; want 400, what is wrong, and the faults as they were", got.Code, got.Body, proxy.Spec())
	}
	if got := set(""); got.Code != http.StatusNoContent || len(proxy.Spec()) != 0 {
		t.Errorf("got %d %s, and the faults %q; want none", got.Code, got.Body, proxy.Spec())
	}
	if got := answer(serving(New(Config{})), "POST", "http://localhost:3000"+Prefix+"faults"); got.Body.String() != "API" {
		t.Errorf("got %d %s where there is nothing to set", got.Code, got.Body)
	}
}

// What everybody loads who opens the page.
func TestThePageIsSmall(t *testing.T) {
	t.Parallel()
	size := int64(0)
	err := fs.WalkDir(embedded, ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		size += info.Size()
		return err
	})
	if err != nil || size >= 110_000 || size < 50_000 {
		t.Errorf("got %d bytes, %v; want less than 110,000", size, err)
	}
}

func TestSignaturesAreThoseOfTheSignerThatIsChosen(t *testing.T) {
	t.Parallel()
	page := serving(New(Config{Signers: []Signer{{Name: "editor", Sign: func(r *http.Request, body []byte) error {
		r.Header.Set("Authorization", fmt.Sprintf("%s %s %s", r.Method, r.URL, body))
		return nil
	}}}}))
	if got := answer(page, "POST", "http://localhost:3000"+Prefix+"sign?as=editor&method=PUT&path=/x"); got.Code != 200 || got.Body.String() != `{"Authorization":"PUT http://localhost:3000/x "}`+"\n" {
		t.Errorf("got %d %s, want the request signed as it will be sent", got.Code, got.Body)
	}
	for _, query := range []string{"as=nobody&method=POST&path=/x", "as=editor&method=P%20T&path=/x"} {
		if got := answer(page, "POST", "http://localhost:3000"+Prefix+"sign?"+query); got.Code != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", query, got.Code)
		}
	}
}

func TestTextLogsAreOneLineARequest(t *testing.T) {
	t.Parallel()
	const id = "67207e5d-9b5f-4c0e-8c1a-0f6f3b0a8f11"
	at := time.Date(2026, 11, 24, 12, 5, 2, 0, time.Local).UTC().Format("2006-01-02T15:04:05.000Z")
	lines := func(lines ...string) string {
		return strings.ReplaceAll(strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "AT", at), "ID", id)
	}
	received := `{"timestamp":"AT","level":"INFO","message":"received","requestId":"ID","event":{"path":"/destination","httpMethod":"POST"}}`
	for name, c := range map[string]struct{ written, want string }{
		"a request that is accepted": {
			lines(received, `{"timestamp":"AT","level":"INFO","message":"accepted","requestId":"ID","status":200,"durationMs":0.62,"streamName":"destination-1","correlationId":"1","replayed":false}`, `{"_aws":{},"Accepted":1}`),
			"12:05:02  INFO   200  POST /destination   " + id + "  0.6 ms  accepted  replayed=false  streamName=destination-1\n"},
		"two at once whose client chose one id": {
			lines(strings.Replace(received, `"event"`, `"extendedRequestId":"a=","event"`, 1),
				strings.Replace(strings.Replace(received, `"event"`, `"extendedRequestId":"b=","event"`, 1), "/destination", "/other", 1),
				`{"timestamp":"AT","level":"INFO","message":"accepted","requestId":"ID","extendedRequestId":"a=","status":200}`,
				`{"timestamp":"AT","level":"INFO","message":"accepted","requestId":"ID","extendedRequestId":"b=","status":200}`),
			"12:05:02  INFO   200  POST /destination   " + id + "  accepted\n12:05:02  INFO   200  POST /other         " + id + "  accepted\n"},
		"one that is refused by the gateway": {
			lines(`{"timestamp":"AT","level":"INFO","message":"gateway answered","requestId":"ID","status":404,"cause":"no route for GET /x"}`),
			"12:05:02  INFO   404                      " + id + "  gateway answered  cause=no route for GET /x\n"},
		"a panic with its stack": {
			lines(`{"timestamp":"AT","level":"ERROR","message":"failed","requestId":"ID","status":500,"durationMs":1,"stack":"goroutine 1"}`),
			"12:05:02  ERROR  500                      " + id + "  1.0 ms  failed\ngoroutine 1\n"},
		"a line of the function's own":               {lines(`{"timestamp":"AT","level":"INFO","message":"hello","n":1}`), "12:05:02  INFO   hello  n=1\n"},
		"a line that is not JSON, as it is":          {"panic: oh\n\tat x\n", "panic: oh\n\tat x\n"},
		"JSON that is not a line of a log, as it is": {"null\n[1]\n7\n", "null\n[1]\n7\n"},
		"nothing that moves the terminal": {
			lines(`{"timestamp":"AT","level":"INFO","message":"\u001b[2Jx\ny\u202e","stack":"a\n\u001bb"}`) + "no JSON\u009b\n",
			"12:05:02  INFO   \\u001b[2Jx\\u000ay\\u202e\na\n\\u001bb\nno JSON\\u009b\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if n, err := io.WriteString(Text(&out), c.written); n != len(c.written) || err != nil {
				t.Errorf("wrote %d of %d, %v", n, len(c.written), err)
			}
			if got := out.String(); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func FuzzText(f *testing.F) {
	f.Add(`{"requestId":1,"event":{},"status":"x","durationMs":"y","stack":[1],"timestamp":0}`)
	f.Add(`{"event":{"httpMethod":"POST"},"requestId":"a"}` + "\n")
	f.Fuzz(func(t *testing.T, lines string) {
		if n, err := io.WriteString(Text(io.Discard), lines); n != len(lines) || err != nil {
			t.Errorf("wrote %d of %d, %v", n, len(lines), err)
		}
	})
}

func TestLongLinesAreCut(t *testing.T) {
	t.Parallel()
	c := New(Config{})
	fmt.Fprintf(c.Log("function"), "short\n%s\n", strings.Repeat("é", maxShown))
	messages, _, _ := c.since(0)
	if len(messages) != 2 {
		t.Fatalf("got %d lines, want 2", len(messages))
	}
	encoded, err := json.Marshal(messages[1].data)
	if err != nil || len(encoded) > maxShown+200 || strings.Contains(string(encoded), `\ufffd`) {
		t.Errorf("got %d bytes, %v; want at most %d of whole characters", len(encoded), err, maxShown)
	}
}
