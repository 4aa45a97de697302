package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/local"
	"visitplannr/internal/local/console"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// tab is the page of a local run, open in a browser.
type tab struct {
	*testing.T
	ctx      context.Context
	api      string // where proposals go
	dynamoDB string
	url      string

	mu       sync.Mutex
	requests []string // URLs that the browser asked for
}

// openPage starts a local run and opens its page.
func openPage(t *testing.T, given settingFlags) *tab {
	t.Helper()
	browser := chromium(t)
	api, dynamoDB := runningSlice(t, given)
	return browse(t, browser, api, dynamoDB)
}

// chromium returns the path of a browser.
func chromium(t *testing.T) string {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	switch {
	case path == "" && os.Getenv("CI") != "":
		t.Fatal("there is no Chromium: .ci/run installs it")
	case path == "":
		t.Skip("there is no Chromium to open the page in: install the package chromium")
	}
	return path
}

// browse opens the page beside an API in a browser with a profile of its own.
func browse(t *testing.T, path, api, dynamoDB string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WindowSize(1280, 1000))
	for _, quiet := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(quiet, true))
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // a container's root has none to give
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	p := &tab{T: t, ctx: ctx, api: api, dynamoDB: dynamoDB, url: strings.TrimSuffix(api, contract.ProposeDestination.Path) + "/"}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("the browser did not end well: %v", err)
		}
		cancel()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil { // starts the browser, which ends with this context
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*network.EventRequestWillBeSent); ok {
			p.mu.Lock()
			p.requests = append(p.requests, e.Request.URL)
			p.mu.Unlock()
		}
	}); err != nil {
		t.Fatal(err)
	}
	check.Value(chromedp.Call(ctx, network.Enable, network.EnableParams{}))(t)
	p.load()
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute) // a busy machine
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) load() {
	p.Helper()
	p.do(chromedp.Navigate(p.url))
	p.await(`document.documentElement.dataset.ready === "yes" && document.getElementById("connection").textContent === "live"`)
}

// eval returns the value of an expression of JavaScript.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until an expression is true.
func (p *tab) await(expression string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(time.Minute))); err != nil {
		p.Fatalf("%s does not come true: %v; the page says:\n%s", expression, err, p.text("body"))
	}
}

func (p *tab) text(selector string) string {
	p.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// says waits until an element shows a text.
func (p *tab) says(selector, want string) {
	p.Helper()
	p.await(fmt.Sprintf("document.querySelector(%q).textContent.includes(%q)", selector, want))
}

// The fields of a proposal.
const (
	nameField      = chromedp.ID("field-name")
	latitudeField  = chromedp.ID("field-geolocation-latitude")
	longitudeField = chromedp.ID("field-geolocation-longitude")
)

// propose types a proposal and sends it with the Enter key.
func (p *tab) propose(name, latitude, longitude string) {
	p.Helper()
	for field, value := range map[chromedp.ID]string{nameField: name, latitudeField: latitude, longitudeField: longitude} {
		eval[any](p, fmt.Sprintf(`document.getElementById(%q).select()`, field))
		if value == "" {
			value = "\b"
		}
		p.do(chromedp.SendKeys(field, value))
	}
	p.do(chromedp.SendKeys(nameField, "\r"))
}

// TestPage shows what the page does, one thing after the other: each may build on what
// those before it have stored.
func TestPage(t *testing.T) {
	t.Parallel()
	p := openPage(t, nil)
	for _, c := range []struct {
		says string
		show func(*tab)
	}{
		{"proposes a place that is clicked on the map, and shows it everywhere", (*tab).proposesWhatIsClicked},
		{"proposes by keyboard alone", (*tab).proposesByKeyboard},
		{"follows a request from gateway to table", (*tab).followsARequest},
		{"shows an item as DynamoDB has it, and a log line as it was written", (*tab).showsItemsAndLines},
		{"repeats a proposal under the last key", (*tab).repeatsUnderTheLastKey},
		{"sets faults while it runs, and shows what a request met", (*tab).setsFaults},
		{"gives the request and a curl line that does the same", (*tab).givesACurlLine},
		{"marks the fields that a problem points to", (*tab).marksFields},
		{"shows markup in a name as text", (*tab).showsMarkupAsText},
		{"keeps a name's direction away from the coordinates behind it", (*tab).isolatesDirections},
		{"keeps nothing over a reload but what is stored", (*tab).keepsNothingOverAReload},
		{"tells of a request that was kept away", (*tab).tellsOfARefusal},
		{"shows items and lines that are like no others, and goes on", (*tab).showsStrangeItems},
		{"stays small and alive under many requests", (*tab).staysSmall},
		{"stands still while it is paused, and catches up", (*tab).pauses},
		{"rests while nobody sees it, and catches up", (*tab).restsUnseen},
		{"shows that nothing is lost", (*tab).provesThatNothingIsLost},
		{"asks nobody but this run", (*tab).asksNobodyElse},
	} {
		t.Run(c.says, func(t *testing.T) {
			p.T = t
			c.show(p)
		})
	}
}

func (p *tab) proposesWhatIsClicked() {
	p.do(chromedp.Click(chromedp.ID("map"))) // its centre
	latitude, longitude := eval[string](p, `document.getElementById("field-geolocation-latitude").value`), eval[string](p, `document.getElementById("field-geolocation-longitude").value`)
	if latitude != "55.1" && latitude != "55.10" || !strings.HasPrefix(longitude, "-4.") {
		p.Errorf("got %s, %s from the centre of the map, want about 55.1, -4.2", latitude, longitude)
	}
	p.do(chromedp.SendKeys(nameField, "Clicked"), chromedp.Click(chromedp.ID("send")))
	p.says("#outcome", "200 OK")
	p.says("#events li", "Clicked "+strings.TrimSuffix(latitude, "0"))
	p.says("#events li", "destinationProposed · destination-")
	p.says("#events li", "keyed") // unless one asks for none
	p.says("#logs", "accepted · 200")
	p.says("#pieces", "1 event put")
	p.says("#pieces", "1 request, last 200")
	p.says("#pieces", "serving since")
	p.await(`document.querySelectorAll("#marks path").length === 1`)
	p.says("#shown", "x-amzn-requestid: ")
}

func (p *tab) proposesByKeyboard() {
	p.do(chromedp.SendKeys(nameField, " by key"), chromedp.Focus(chromedp.ID("map")))
	before := eval[float64](p, `Number(document.getElementById("field-geolocation-latitude").value)`)
	p.do(chromedp.KeyEvent("\u0304")) // arrow up
	if after := eval[float64](p, `Number(document.getElementById("field-geolocation-latitude").value)`); after <= before {
		p.Errorf("got latitude %v after the arrow up, want more than %v", after, before)
	}
	p.do(chromedp.SendKeys(nameField, "\r"))
	p.says("#events li", "Clicked by key")
}

func (p *tab) followsARequest() {
	p.do(chromedp.Click(chromedp.CSS("#events li button")))
	p.says("#trace-steps", "gateway: POST /destination answered 200")
	p.says("#trace-steps", "propose-destination: accepted · 200")
	p.says("#trace-steps", "table: destinationProposed stored")
	if shown := eval[int](p, `document.querySelectorAll("#events li:not([hidden])").length`); shown != 1 {
		p.Errorf("got %d events of one request, want 1", shown)
	}
	p.do(chromedp.Click(chromedp.ID("all")))
	p.await(`document.querySelectorAll("#events li:not([hidden])").length === 2`)
}

func (p *tab) showsItemsAndLines() {
	p.do(chromedp.Click(chromedp.CSS(`#events li button[aria-expanded]`)), chromedp.Click(chromedp.CSS(`#logs li button[aria-expanded]`)))
	p.says("#events pre", `"SchemaVersion": {`)
	p.says("#logs pre", `"requestId": "`)
}

func (p *tab) repeatsUnderTheLastKey() {
	p.propose("Once", "51.5", "-0.12")
	p.says("#events li", "Once")
	p.says("#outcome", "200 OK")
	p.do(chromedp.Click(chromedp.CSS("input[value=again]")), chromedp.Click(chromedp.ID("send")))
	p.says("#outcome", "a replay")
	p.do(chromedp.Click(chromedp.CSS("#outcome button")))
	p.says("#trace-steps", "nothing new")
	p.do(chromedp.Click(chromedp.ID("all")))
}

func (p *tab) setsFaults() {
	eval[any](p, `document.getElementById("fault-choice").open = true`)
	p.do(chromedp.SendKeys(chromedp.ID("fault-down"), "2\r"))
	p.says("#faults-wrong", "must be a number from 0 to 1")
	eval[any](p, `document.getElementById("fault-down").value = ""`)
	p.do(chromedp.SendKeys(chromedp.ID("fault-denied"), "1\r"))
	p.says("#faults-on", "denied 100 %")
	p.propose("Not allowed to", "54", "-3")
	p.says("#outcome", "500 Internal Server Error")
	p.do(chromedp.Click(chromedp.CSS("#outcome button")))
	p.says("#trace-steps", "faults: fault injected · denied, before the table got the request")
	p.says("#trace-steps", "table: tried 1 time")
	p.do(chromedp.Click(chromedp.ID("all")), chromedp.Click(chromedp.ID("faults-off")))
	p.await(`document.getElementById("faults-on").hidden && document.getElementById("fault-denied").value === ""`)
}

func (p *tab) givesACurlLine() {
	p.do(chromedp.Click(chromedp.CSS("input[value=fresh]")))
	p.propose("St John's", "51.5", "-0.12")
	p.says("#outcome", "200 OK")
	p.do(chromedp.Click(chromedp.ID("tab-request")))
	p.says("#shown", "Idempotency-Key: ")
	p.do(chromedp.Click(chromedp.ID("tab-curl")))
	line := p.text("#shown")
	out, err := program.Command(p.Context(), "", "sh", "-c", line).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Idempotency-Replayed: true") {
		p.Errorf("%s: got %v %s, want the same answer as a replay", line, err, out)
	}
	p.do(chromedp.Click(chromedp.CSS("input[value=none]")))
}

func (p *tab) marksFields() {
	p.propose("", "91", "west")
	p.says("#outcome", "400 Bad Request")
	p.await(`document.querySelectorAll("#fields [aria-invalid=true]").length === 3 && document.activeElement.id === "field-name"`)
	p.says("#field-geolocation-latitude-error", contract.RuleLatitude)
	p.propose("Mended", "54", "-3")
	p.says("#outcome", "200 OK")
	p.await(`document.querySelectorAll("#fields [aria-invalid=true]").length === 0`)
}

func (p *tab) showsMarkupAsText() {
	const markup = `<img src=x onerror="document.title='run'"><b>bold</b>`
	p.propose(markup, "54", "-3")
	p.says("#events li", markup)
	p.do(chromedp.Click(chromedp.CSS(`#events li button[aria-expanded]`)))
	if got := eval[int](p, `document.querySelectorAll("main img, main li b").length`); got != 0 || eval[string](p, "document.title") != "visitplannr" {
		p.Errorf("got %d elements made of a name", got)
	}
}

func (p *tab) isolatesDirections() {
	const name = "גן החיות 1"
	p.propose(name, "54", "-3")
	p.says("#events", name)
	isolated := eval[string](p, `document.querySelector("#events li bdi").textContent + document.querySelector("#events li button[aria-expanded]").ariaLabel`)
	if isolated != name+"item of \u2068"+name+"\u2069" {
		p.Errorf("got %q, want the name isolated in the row and in its label", isolated)
	}
}

func (p *tab) keepsNothingOverAReload() {
	p.do(chromedp.SendKeys(nameField, "not yet sent"))
	p.load()
	p.says("#events", "Mended")
	kept := eval[string](p, `(async () => [...document.querySelectorAll("input[type=text]")].map((i) => i.value).join("") + document.cookie +
		localStorage.length + sessionStorage.length + (await indexedDB.databases()).length + (await caches.keys()).length)()`)
	if kept != "0000" || eval[bool](p, `document.querySelector("input[value=again]").disabled`) == false {
		p.Errorf("got %q, want empty fields, no cookie, no storage and no last key", kept)
	}
}

func (p *tab) tellsOfARefusal() {
	request := check.Value(http.NewRequestWithContext(p.Context(), http.MethodPost, p.api, strings.NewReader(sampleBody)))(p.T)
	request.Header.Set("Origin", "http://localhost:5173")
	response := check.Value(http.DefaultClient.Do(request))(p.T)
	response.Body.Close()
	p.says("#logs", "kept away · 403 · the request comes from a page of http://localhost:5173, which corsOrigins does not name")
}

func (p *tab) showsStrangeItems() {
	for _, item := range []string{
		`{"StreamName":{"S":"by hand"},"EventId":{"S":"1"},"Data":{"SS":["a"]}}`,
		`{"StreamName":{"S":"long ago"},"EventId":{"S":"2"},"Timestamp":{"S":"2020-01-01T00:00:00.000Z"}}`,
	} {
		request := check.Value(http.NewRequestWithContext(p.Context(), http.MethodPost, p.dynamoDB, strings.NewReader(`{"TableName":"visitplannr-events","Item":`+item+`}`)))(p.T)
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=any/20261124/us-east-1/dynamodb/aws4_request")
		response := check.Value(http.DefaultClient.Do(request))(p.T)
		response.Body.Close()
	}
	p.says("#events li", "by hand")
	p.says("#events li:last-child", "long ago") // the newest comes first, whichever is put last
	p.propose("After it", "54", "-3")
	p.says("#events li", "After it")
	p.load()
	p.says("#events-problem", "Items that are not events are left out: 2")
	p.says("#events", "After it")
}

func (p *tab) staysSmall() {
	for i := range 300 {
		response := check.Value(http.Post(p.api, contract.MediaTypeJSON, strings.NewReader(fmt.Sprintf(`{"name":"%d","geolocation":{"latitude":54,"longitude":-3}}`, i))))(p.T)
		response.Body.Close()
	}
	p.says("#events li", "299 54, -3")
	for _, list := range []string{"events", "logs"} {
		if got := eval[int](p, fmt.Sprintf("document.getElementById(%q).childElementCount", list)); got != 200 {
			p.Errorf("got %d rows of %s, want the newest 200", got, list)
		}
	}
}

func (p *tab) pauses() {
	p.do(chromedp.Click(chromedp.ID("pause")))
	p.propose("Behind the pause", "54", "-3")
	p.says("#outcome", "200 OK")
	if strings.Contains(p.text("#events li"), "Behind") {
		p.Error("a paused page shows a new event")
	}
	p.do(chromedp.Click(chromedp.ID("pause")))
	p.says("#events li", "Behind the pause")
}

func (p *tab) restsUnseen() {
	eval[any](p, `Object.defineProperty(document, "hidden", { value: true, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`)
	p.propose("Out of sight", "54", "-3")
	p.says("#outcome", "200 OK")
	eval[any](p, `delete document.hidden; document.dispatchEvent(new Event("visibilitychange"))`)
	p.says("#events li", "Out of sight")
	if got := eval[int](p, `[...document.querySelectorAll("#events li")].filter((row) => row.textContent.includes("Behind the pause")).length`); got != 1 {
		p.Errorf("got %d rows of an event from before, want 1", got)
	}
}

func (p *tab) provesThatNothingIsLost() {
	eval[any](p, `fetch("/_visitplannr/faults", { method: "POST", body: "lost-reply=0.1,crash=0.05" }).then(() => 0)`)
	p.says("#faults-now", "crash 5 %")
	p.do(chromedp.Click(chromedp.ID("prove")))
	p.says("#proof-status", "200 of 200 proposals were confirmed")
	p.says("#proof-status", "The table has 200: 0 lost, 0 doubled.")
	got := eval[map[string]string](p, `Object.fromEntries([...document.querySelectorAll("#tally div")].map((d) => [d.querySelector("dt").textContent, d.querySelector("dd").textContent]))`)
	if got["stored"] != "200" || got["lost"] != "0" || got["doubled"] != "0" || got["503s"] == "0" || got["sent"] <= "200" {
		p.Errorf("got %v, want 200 stored, none lost or doubled, and requests that were sent again after a 503", got)
	}
	p.do(chromedp.Click(chromedp.ID("faults-off")))
}

func (p *tab) asksNobodyElse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) < 6 {
		p.Fatalf("got only %q, want the page's own requests", p.requests)
	}
	for _, url := range p.requests {
		if !strings.HasPrefix(url, p.url) && !strings.HasPrefix(url, "data:") && url != "about:blank" {
			p.Errorf("the page asked for %s", url)
		}
	}
}

func TestPageOffersEveryEndpoint(t *testing.T) {
	t.Parallel()
	browser := chromium(t)
	look := contract.Endpoint{Function: "look-up", Method: http.MethodGet, Path: "/streams/{name}"}
	page := console.New(console.Config{Endpoints: append(contract.Endpoints(), look)})
	page.Table(func(context.Context) iter.Seq2[eventstore.Event, error] {
		return func(yield func(eventstore.Event, error) bool) { yield(eventstore.Event{}, eventstore.ErrUnavailable) }
	}, nil)
	api := page.API(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "asked for "+r.URL.Path) }))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if own := page.Page(r); own != nil {
			own.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(page.Close)
	p := browse(t, browser, server.URL+contract.ProposeDestination.Path, "")
	eval[any](p, `(() => { const e = document.getElementById("endpoint"); e.value = "look-up"; e.dispatchEvent(new Event("change")); })()`)
	if got := eval[string](p, `[...document.querySelectorAll("#fields label")].map((l) => l.textContent).join()`); got != "name" || eval[bool](p, `document.getElementById("key-field").hidden`) != true {
		t.Errorf("got fields %s, want the one parameter of the path, and no key", got)
	}
	p.do(chromedp.SendKeys(nameField, "a/b\r"))
	p.says("#shown", "asked for /streams/a")
	p.says("#pieces", "look-up")
	p.says("#events-problem", "The table cannot be read: "+eventstore.ErrUnavailable.Error())
	if events := p.text("#events"); events != "" {
		t.Errorf("got the events %q of a table that cannot be read", events)
	}
	if !eval[bool](p, `document.getElementById("faults").hidden && document.getElementById("proof").hidden`) {
		t.Error("it offers faults, or to fill the table, although the run does not")
	}
}

func TestPageSignsAsThePrincipalThatIsChosen(t *testing.T) {
	t.Parallel()
	p := openPage(t, settingFlags{"access": "iam"})
	p.propose("Signed", "54", "-3")
	p.says("#outcome", "200 OK")
	p.says("#events li", "Signed")
	p.do(chromedp.Click(chromedp.ID("tab-curl")))
	line := p.text("#shown")
	if out, err := program.Command(t.Context(), "", "sh", "-c", line).CombinedOutput(); err != nil || !strings.Contains(string(out), "200 OK") {
		t.Errorf("%s: got %v %s, want 200", line, err, out)
	}
	eval[any](p, `document.getElementById("signer").value = "visitor"`)
	p.propose("Not allowed", "54", "-3")
	p.says("#outcome", "403 Forbidden")
}

func TestLocalNamesWhatToTry(t *testing.T) {
	t.Parallel()
	config := local.Config{Endpoints: contract.Endpoints(), Table: defaultTable}
	for name, c := range map[string]struct {
		run  local.Run
		want []string
	}{
		"where everything is as usual": {local.Run{URL: "http://" + defaultAPI, DynamoDB: "http://" + defaultDynamoDB}, []string{
			"  Page      http://127.0.0.1:3000/\n",
			"  DynamoDB  http://127.0.0.1:8000 (embedded: in memory, gone when this process ends)\n",
			"  go run ./cmd/visitplannr propose -name Brockholes -latitude 53.77 -longitude -2.63\n",
			"  go run ./cmd/visitplannr events -follow\n",
		}},
		"where addresses are others": {local.Run{URL: "http://127.0.0.1:3001", DynamoDB: "http://127.0.0.1:8001"}, []string{
			" propose -url http://127.0.0.1:3001/destination -name",
			"  AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8001 go run",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := banner(&c.run, config, nil)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("got\n%s\nwant %q in it", text, want)
				}
			}
		})
	}
}

func TestLocalSaysThatFaultsAreOn(t *testing.T) {
	t.Parallel()
	config := local.Config{Faults: faults.New(1, faults.Spec{{Kind: faults.Unavailable, Rate: 0.6}, {Kind: faults.Crash, Rate: 0.1}})}
	if text := banner(&local.Run{}, config, nil); !strings.Contains(text, "  Faults    ON: down=0.6,crash=0.1\n") {
		t.Errorf("got\n%s\nwant the faults in it", text)
	}
	config.Faults.Set(nil)
	if text := banner(&local.Run{}, config, nil); strings.Contains(text, "Faults") {
		t.Errorf("got\n%s\nalthough there are none", text)
	}
	help := visitplannr(t.Context(), nil, "local", "-h").stdout
	for _, c := range faults.Choices() {
		if !strings.Contains(help, fmt.Sprintf("\n  %-15s %s\n", c.Kind, c.Situation)) {
			t.Errorf("the help does not tell of %s", c.Kind)
		}
	}
}

func TestPageIsAccessible(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile("../../node_modules/axe-core/axe.min.js")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("there is no axe-core: run npm ci")
	}
	p := openPage(t, nil)
	p.propose("Brockholes", "53.77", "-2.63")
	p.says("#events li", "Brockholes")
	p.do(chromedp.Click(chromedp.CSS(`#events li button[aria-expanded]`)), chromedp.Click(chromedp.CSS("#outcome button")))
	p.propose("", "91", "west")
	p.says("#outcome", "400 Bad Request")
	eval[any](p, `document.getElementById("fault-choice").open = true`)
	p.do(chromedp.SendKeys(chromedp.ID("fault-slow"), "0.1\r"), chromedp.Click(chromedp.ID("prove")))
	p.says("#proof-status", "200 of 200 proposals were confirmed")
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[any](string(axe)+"; 0")); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			t.Run(fmt.Sprintf("%s, %d pixels wide", scheme, width), func(t *testing.T) {
				p.T = t
				check.Value(chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))(t)
				p.do(chromedp.EmulateViewport(width, 900))
				if wide := eval[int64](p, "document.documentElement.scrollWidth"); wide > width {
					t.Errorf("the page is %d pixels wide", wide)
				}
				found := eval[string](p, `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }).then(({ violations, passes }) =>
					JSON.stringify({ passed: passes.length, violations: violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map((n) => n.html.slice(0, 200) + n.failureSummary) })) }))`)
				var got struct {
					Passed     int
					Violations []struct {
						ID, Impact, Help string
						Nodes            []string
					}
				}
				check.OK(t, json.Unmarshal([]byte(found), &got))
				if got.Passed < 20 {
					t.Errorf("only %d rules applied: the page was not looked at", got.Passed)
				}
				for _, v := range got.Violations {
					t.Errorf("%s: %s (%s): %q", v.Impact, v.ID, v.Help, v.Nodes)
				}
			})
		}
	}
}

// pageSays reads the stream of a run's page until a message contains a text.
func pageSays(t *testing.T, api, want string) {
	t.Helper()
	request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(api, contract.ProposeDestination.Path)+console.Prefix+"stream", nil))(t)
	response := check.Value(http.DefaultClient.Do(request))(t)
	defer response.Body.Close()
	readUntil(t, response.Body, want)
}
