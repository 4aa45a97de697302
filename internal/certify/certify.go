// Package certify runs a client of the API against a local run that fails in known ways,
// and grades the client by what the gateway and the table saw.
package certify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/internal/local"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/local/httpserver"
	"visitplannr/internal/program"
	"visitplannr/internal/settings"
)

// A Scenario is what happens to a client. In one that Refuses, each of its requests gets
// the answer; in others the first request only.
type Scenario struct {
	Name, Situation string
	Refuses         bool

	fault  faults.Kind // of the table; "": the table works
	status int         // of an answer that is given before the function; 0: the function's
	mute   bool        // the function's answer is lost
}

// Scenarios returns all scenarios.
func Scenarios() []Scenario {
	all := []Scenario{
		{Name: "throttled", Situation: "DynamoDB throttles; the API answers 503", fault: faults.Throttled},
		{Name: "lost-reply", Situation: "DynamoDB stores the event, and its replies are lost; the API answers 503", fault: faults.DropAfter},
		{Name: "crash", Situation: "the function crashes after the event is stored; the API answers 503", fault: faults.CrashAfter},
		{Name: "no-answer", Situation: "the event is stored, and the connection ends without an answer", mute: true},
		{Name: "429", Situation: "the API is overloaded; it answers 429", status: http.StatusTooManyRequests},
		{Name: "502", Situation: "a proxy on the way answers 502 without a body", status: http.StatusBadGateway},
	}
	for _, status := range []int{400, 403, 413, 415, 422} {
		all = append(all, Scenario{Name: strconv.Itoa(status), Situation: "the API refuses: " + problem(status).Title, Refuses: true, status: status})
	}
	return all
}

// Expected says what a client should do.
func (s Scenario) Expected() string {
	if s.Refuses {
		return "each proposal sent once, none stored, exit code not 0"
	}
	return "sent again after Retry-After with the same key, stored once, exit code 0"
}

// problem is the problem that the API answers with a status; without a type there is none.
func problem(status int) contract.ProblemType {
	types := contract.ProblemTypes()
	if i := slices.IndexFunc(types, func(p contract.ProblemType) bool { return p.Status == status }); i >= 0 {
		return types[i]
	}
	return contract.ProblemType{Status: status}
}

// patience is the Retry-After of a 429, in seconds. It is longer than that of a 503, and than
// what a client usually waits that does not read it.
const patience = 5

// A Trial is a command in a scenario: what it printed, and its grades.
type Trial struct {
	Scenario
	Printed []byte
	Grades  []Grade
}

// Run runs a command in each scenario, for no longer than limit, against a local run with
// an empty table, and reports each trial. Doing is told of what takes long, as by
// local.Start. The errors are those of local.Start and of a command that cannot start.
func Run(ctx context.Context, scenarios []Scenario, command []string, limit time.Duration, doing func(string) func(), report func(Trial)) (err error) {
	config, err := settings.LoadLocal(map[string]string{"access": string(settings.IAM)})
	if err != nil {
		return err
	}
	injected := faults.New(1, nil)
	run, err := local.Start(ctx, local.Config{Endpoints: contract.Endpoints(), Settings: config, Table: "events",
		Addr: "127.0.0.1:0", EngineAddr: "127.0.0.1:0", Faults: injected, Doing: doing})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	for _, s := range scenarios {
		done := doing("Running COMMAND: " + s.Name)
		t, err := try(ctx, run, &gateway{scenario: s, faults: injected}, command, limit)
		if done(); err != nil {
			return err
		}
		report(t)
	}
	return nil
}

// try runs and grades a command in one scenario.
func try(ctx context.Context, run *local.Run, g *gateway, command []string, limit time.Duration) (t Trial, err error) {
	if err := empty(ctx, run); err != nil {
		return t, err
	}
	if g.api, err = url.Parse(run.URL); err != nil {
		return t, err
	}
	// An address of its own: what outlives the command cannot disturb the next scenario.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return t, err
	}
	server := httpserver.New(g, log.New(io.Discard, "", 0))
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	// A file: no process that the command leaves can hold up the end.
	output, err := os.CreateTemp("", "visitplannr-certify-")
	if err != nil {
		return t, err
	}
	defer func() { _ = errors.Join(output.Close(), os.Remove(output.Name())) }()
	ended, err := execute(ctx, command, limit, output, environment("http://"+listener.Addr().String(), run.Signers[0]))
	answered, cancel := context.WithTimeout(context.WithoutCancel(ctx), apigateway.IntegrationTimeout+time.Second)
	defer cancel()
	if err := errors.Join(err, server.Shutdown(answered)); err != nil { // after that all is stored that will be
		return t, err
	}
	var stored []string
	for event, err := range run.Store.All(ctx) {
		if err != nil {
			return t, err
		}
		stored = append(stored, said(event.Data))
	}
	printed, err := os.ReadFile(output.Name())
	if err != nil {
		return t, err
	}
	return Trial{g.scenario, printed, grade(g.scenario, g.attempts, stored, ended)}, nil
}

// empty makes a new table. The store cannot: nothing deletes events.
func empty(ctx context.Context, run *local.Run) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, run.DynamoDB, strings.NewReader(`{"TableName":"`+run.Table+`"}`))
	if err != nil {
		return err
	}
	request.Header.Set("X-Amz-Target", "DynamoDB_20120810.DeleteTable")
	request.Header.Set("Authorization", "any") // a developer, not a function
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if existed, err := run.Store.CreateTable(ctx); err != nil || existed {
		return fmt.Errorf("the table was not emptied (%s): %w", response.Status, err)
	}
	return nil
}

// environment is this process's, with an API and who signs in place of the developer's own AWS.
func environment(api string, signer apigateway.Principal) []string {
	ours := os.Environ() //nolint:forbidigo // the command is not ours: what we set for the go command may not fit it
	return append(slices.DeleteFunc(ours, func(variable string) bool { return strings.HasPrefix(variable, "AWS_") }),
		"API_URL="+api+contract.ProposeDestination.Path, "AWS_REGION="+local.Region, "AWS_DEFAULT_REGION="+local.Region,
		"AWS_ACCESS_KEY_ID="+signer.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+signer.SecretAccessKey,
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull, "AWS_EC2_METADATA_DISABLED=true")
}

// An ending is how a command ended.
type ending struct {
	text    string
	success bool // exit code 0
	untidy  bool // it ran too long, or left processes
}

// execute runs a command. Nothing of it runs afterwards, where the system has process groups.
func execute(ctx context.Context, command []string, limit time.Duration, output *os.File, env []string) (ending, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := program.Command(limited, "", command[0], command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, output, output
	program.OwnGroup(cmd)
	cmd.Cancel = func() error { program.KillGroup(cmd); return nil }
	if err := cmd.Start(); err != nil {
		return ending{}, fmt.Errorf("cannot start COMMAND: %w", err)
	}
	_ = cmd.Wait() // its status is in cmd.ProcessState
	left := program.KillGroup(cmd)
	switch e := (ending{cmd.ProcessState.String(), cmd.ProcessState.Success(), left}); {
	case ctx.Err() != nil:
		return ending{}, ctx.Err()
	case limited.Err() != nil:
		return ending{text: fmt.Sprintf("killed, since it still ran after %v", limit), untidy: true}, nil
	case left:
		e.text += " with processes left running, which were killed"
		fallthrough
	default:
		return e, nil
	}
}

// A gateway is the API as a client sees it in one scenario.
type gateway struct {
	scenario Scenario
	faults   *faults.Proxy
	api      *url.URL

	mu       sync.Mutex
	attempts []*attempt
}

// An attempt is a request for the endpoint, and its answer.
type attempt struct {
	said              string // by the body
	keys              []string
	signature         string
	arrived, answered time.Time
	status            int // 0: it got no answer
	retryAfter        time.Duration
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(context.WithoutCancel(r.Context())) // it arrives, though its client may go
	api := httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(g.api)
			r.Out.Host = r.In.Host // which is signed
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // closes the connection
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	if _, _, ok := contract.Match([]contract.Endpoint{contract.ProposeDestination}, r.Method, r.URL.EscapedPath()); !ok {
		api.ServeHTTP(withoutNotifier{w}, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, apigateway.MaxBodyBytes))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	a := &attempt{said: said(body), keys: r.Header.Values(contract.HeaderIdempotencyKey), signature: r.Header.Get("Authorization"), arrived: time.Now()}
	g.mu.Lock()
	g.attempts = append(g.attempts, a)
	first := len(g.attempts) == 1
	g.mu.Unlock()

	answered := func(status int, header http.Header) {
		a.answered, a.status = time.Now(), status
		seconds, _ := strconv.Atoi(header.Get("Retry-After")) // the API's are all numbers
		a.retryAfter = time.Duration(seconds) * time.Second
	}
	if g.scenario.status != 0 && (first || g.scenario.Refuses) {
		refuse(w, problem(g.scenario.status))
		answered(g.scenario.status, w.Header())
		return
	}
	if first && g.scenario.fault != "" {
		g.faults.Use(faults.Always(g.scenario.fault))
		defer g.faults.Use(faults.Always(faults.None))
	}
	api.ModifyResponse = func(answer *http.Response) error {
		if g.scenario.mute && first {
			answered(0, nil)
			return http.ErrAbortHandler
		}
		answered(answer.StatusCode, answer.Header)
		return nil
	}
	api.ServeHTTP(withoutNotifier{w}, r)
}

// withoutNotifier hides http.CloseNotifier, which would end a proxy's request with its client.
type withoutNotifier struct{ http.ResponseWriter }

// refuse answers with a problem, or without a body where there is no such problem.
func refuse(w http.ResponseWriter, p contract.ProblemType) {
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(patience))
	}
	if p.Type != "" {
		w.Header().Set("Content-Type", contract.MediaTypeProblem)
	}
	w.WriteHeader(p.Status)
	if p.Type != "" {
		_ = json.NewEncoder(w).Encode(p.Problem(uuid.NewString(), "")) // a client that has gone gets nothing
	}
}

// said returns what a body says, in one form if it is a proposal.
func said(body []byte) string {
	if proposal, err := propose.Parse(body); err == nil {
		return string(proposal.JSON())
	}
	return string(body)
}
