package acceptance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
	"visitplannr/test/corpus"
)

// behaviour is one thing that an editor, or whoever operates the system, may rely
// on.
type behaviour struct {
	says  string
	needs []need
	show  func(t *testing.T, r run)
}

// behaviours is what the system promises, as far as it can be seen from outside.
func behaviours() []behaviour {
	return []behaviour{
		{"A proposal is answered `OK`, in plain text", nil, answersOK},
		{"A client that asks for JSON gets a receipt", nil, givesReceipt},
		{"After one proposal there is one event more", []need{storedEvents}, storesOneMore},
		{"The event matches the receipt and the proposal", []need{storedEvents}, storesWhatItSays},
		{"58 real destinations are stored exactly as sent", []need{storedEvents}, storesRealDestinations},
		{"A slash behind the path does not matter", nil, takesATrailingSlash},
		{"Each mistake gets its problem and its status", nil, answersProblems},
		{"A problem points to every error in a body", []need{functionValidates}, pointsAtMistakes},
		{"A refused proposal is not stored", []need{storedEvents}, storesNothingRefused},
		{"Every valid body is accepted, however odd", []need{noLimits}, takesGoodBodies},
		{"Every invalid body gets its problem", []need{noLimits, functionValidates}, refusesBadBodies},
		{"100 equal proposals with one key, sent at once, give one event", []need{storedEvents}, storesEqualKeysOnce},
		{"A replay repeats the first answer byte for byte", nil, replays},
		{"A key in quotes is the same key", nil, takesQuotedKeys},
		{"A key that belongs to a different proposal gets 422", nil, refusesReusedKeys},
		{"Keys of two callers do not collide", []need{anotherEditor, verifying}, keepsCallersApart},
		{"An unsigned request is accepted", []need{openAccess}, takesUnsigned},
		{"An unsigned request gets 404", []need{signing}, refusesUnsigned},
		{"A wrong, old or foreign signature gets 403", []need{signing, verifying}, refusesBadSignatures},
		{"A principal without permission gets 403", []need{stranger}, refusesStrangers},
		{"…with our problem", []need{stranger, strangerProblem}, refusesStrangersWithProblem},
		{"A web page of an allowed origin may propose and read every answer", []need{webPages}, answersWebPages},
		{"The id in a problem is in the function's log", []need{logLines}, logsTheID},
		{"…and in the header `" + contract.HeaderRequestID + "`", []need{gatewayID}, sendsTheID},
		{"More than 10,240 bytes of headers are refused", []need{headerLimit}, limitsHeaders},
		{"The function may only put items", []need{rolePolicy}, keepsToItsRole},
		{"The API may invoke the function by its own route only", []need{invocation}, invokesByItsRoute},
		{"Above the stage's rate the answer is 429 with `Retry-After`, and waiting helps", []need{ownLimits}, throttles},
		{"What Lambda refuses gets our problem and `Retry-After`", []need{awsItself}, answersForLambda},
		{"TLS 1.2 and 1.3 are spoken, and nothing older", []need{awsItself}, speaksTLS},
		{"A Host that is not the name of the TLS handshake is refused", []need{awsItself}, refusesAnotherName},
		{"The function's log names who signed", []need{awsItself, signing, logLines}, logsWhoSigned},
		{"The access log has a line for each request, with both of its ids", []need{awsItself, accessLog}, logsAccess},
		{"The metrics of the API and the function reach CloudWatch", []need{awsItself, metrics}, publishesMetrics},
	}
}

// run is a behaviour's turn on a system. What it proposes bears its mark, so it can
// count its own events whoever else uses the table.
type run struct {
	*system
	mark string
}

// destination is the part of a proposal that is stored.
type destination struct {
	Name        string `json:"name"`
	Geolocation struct {
		Latitude  json.Number `json:"latitude"`
		Longitude json.Number `json:"longitude"`
	} `json:"geolocation"`
}

func (r run) destination(name string) destination {
	d := destination{Name: r.own(name)}
	d.Geolocation.Latitude, d.Geolocation.Longitude = "53.77", "-2.63"
	return d
}

// own puts the run's mark behind a name, within the limit of names.
func (r run) own(name string) string {
	characters := []rune(name)
	return string(characters[:min(len(characters), contract.NameMaxCharacters-len(r.mark)-1)]) + " " + r.mark
}

func (d destination) body() string {
	body, err := json.Marshal(d)
	if err != nil {
		panic(err) // it holds nothing that cannot be encoded
	}
	return string(body)
}

func (r run) body() string { return r.destination("Brockholes").body() }

// key returns a fresh idempotency key.
func (r run) key() string { return r.mark + "-" + uuid.NewString() }

// must sends a request and fails the test when nothing is answered.
func (r run) must(t *testing.T, q request) answer {
	t.Helper()
	return check.Value(r.send(t.Context(), q))(t)
}

// decode reads one JSON value and nothing after it, of members that are known.
func decode(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is more after the JSON: %w", err)
	}
	return nil
}

// receipt reads the answer to a proposal that asked for JSON.
func receipt(t *testing.T, got answer) contract.Receipt {
	t.Helper()
	var found contract.Receipt
	if err := decode(got.body, &found); err != nil || got.status != http.StatusOK || got.header.Get("Content-Type") != contract.MediaTypeJSON {
		t.Fatalf("got %d %s %q (%v), want a receipt", got.status, got.header.Get("Content-Type"), got.body, err)
	}
	return found
}

// problem reads an answer that must be a problem, and checks what holds of each.
func problem(t *testing.T, got answer, status int) contract.Problem {
	t.Helper()
	if got.status != status || got.header.Get("Content-Type") != contract.MediaTypeProblem {
		t.Fatalf("got %d %s %q, want a problem with status %d", got.status, got.header.Get("Content-Type"), got.body, status)
	}
	var found contract.Problem
	if err := decode(got.body, &found); err != nil {
		t.Fatalf("problem %q: %v", got.body, err)
	}
	// A gateway response that stands for many statuses cannot say which it has.
	if found.Status != status && found.Status != 0 {
		t.Errorf("the problem says status %d, the answer has %d", found.Status, status)
	}
	if found.Type == "" || found.Title == "" || found.Detail == "" {
		t.Errorf("got %q, want a type, a title and a detail", got.body)
	}
	if id, found := strings.CutPrefix(found.Instance, "urn:uuid:"); !found || uuid.Validate(id) != nil {
		t.Errorf("got instance %q, want a request's id as urn:uuid", id)
	}
	return found
}

var wantsJSON = map[string]string{"Accept": contract.MediaTypeJSON}

// receiptAnd adds headers to those that ask for a receipt.
func receiptAnd(headers ...string) map[string]string {
	all := maps.Clone(wantsJSON)
	for i := 0; i < len(headers); i += 2 {
		all[headers[i]] = headers[i+1]
	}
	return all
}

// event is a stored item with the mark of a run, in Go's words.
type event struct {
	item        map[string]any
	stream      string
	destination destination
}

// events returns what the run has stored.
func (r run) events(t *testing.T) []event {
	t.Helper()
	var own []event
	for _, item := range r.items(t) {
		name := leaf(item, "Data", "M", "name", "S")
		if !strings.Contains(name, r.mark) {
			continue
		}
		e := event{item: item, stream: leaf(item, "StreamName", "S")}
		e.destination.Name = name
		e.destination.Geolocation.Latitude = json.Number(leaf(item, "Data", "M", "geolocation", "M", "latitude", "N"))
		e.destination.Geolocation.Longitude = json.Number(leaf(item, "Data", "M", "geolocation", "M", "longitude", "N"))
		own = append(own, e)
	}
	return own
}

// leaf returns the string at a path of nested objects, or nothing.
func leaf(value any, path ...string) string {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	text, _ := value.(string)
	return text
}

func answersOK(t *testing.T, r run) {
	got := r.must(t, request{body: r.body()})
	if got.status != http.StatusOK || got.body != contract.StatusOK || got.header.Get("Content-Type") != contract.MediaTypeText {
		t.Errorf("got %d %s %q, want 200 %s %q", got.status, got.header.Get("Content-Type"), got.body, contract.MediaTypeText, contract.StatusOK)
	}
}

var timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)

func givesReceipt(t *testing.T, r run) {
	got := receipt(t, r.must(t, request{body: r.body(), headers: wantsJSON}))
	if got.Status != contract.StatusOK || got.StreamName != "destination-"+got.EventID || got.CorrelationID != got.EventID ||
		uuid.Validate(got.EventID) != nil || !timestamp.MatchString(got.Timestamp) {
		t.Errorf("got receipt %+v, want one id for stream, event and correlation, and a time with three decimals", got)
	}
}

func storesOneMore(t *testing.T, r run) {
	before := len(r.events(t))
	if got := r.must(t, request{body: r.body()}); got.status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", got.status, got.body)
	}
	if after := len(r.events(t)); after != before+1 {
		t.Errorf("%d events before, %d after, want one more", before, after)
	}
}

func storesWhatItSays(t *testing.T, r run) {
	sent := r.destination("Brockholes")
	want := receipt(t, r.must(t, request{body: sent.body(), headers: wantsJSON}))
	stored := r.events(t)
	if len(stored) != 1 {
		t.Fatalf("got %d events, want 1", len(stored))
	}
	for attribute, want := range map[string]string{
		"StreamName": want.StreamName, "EventId": want.EventID, "CorrelationId": want.CorrelationID, "Timestamp": want.Timestamp,
		"EventType": "destinationProposed",
	} {
		if got := leaf(stored[0].item, attribute, "S"); got != want {
			t.Errorf("%s is %q, want %q", attribute, got, want)
		}
	}
	if leaf(stored[0].item, "SchemaVersion", "N") == "" || leaf(stored[0].item, "CausationId", "S") == "" || len(stored[0].item) != 8 {
		t.Errorf("got %v, want 8 attributes, SchemaVersion and CausationId among them", stored[0].item)
	}
	if stored[0].destination != sent {
		t.Errorf("stored %+v, want %+v", stored[0].destination, sent)
	}
}

func storesRealDestinations(t *testing.T, r run) {
	text := check.Value(os.ReadFile("../../testdata/destinations.json"))(t)
	var places []destination
	check.OK(t, json.Unmarshal(text, &places))
	if len(places) != 58 {
		t.Fatalf("the file has %d places, want 58", len(places))
	}
	want := map[string]destination{} // by stream
	for _, place := range places {
		place.Name = r.own(place.Name)
		got := receipt(t, r.must(t, request{body: place.body(), headers: receiptAnd(contract.HeaderIdempotencyKey, r.key())}))
		want[got.StreamName] = place
	}
	got := map[string]destination{}
	for _, e := range r.events(t) {
		got[e.stream] = e.destination
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %d events, want %d\ngot  %v\nwant %v", len(got), len(want), got, want)
	}
}

func answersProblems(t *testing.T, r run) {
	good := r.body()
	for _, c := range []struct {
		mistake string
		request request
		status  int
		want    contract.ProblemType
	}{
		{"JSON that ends too early", request{body: good[:20]}, 400, contract.ProblemInvalidBody},
		{"no body", request{}, 400, contract.ProblemInvalidBody},
		{"no object", request{body: `[]`}, 400, contract.ProblemInvalidBody},
		{"a member too few", request{body: `{"name":"x"}`}, 400, contract.ProblemInvalidBody},
		{"a key with a space", request{body: good, headers: map[string]string{contract.HeaderIdempotencyKey: "a b"}}, 400, contract.ProblemInvalidKey},
		{"a key of 256 characters", request{body: good, headers: map[string]string{contract.HeaderIdempotencyKey: strings.Repeat("k", 256)}}, 400, contract.ProblemInvalidKey},
		{"another path", request{path: "/destinations", body: good}, 404, contract.ProblemNotFound},
		{"the root", request{path: "/", body: good}, 404, contract.ProblemNotFound},
		{"GET", request{method: http.MethodGet}, 404, contract.ProblemNotFound},
		{"PUT", request{method: http.MethodPut, body: good}, 404, contract.ProblemNotFound},
		{"more than 16 KiB", request{body: good + strings.Repeat(" ", contract.BodyMaxBytes)}, 413, contract.ProblemTooLarge},
		{"a body that is no JSON", request{body: "name=x", headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, 415, contract.ProblemUnsupportedMediaType},
		{"XML", request{body: "<x/>", headers: map[string]string{"Content-Type": "text/xml; charset=utf-8"}}, 415, contract.ProblemUnsupportedMediaType},
	} {
		t.Run(c.mistake, func(t *testing.T) {
			got := problem(t, r.must(t, c.request), c.status)
			if got.Type != c.want.Type || got.Title != c.want.Title {
				t.Errorf("got %s, %q; want %s, %q", got.Type, got.Title, c.want.Type, c.want.Title)
			}
		})
	}
}

func pointsAtMistakes(t *testing.T, r run) {
	for body, want := range map[string][]string{
		`{"name":"  ","geolocation":{"latitude":91,"longitude":-181}}`:         {"#/name", "#/geolocation/latitude", "#/geolocation/longitude"},
		`{"name":1,"geolocation":{"latitude":"1","longitude":null}}`:           {"#/name", "#/geolocation/latitude", "#/geolocation/longitude"},
		`{"name":"x","geolocation":{"latitude":1,"longitude":1},"nmae":"x"}`:   {"#/nmae"},
		`{"name":"x","geolocation":{"latitude":1,"longitude":1,"altitude":1}}`: {"#/geolocation/altitude"},
		`{"name":"x","name":"y","geolocation":{"latitude":1,"longitude":1}}`:   {"#/name"},
		`{}`:                            {"#/name", "#/geolocation"},
		`{"name":"x","geolocation":[]}`: {"#/geolocation"},
	} {
		got := problem(t, r.must(t, request{body: body}), http.StatusBadRequest)
		var pointers []string
		for _, e := range got.Errors {
			pointers = append(pointers, e.Pointer)
			if e.Detail == "" {
				t.Errorf("%s: no detail for %s", body, e.Pointer)
			}
		}
		slices.Sort(pointers)
		slices.Sort(want)
		if !slices.Equal(pointers, want) {
			t.Errorf("%s: got errors at %q, want %q", body, pointers, want)
		}
	}
}

func storesNothingRefused(t *testing.T, r run) {
	d := r.destination("Brockholes")
	d.Geolocation.Latitude = "91"
	problem(t, r.must(t, request{body: d.body()}), http.StatusBadRequest)
	problem(t, r.must(t, r.notJSON()), http.StatusUnsupportedMediaType)
	problem(t, r.must(t, request{body: r.body(), path: "/other"}), http.StatusNotFound)
	if got := r.events(t); len(got) != 0 {
		t.Errorf("stored %v", got)
	}
}

func takesGoodBodies(t *testing.T, r run) {
	for _, body := range corpus.Bodies() {
		if body.Verdict != corpus.Accepted {
			continue
		}
		if got := r.must(t, request{body: body.Bytes}); got.status != http.StatusOK || got.body != contract.StatusOK {
			t.Errorf("%s: got %d %s, want 200", body.Title, got.status, got.body)
		}
	}
}

func refusesBadBodies(t *testing.T, r run) {
	for _, body := range corpus.Bodies() {
		if body.Verdict == corpus.Accepted {
			continue
		}
		got := r.must(t, request{body: body.Bytes})
		if found := problem(t, got, body.Problem.Status); found.Type != body.Problem.Type {
			t.Errorf("%s: got %s, want %s", body.Title, found.Type, body.Problem.Type)
		}
	}
}

func storesEqualKeysOnce(t *testing.T, r run) {
	const most = 100
	key := r.key()
	answers := make([]answer, most)
	failures := make([]error, most)
	var group sync.WaitGroup
	for i := range most {
		group.Go(func() {
			answers[i], failures[i] = r.send(t.Context(), request{body: r.body(), headers: receiptAnd(contract.HeaderIdempotencyKey, key)})
		})
	}
	group.Wait()
	replayed := 0
	for i, got := range answers {
		if failures[i] != nil {
			t.Fatal(failures[i])
		}
		receipt(t, got)
		if got.body != answers[0].body {
			t.Errorf("got receipts\n%s\n%s, want one", answers[0].body, got.body)
		}
		if got.header.Get(contract.HeaderIdempotencyReplayed) == "true" {
			replayed++
		}
	}
	if replayed != most-1 {
		t.Errorf("%d of %d answers are replays, want all but one", replayed, most)
	}
	if stored := r.events(t); len(stored) != 1 {
		t.Errorf("stored %d events, want 1", len(stored))
	}
}

func replays(t *testing.T, r run) {
	for _, accept := range []string{contract.MediaTypeJSON, contract.MediaTypeText} {
		headers := map[string]string{"Accept": accept, contract.HeaderIdempotencyKey: r.key()}
		first := r.must(t, request{body: r.body(), headers: headers})
		again := r.must(t, request{body: r.body(), headers: headers})
		if again.status != http.StatusOK || again.status != first.status || again.body != first.body ||
			again.header.Get("Content-Type") != first.header.Get("Content-Type") {
			t.Errorf("%s: got %d %q, then %d %q", accept, first.status, first.body, again.status, again.body)
		}
		if first.header.Get(contract.HeaderIdempotencyReplayed) != "" || again.header.Get(contract.HeaderIdempotencyReplayed) != "true" {
			t.Errorf("%s: %s is %q, then %q; want none, then true", accept, contract.HeaderIdempotencyReplayed,
				first.header.Get(contract.HeaderIdempotencyReplayed), again.header.Get(contract.HeaderIdempotencyReplayed))
		}
	}
}

func takesQuotedKeys(t *testing.T, r run) {
	key := r.key()
	first := receipt(t, r.must(t, request{body: r.body(), headers: receiptAnd(contract.HeaderIdempotencyKey, key)}))
	again := receipt(t, r.must(t, request{body: r.body(), headers: receiptAnd(contract.HeaderIdempotencyKey, `"`+key+`"`)}))
	if first != again {
		t.Errorf("got %+v, then %+v", first, again)
	}
}

func refusesReusedKeys(t *testing.T, r run) {
	headers := receiptAnd(contract.HeaderIdempotencyKey, r.key())
	receipt(t, r.must(t, request{body: r.body(), headers: headers}))
	got := problem(t, r.must(t, request{body: r.destination("Chester Zoo").body(), headers: headers}), http.StatusUnprocessableEntity)
	if got.Type != contract.ProblemKeyReused.Type {
		t.Errorf("got %s, want %s", got.Type, contract.ProblemKeyReused.Type)
	}
}

func keepsCallersApart(t *testing.T, r run) {
	headers := receiptAnd(contract.HeaderIdempotencyKey, r.key())
	first := receipt(t, r.must(t, request{body: r.body(), headers: headers}))
	other := receipt(t, r.must(t, request{body: r.destination("Chester Zoo").body(), headers: headers, as: r.other}))
	if first.StreamName == other.StreamName {
		t.Errorf("both got %s", first.StreamName)
	}
}

func takesATrailingSlash(t *testing.T, r run) {
	receipt(t, r.must(t, request{path: contract.ProposeDestination.Path + "/", body: r.body(), headers: wantsJSON}))
}

func takesUnsigned(t *testing.T, r run) {
	receipt(t, r.must(t, request{body: r.body(), headers: wantsJSON, unsigned: true}))
}

func refusesUnsigned(t *testing.T, r run) {
	got := problem(t, r.must(t, request{body: r.body(), unsigned: true}), http.StatusNotFound)
	if got.Type != contract.ProblemNotFound.Type {
		t.Errorf("got %s, want %s", got.Type, contract.ProblemNotFound.Type)
	}
}

func refusesBadSignatures(t *testing.T, r run) {
	wrong, unknown := *r.editor, *r.editor
	wrong.secret += "x"
	unknown.accessKeyID = "AKIAIOSFODNN7EXAMPLE"
	for _, c := range []struct {
		mistake string
		request request
		want    string // the problem's type; empty: whichever
	}{
		{"a wrong secret", request{body: r.body(), as: &wrong}, contract.ProblemForbidden.Type},
		{"a signature of 20 minutes ago", request{body: r.body(), at: time.Now().Add(-20 * time.Minute)}, contract.ProblemForbidden.Type},
		{"a header that was signed, and changed", request{body: r.body(), headers: wantsJSON, change: func(r *http.Request) { r.Header.Set("Accept", "text/plain") }}, contract.ProblemForbidden.Type},
		// AWS does not document which gateway response this gets.
		{"an unknown access key", request{body: r.body(), as: &unknown}, ""},
		// Production logs show DEFAULT_4XX: ADR 8.
		{"a header that is not a signature", request{body: r.body(), change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }}, contract.ProblemInvalidRequest.Type},
	} {
		t.Run(c.mistake, func(t *testing.T) {
			if got := problem(t, r.must(t, c.request), http.StatusForbidden); c.want != "" && got.Type != c.want {
				t.Errorf("got %s, want %s", got.Type, c.want)
			}
		})
	}
}

func refusesStrangers(t *testing.T, r run) {
	if got := r.must(t, request{body: r.body(), as: r.stranger}); got.status != http.StatusForbidden {
		t.Errorf("got %d %s, want 403", got.status, got.body)
	}
}

func refusesStrangersWithProblem(t *testing.T, r run) {
	if got := problem(t, r.must(t, request{body: r.body(), as: r.stranger}), http.StatusForbidden); got.Type != contract.ProblemForbidden.Type {
		t.Errorf("got %s, want %s", got.Type, contract.ProblemForbidden.Type)
	}
}

func answersWebPages(t *testing.T, r run) {
	const allowOrigin = "Access-Control-Allow-Origin"
	preflight := r.must(t, request{method: http.MethodOptions, unsigned: true, headers: map[string]string{
		"Content-Type": "", "Origin": r.origin,
		"Access-Control-Request-Method":  contract.ProposeDestination.Method,
		"Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-amz-date",
	}})
	if preflight.status != http.StatusNoContent || preflight.header.Get(allowOrigin) != r.origin ||
		!strings.Contains(preflight.header.Get("Access-Control-Allow-Methods"), contract.ProposeDestination.Method) {
		t.Errorf("the preflight got %d %v", preflight.status, preflight.header)
	}
	may := strings.ToLower(preflight.header.Get("Access-Control-Allow-Headers"))
	for _, name := range []string{"authorization", "content-type", "idempotency-key", "x-amz-date", "x-amz-security-token"} {
		if !slices.Contains(strings.Split(may, ","), name) {
			t.Errorf("a page may send %q, want %s among them", may, name)
		}
	}
	for what, q := range map[string]request{
		"OK": {body: r.body()}, "the function's problem": r.notJSON(), "the gateway's problem": {body: "{}", path: "/other"},
	} {
		if q.headers == nil {
			q.headers = map[string]string{}
		}
		q.headers["Origin"] = r.origin
		if got := r.must(t, q).header.Get(allowOrigin); got != r.origin {
			t.Errorf("%s has %s %q, want %q", what, allowOrigin, got, r.origin)
		}
	}
}

// notJSON is refused by the function whoever judges bodies first.
func (r run) notJSON() request {
	return request{body: r.body(), headers: map[string]string{"Content-Type": "text/plain"}}
}

func logsTheID(t *testing.T, r run) {
	got := problem(t, r.must(t, r.notJSON()), http.StatusUnsupportedMediaType)
	id := strings.TrimPrefix(got.Instance, "urn:uuid:")
	var found []string
	err := eventually(t.Context(), time.Minute, func() bool {
		found = r.lines(t, id)
		return slices.ContainsFunc(found, func(line string) bool { return strings.Contains(line, contract.ProblemUnsupportedMediaType.Type) })
	})
	if err != nil {
		t.Errorf("the log has %q for %s, want a line with the problem's type", found, id)
	}
}

func sendsTheID(t *testing.T, r run) {
	chosen := uuid.NewString()
	for by, q := range map[string]request{"the function": r.notJSON(), "the gateway": {path: "/other"},
		"the client": {path: "/other", headers: map[string]string{contract.HeaderRequestID: chosen}}} {
		got := r.must(t, q)
		if id := got.header.Get(contract.HeaderRequestID); by == "the client" && id != chosen {
			t.Errorf("got the request id %s, want the client's, %s", id, chosen)
		}
		if found := problem(t, got, got.status); found.Instance != contract.Instance(got.header.Get(contract.HeaderRequestID)) {
			t.Errorf("%s: %s is %q, the instance %q", by, contract.HeaderRequestID, got.header.Get(contract.HeaderRequestID), found.Instance)
		}
	}
}

func limitsHeaders(t *testing.T, r run) {
	if got := r.must(t, request{body: r.body(), headers: map[string]string{"X-Large": strings.Repeat("x", 10_240)}}); got.status < 400 || got.status > 499 {
		t.Errorf("got %d %s, want a status of 4xx", got.status, got.body)
	}
}

func keepsToItsRole(t *testing.T, r run) {
	for _, action := range []string{"PutItem", "GetItem", "Query", "Scan", "UpdateItem", "DeleteItem", "BatchWriteItem", "DeleteTable"} {
		if got, want := r.allowed(t, action), action == "PutItem"; got != want {
			t.Errorf("dynamodb:%s is allowed: %t, want %t", action, got, want)
		}
	}
}

func invokesByItsRoute(t *testing.T, r run) {
	route := contract.ProposeDestination
	for to, want := range map[string]bool{
		route.Method + route.Path: true, "GET" + route.Path: false, route.Method + "/other": false, route.Method + route.Path + "/more": false,
	} {
		if got := r.mayInvoke(t, to); got != want {
			t.Errorf("by %s the API may invoke the function: %t, want %t", to, got, want)
		}
	}
}

func throttles(t *testing.T, r run) {
	r.system = r.limited
	const most = 400
	var (
		mu      sync.Mutex
		refused []answer
		group   sync.WaitGroup
	)
	for range most {
		group.Go(func() {
			got, err := r.send(t.Context(), request{body: "{", impatient: true})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case got.status == http.StatusTooManyRequests:
				refused = append(refused, got)
			case r.scarce && (got.status == http.StatusBadGateway || got.status == http.StatusServiceUnavailable): // either: ADR 8
			case got.status != http.StatusBadRequest:
				t.Errorf("got %d %s, want 400 or 429", got.status, got.body)
			}
		})
	}
	group.Wait()
	t.Logf("%d of %d requests at once got 429", len(refused), most)
	if len(refused) == 0 || len(refused) == most {
		t.Fatalf("%d of %d requests at once got 429, want some", len(refused), most)
	}
	got := refused[rand.N(len(refused))]
	if found := problem(t, got, http.StatusTooManyRequests); found.Type != contract.ProblemRateLimited.Type || got.header.Get("Retry-After") == "" {
		t.Errorf("got %s with Retry-After %q", found.Type, got.header.Get("Retry-After"))
	}
	if got := r.must(t, request{body: r.body()}); got.status != http.StatusOK {
		t.Errorf("got %d %s after waiting, want 200", got.status, got.body)
	}
}

// outcome is how a behaviour ended that a target was asked for.
type outcome string

const (
	shown   outcome = "shown"
	refuted outcome = "refuted"
	unseen  outcome = "unseen" // what it takes did not happen
)

// show shows every behaviour of a system that its target does not lack, and returns how
// each of them ended, by what it says.
func show(t *testing.T, s *system, lacks map[need]string) map[string]outcome {
	t.Helper()
	outcomes := map[string]outcome{}
	s.check(t, lacks)
	prefix := "acceptance-" + uuid.NewString()[:8]
	for i, b := range behaviours() {
		if slices.ContainsFunc(b.needs, func(n need) bool { return lacks[n] != "" }) {
			continue // docs/acceptance.md says why
		}
		outcomes[b.says] = refuted
		t.Run(b.says, func(t *testing.T) {
			defer func() {
				switch {
				case t.Skipped():
					outcomes[b.says] = unseen
				case !t.Failed():
					outcomes[b.says] = shown
				}
			}()
			b.show(t, run{s, fmt.Sprintf("%s-%d", prefix, i)})
		})
		if i == 0 && outcomes[b.says] == refuted {
			t.Fatal("no proposal is taken, so nothing else is asked")
		}
	}
	t.Logf("%d answers were 502 and %d were 503, which mean the same: ADR 8", s.badGateway.Load(), s.unavailable.Load())
	if s.items != nil {
		t.Logf("%d events with the mark %s are left in the table", len(run{s, prefix}.events(t)), prefix)
	}
	return outcomes
}
