package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/console"
	"visitplannr/test/check"
)

var answersOK = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func TestHandlersReachTheirConnectionThroughEveryWrapper(t *testing.T) {
	t.Parallel()
	logger := apigateway.NewLogger(io.Discard)
	cfg := Config{Endpoints: contract.Endpoints(), Observer: console.New(console.Config{Endpoints: contract.Endpoints()})}
	sets := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		control, later := http.NewResponseController(w), time.Now().Add(time.Minute)
		if err := errors.Join(control.SetReadDeadline(later), control.SetWriteDeadline(later), control.Flush()); err != nil {
			t.Errorf("got %v, want a connection whose deadlines can be set", err)
		}
	})
	for _, handler := range []http.Handler{front(cfg, logger, cfg.Observer.API(sets)), engineFront(cfg, logger, cfg.Observer.Engine(sets))} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		request := check.Value(http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+contract.ProposeDestination.Path, nil))(t)
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810.PutItem")
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("got %v, %v", response, err)
		}
		_ = response.Body.Close()
	}
}

func TestWhatPagesOfOtherSitesCanSendIsRefused(t *testing.T) {
	t.Parallel()
	const evil, friend = "https://evil.example", "https://editors.example"
	logs := &bytes.Buffer{}
	logger := apigateway.NewLogger(logs)
	at := func(addr string, observer Observer) Config {
		cfg := Config{Endpoints: contract.Endpoints(), Addr: addr, EngineAddr: addr, Observer: observer}
		cfg.Settings.CORSOrigins = []string{friend}
		return cfg
	}
	watched := front(at("127.0.0.1:3000", console.New(console.Config{Endpoints: contract.Endpoints()})), logger, answersOK)
	alone := front(at("127.0.0.1:3000", nobody{}), logger, answersOK)
	engine := engineFront(at("db.internal:8000", nobody{}), logger, answersOK)
	everywhere := engineFront(at("0.0.0.0:3000", nobody{}), logger, answersOK)
	t.Cleanup(func() {
		if got := strings.Count(logs.String(), `"message":"kept away"`); got != 16 {
			t.Errorf("%d refusals are logged, want the 16 below:\n%s", got, logs)
		}
	})

	for name, c := range map[string]struct {
		handler http.Handler
		method  string
		url     string
		headers []string
		allowed bool
	}{
		"curl":                              {watched, "POST", "http://127.0.0.1:3000/destination", nil, true},
		"Node's fetch":                      {watched, "POST", "http://localhost:3000/destination", []string{"Sec-Fetch-Mode", "cors"}, true},
		"IPv6":                              {watched, "POST", "http://[::1]:3000/destination", nil, true},
		"a name below localhost":            {watched, "POST", "http://visit.localhost:3000/destination", nil, true},
		"an address typed":                  {watched, "GET", "http://127.0.0.1:3000/", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, true},
		"a link to the page":                {watched, "GET", "http://127.0.0.1:3000/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, true},
		"our own page":                      {watched, "POST", "http://127.0.0.1:3000/destination", []string{"Origin", "http://127.0.0.1:3000", "Sec-Fetch-Site", "same-origin"}, true},
		"a page of corsOrigins":             {watched, "POST", "http://127.0.0.1:3000/destination", []string{"Origin", friend, "Sec-Fetch-Site", "cross-site"}, true},
		"its preflight":                     {watched, "OPTIONS", "http://127.0.0.1:3000/destination", []string{"Origin", friend}, true},
		"a table viewer":                    {engine, "POST", "http://127.0.0.1:8000/", []string{"X-Amz-Target", "DynamoDB_20120810.Scan"}, true},
		"the name that -dynamodb-addr says": {engine, "POST", "http://DB.internal:8000/", nil, true},
		"an IP address of this machine":     {everywhere, "POST", "http://192.0.2.7:3000/", nil, true},

		"a proposal nobody watches":       {alone, "POST", "http://127.0.0.1:3000/destination", nil, true},
		"another site's, nobody watching": {alone, "POST", "http://127.0.0.1:3000/destination", []string{"Origin", evil}, false},
		"a name here, nobody watching":    {alone, "POST", "http://evil.example/destination", nil, false},
		"another site's form":             {watched, "POST", "http://127.0.0.1:3000/destination", []string{"Origin", evil}, false},
		"a sandboxed frame's form":        {watched, "POST", "http://127.0.0.1:3000/destination", []string{"Origin", "null"}, false},
		"another site's image":            {watched, "GET", "http://127.0.0.1:3000/destination", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, false},
		"a link to the API":               {watched, "GET", "http://127.0.0.1:3000/destination", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, false},
		"another port's page":             {watched, "POST", "http://localhost:3000/destination", []string{"Origin", "http://localhost:8080", "Sec-Fetch-Site", "same-site"}, false},
		"a site whose name leads here":    {watched, "POST", "http://evil.example/destination", []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "same-origin"}, false},
		"a link to a name that leads":     {watched, "GET", "http://evil.example/", []string{"Sec-Fetch-Mode", "navigate"}, false},
		"another site's preflight":        {watched, "OPTIONS", "http://127.0.0.1:3000/destination", []string{"Origin", evil}, false},
		"a script of another site's page": {watched, "GET", "http://127.0.0.1:3000/_visitplannr/run.json", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, false},
		"corsOrigins and the page":        {watched, "GET", "http://127.0.0.1:3000/_visitplannr/items", []string{"Origin", friend, "Sec-Fetch-Site", "cross-site"}, false},
		"a form that asks for signatures": {watched, "POST", "http://127.0.0.1:3000/_visitplannr/sign", []string{"Origin", evil, "Sec-Fetch-Mode", "navigate"}, false},
		"a scan for another site's page":  {engine, "POST", "http://evil.example/", []string{"X-Amz-Target", "DynamoDB_20120810.Scan"}, false},
		"an engine for another origin":    {engine, "POST", "http://127.0.0.1:8000/", []string{"Origin", evil}, false},
		"a name on every interface":       {everywhere, "POST", "http://evil.example:3000/", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequest(c.method, c.url, nil)
			for i := 0; i < len(c.headers); i += 2 {
				request.Header.Set(c.headers[i], c.headers[i+1])
			}
			got := httptest.NewRecorder()
			c.handler.ServeHTTP(got, request)
			if want := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[c.allowed]; got.Code != want {
				t.Fatalf("got %d %s, want %d", got.Code, got.Body, want)
			}
			if c.allowed {
				return
			}
			var problem contract.Problem
			var fault struct {
				Type    string `json:"__type"`
				Message string
			}
			id := got.Header().Get(contract.HeaderRequestID)
			if err := errors.Join(json.Unmarshal(got.Body.Bytes(), &problem), json.Unmarshal(got.Body.Bytes(), &fault)); err != nil || id == "" {
				t.Fatalf("got %s under the id %q, %v; want JSON and an id", got.Body, id, err)
			}
			asProblem := got.Header().Get("Content-Type") == contract.MediaTypeProblem && problem.Detail != "" && problem.Instance == contract.Instance(id)
			asFault := strings.HasSuffix(fault.Type, "#AccessDeniedException") && fault.Message != ""
			if asProblem == asFault || got.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("got %v %s, want a problem with its instance, or an error of DynamoDB's, that no page may read", got.Header(), got.Body)
			}
		})
	}
}
