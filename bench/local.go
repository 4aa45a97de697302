package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/apigateway"
)

var localCommand = command{
	name: "local",
	about: `Sends proposals to 'visitplannr local', a fresh process for each engine and number
of connections, and to a floor: the same gateway before a function that does
nothing and stores nothing. Client and server share this machine.

Every answer is checked. Each client sends names of its own and asks for receipts;
every eighth proposal has an Idempotency-Key and is sent twice, and the second
answer must repeat the first. At the end the table must hold exactly what the
receipts say: each event once, with the name that its client sent. An answer that
is not as it should be counts as wrong, and one is too many.

-race builds the server with Go's race detector: slow, and no figure to quote, but
a race that it sees is reported on standard error and fails the run.`,
	flags: func(set *flag.FlagSet) func(context.Context, *bench) (report, error) {
		o := localOptions{connections: numbers{1, 16, 64}}
		set.Var(&o.connections, "connections", "`numbers` of connections, separated by commas")
		set.DurationVar(&o.duration, "duration", 5*time.Second, "how long each load lasts, after a tenth of that to warm up")
		set.BoolVar(&o.race, "race", false, "build the server with the race detector (needs a C compiler)")
		return func(ctx context.Context, b *bench) (report, error) {
			if o.duration <= 0 {
				return nil, errors.New("-duration must be positive")
			}
			return measureLocal(ctx, b, o)
		}
	},
}

type localOptions struct {
	connections numbers
	duration    time.Duration
	race        bool
}

// numbers is a flag of positive numbers separated by commas.
type numbers []int

func (n *numbers) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*n), " ", ","), "[]")
}

// Set implements flag.Value.
func (n *numbers) Set(value string) error {
	*n = nil
	for text := range strings.SplitSeq(value, ",") {
		number, err := strconv.Atoi(text)
		if err != nil || number < 0 {
			return fmt.Errorf("%q is not a number", text)
		}
		*n = append(*n, number)
	}
	return nil
}

type localReport struct {
	Machine machine     `json:"machine"`
	Seconds float64     `json:"secondsEach"`
	Race    bool        `json:"raceDetector"`
	Loads   []localLoad `json:"loads"`
	Missing []string    `json:"missing,omitempty"` // engines that are not installed
}

// localLoad is what one load showed.
type localLoad struct {
	Server      string  `json:"server"` // "floor", or the engine
	Connections int     `json:"connections"`
	Requests    int     `json:"requests"`
	PerSecond   float64 `json:"requestsPerSecond"`
	P50MS       float64 `json:"p50Ms"`
	P99MS       float64 `json:"p99Ms"`
	PeakMiB     float64 `json:"peakMiB"` // of the server, with the table where the engine is embedded
	Wrong       int     `json:"wrongAnswers"`
	FirstWrong  string  `json:"firstWrong,omitempty"`
}

const serverFloor = "floor"

func measureLocal(ctx context.Context, b *bench, o localOptions) (report, error) {
	r := &localReport{Machine: thisMachine(ctx, b.root), Seconds: o.duration.Seconds(), Race: o.race}
	fmt.Fprintln(b.progress, "building visitplannr")
	server := filepath.Join(b.dir, "visitplannr")
	arguments := []string{"build", "-o", server}
	if o.race {
		arguments = append(arguments, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(arguments, "./cmd/visitplannr")...)
	build.Dir = b.root
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build visitplannr: %w\n%s", err, output)
	}
	servers := []string{serverFloor, engineEmbedded}
	if b.hasDynoxide() {
		servers = append(servers, engineDynoxide)
	} else {
		r.Missing = append(r.Missing, engineDynoxide)
	}
	for _, connections := range o.connections {
		for _, name := range servers {
			fmt.Fprintf(b.progress, "%s, %d connections\n", name, connections)
			load, err := b.loadServer(ctx, name, server, connections, o)
			if err != nil {
				return nil, fmt.Errorf("%s, %d connections: %w", name, connections, err)
			}
			r.Loads = append(r.Loads, load)
		}
	}
	return r, nil
}

// loadServer starts a server, loads it, and checks what it stored.
func (b *bench) loadServer(ctx context.Context, name, executable string, connections int, o localOptions) (_ localLoad, err error) {
	command := exec.CommandContext(ctx, executable, "local", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0")
	command.Env = os.Environ()
	switch name {
	case serverFloor:
		self, err := os.Executable()
		if err != nil {
			return localLoad{}, err
		}
		command = exec.CommandContext(ctx, self, floorServer.name)
	case engineDynoxide:
		engine, err := b.startDynoxide(ctx)
		if err != nil {
			return localLoad{}, err
		}
		defer func() { err = errors.Join(err, engine.close()) }()
		command.Env = append(command.Env, dynamo.EnvEndpoint+"="+engine.url())
	}
	running, err := startServer(command, o.race)
	if err != nil {
		return localLoad{}, err
	}
	defer func() { err = errors.Join(err, running.stop()) }()

	results := load(ctx, running.api, connections, o.duration, name != serverFloor)
	if ctx.Err() != nil {
		return localLoad{}, context.Cause(ctx)
	}
	used, err := usageOf(command.Process.Pid)
	if err != nil {
		return localLoad{}, err
	}
	if name != serverFloor {
		if err := results.checkTable(ctx, running.dynamoDB, running.table); err != nil {
			return localLoad{}, err
		}
	}
	return localLoad{
		Server: name, Connections: connections, Requests: len(results.took),
		PerSecond: round(float64(len(results.took)) / results.measured.Seconds()),
		P50MS:     round(quantile(results.took, 0.50)), P99MS: round(quantile(results.took, 0.99)),
		PeakMiB: round(used.peakMiB), Wrong: results.wrong, FirstWrong: results.firstWrong,
	}, nil
}

// localServer is a running server and what its banner says of it.
type localServer struct {
	command              *exec.Cmd
	log                  *bytes.Buffer
	api, dynamoDB, table string
}

// startServer starts a server whose log goes nowhere, but for what the race
// detector says.
func startServer(command *exec.Cmd, race bool) (*localServer, error) {
	s := &localServer{command: command, log: &bytes.Buffer{}}
	if race {
		command.Stderr = raceReports{s.log}
	}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 5 * time.Second
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(stdout)
	for s.table == "" && lines.Scan() {
		switch words := strings.Fields(lines.Text()); {
		case len(words) == 3 && words[0] == "API":
			s.api = words[2]
		case len(words) >= 2 && words[0] == "DynamoDB":
			s.dynamoDB = words[1]
		case len(words) >= 2 && words[0] == "Table":
			s.table = words[1]
		}
	}
	if s.table == "" {
		return nil, errors.Join(errors.New("the server ended before it told its addresses"), command.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }() // ends with the process
	return s, nil
}

func (s *localServer) stop() error {
	if err := s.command.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stop server: %w", err)
	}
	err := s.command.Wait()
	if s.log.Len() > 0 {
		return fmt.Errorf("the server has a data race:\n%s", s.log)
	}
	if err != nil {
		return fmt.Errorf("the server did not end well: %w", err)
	}
	return nil
}

// raceReports keeps what the race detector writes, and drops the log.
type raceReports struct{ kept *bytes.Buffer }

func (r raceReports) Write(p []byte) (int, error) {
	if at := bytes.Index(p, []byte("WARNING: DATA RACE")); at >= 0 || r.kept.Len() > 0 {
		r.kept.Write(p[max(at, 0):])
	}
	return len(p), nil
}

// loadResults is what the clients of one load saw.
type loadResults struct {
	took       []float64         // milliseconds
	measured   time.Duration     // without the warm-up
	sent       map[string]string // name by event id
	wrong      int
	firstWrong string
}

func (r *loadResults) blame(format string, arguments ...any) {
	r.wrong++
	if r.firstWrong == "" {
		r.firstWrong = fmt.Sprintf(format, arguments...)
	}
}

// load has that many clients send proposals one after the other. Without
// receipts, only statuses are checked.
func load(ctx context.Context, url string, connections int, duration time.Duration, receipts bool) *loadResults {
	ctx, cancel := context.WithTimeout(ctx, duration+duration/10)
	defer cancel()
	began := time.Now()
	from := began.Add(duration / 10)
	clients := make([]*loadClient, connections)
	var running sync.WaitGroup
	for i := range clients {
		clients[i] = &loadClient{
			url: url, number: i, from: from, receipts: receipts,
			http:    &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}},
			results: loadResults{sent: map[string]string{}},
		}
		running.Go(func() { clients[i].run(ctx, math.MaxInt) })
	}
	running.Wait()
	all := &loadResults{sent: map[string]string{}, measured: time.Since(from)}
	for _, c := range clients {
		all.took = append(all.took, c.results.took...)
		all.wrong += c.results.wrong
		if all.firstWrong == "" {
			all.firstWrong = c.results.firstWrong
		}
		for id, name := range c.results.sent {
			if other, taken := all.sent[id]; taken {
				all.blame("event %s was given to %q and to %q", id, other, name)
			}
			all.sent[id] = name
		}
	}
	return all
}

// loadClient is one editor on one connection.
type loadClient struct {
	url      string
	number   int
	from     time.Time // answers before it are checked and not timed
	receipts bool
	http     *http.Client
	results  loadResults
}

// run sends proposals until ctx ends, at most so many.
func (c *loadClient) run(ctx context.Context, proposals int) {
	defer c.http.CloseIdleConnections()
	for i := 0; i < proposals && ctx.Err() == nil; i++ {
		name, key := fmt.Sprintf("client %d, proposal %d", c.number, i), ""
		if i%8 == 7 {
			key = fmt.Sprintf("client-%d-proposal-%d", c.number, i)
		}
		first, replayed, ok := c.propose(name, key)
		if !ok || !c.receipts {
			continue
		}
		if replayed {
			c.results.blame("the first proposal of key %s was called a replay", key)
		}
		if first.StreamName != "destination-"+first.EventID {
			c.results.blame("stream %s does not have the id of its event %s", first.StreamName, first.EventID)
		}
		if other, taken := c.results.sent[first.EventID]; taken {
			c.results.blame("event %s was given to %q and to %q", first.EventID, other, name)
		}
		c.results.sent[first.EventID] = name
		if key == "" {
			continue
		}
		if second, replayed, ok := c.propose(name, key); ok && (!replayed || second != first) {
			c.results.blame("key %s: got %+v (replayed: %t) after %+v", key, second, replayed, first)
		}
	}
}

// propose sends one proposal. It finishes what it began, also when the time is
// up, so that the table can be compared with the receipts.
func (c *loadClient) propose(name, key string) (receipt contract.Receipt, replayed, ok bool) {
	body := fmt.Sprintf(`{"name":%q,"geolocation":{"latitude":53.77,"longitude":-2.63}}`, name)
	request, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		c.results.blame("%v", err)
		return receipt, false, false
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	if key != "" {
		request.Header.Set(contract.HeaderIdempotencyKey, key)
	}
	began := time.Now()
	response, err := c.http.Do(request)
	if err != nil {
		c.results.blame("%v", err)
		return receipt, false, false
	}
	answer, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if took := time.Since(began); !began.Before(c.from) {
		c.results.took = append(c.results.took, milliseconds(took))
	}
	if err != nil || response.StatusCode != http.StatusOK {
		c.results.blame("%s: %s (%v)", response.Status, answer, err)
		return receipt, false, false
	}
	if !c.receipts {
		return receipt, false, true
	}
	if err := json.Unmarshal(answer, &receipt); err != nil {
		c.results.blame("%s is no receipt: %v", answer, err)
		return receipt, false, false
	}
	return receipt, response.Header.Get(contract.HeaderIdempotencyReplayed) == "true", true
}

// checkTable compares the table with the receipts.
func (r *loadResults) checkTable(ctx context.Context, endpoint, table string) error {
	client, err := dynamo.NewClient(environment(credentials(endpoint)).get)
	if err != nil {
		return err
	}
	stored := 0
	for event, err := range dynamo.New(client, table).All(ctx) {
		if err != nil {
			return fmt.Errorf("read the table: %w", err)
		}
		stored++
		var data struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(event.Data, &data); err != nil {
			return fmt.Errorf("event %s: %w", event.ID, err)
		}
		if name, found := r.sent[event.ID.String()]; !found {
			r.blame("event %s (%q) is stored and nobody has its receipt", event.ID, data.Name)
		} else if name != data.Name {
			r.blame("event %s holds %q, its receipt went to %q", event.ID, data.Name, name)
		}
	}
	if lost := len(r.sent) - stored; lost > 0 {
		r.blame("%d events have a receipt and are not stored", lost)
	}
	return nil
}

// floorServer is the server of the floor: this program, started again.
var floorServer = struct {
	name string
	run  func(ctx context.Context, args []string) error
}{"floor-server", serveFloor}

// floorFunction answers OK at once.
type floorFunction struct{}

func (floorFunction) Invoke(context.Context, []byte) ([]byte, error) {
	return json.Marshal(events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: contract.StatusOK})
}

func serveFloor(ctx context.Context, _ []string) error {
	api, err := apigateway.New(apigateway.Config{
		Endpoints:      contract.Endpoints(),
		Functions:      map[string]apigateway.Invoker{contract.ProposeDestination.Function: floorFunction{}},
		ValidateBodies: true,
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("API POST http://%s%s\nDynamoDB none\nTable none\n", listener.Addr(), contract.ProposeDestination.Path)
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (r *localReport) text(w io.Writer) {
	r.Machine.text(w)
	fmt.Fprintf(w, "%g s of each load, client and server on this machine.", r.Seconds)
	if r.Race {
		fmt.Fprint(w, " Built with the race detector, which saw no race.")
	}
	for _, name := range r.Missing {
		fmt.Fprintf(w, " %s is not installed.", name)
	}
	fmt.Fprint(w, "\n\n")
	t := table{head: []string{"server", "connections", "requests/s", "of floor", "p50, ms", "p99, ms", "peak memory, MiB", "wrong answers"}}
	floor := map[int]float64{}
	for _, load := range r.Loads {
		if load.Server == serverFloor {
			floor[load.Connections] = load.PerSecond
		}
		t.row(load.Server, strconv.Itoa(load.Connections), number(load.PerSecond), times(load.PerSecond, floor[load.Connections]),
			number(load.P50MS), number(load.P99MS), measured(load.PeakMiB), strconv.Itoa(load.Wrong))
	}
	t.print(w)
	for _, load := range r.Loads {
		if load.Wrong > 0 {
			fmt.Fprintf(w, "\nWrong (%s, %d connections), the first: %s\n", load.Server, load.Connections, load.FirstWrong)
		}
	}
}

func (r *localReport) plots() map[string]string {
	var names []string
	groups := map[int]*barGroup{}
	var order []*barGroup
	for _, load := range r.Loads {
		group, known := groups[load.Connections]
		if !known {
			group = &barGroup{label: fmt.Sprintf("requests/s, %d connections", load.Connections)}
			groups[load.Connections] = group
			order = append(order, group)
		}
		if len(order) == 1 {
			names = append(names, load.Server)
		}
		group.values = append(group.values, load.PerSecond)
	}
	return map[string]string{"local.svg": bars("visitplannr local under load", names, order)}
}
