package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/lambda"
)

// The two functions that are compared.
const (
	functionName = "propose-destination"
	floorPackage = "bench/floor"
)

var functionCommand = command{
	name: "function",
	about: `Builds functions/propose-destination and a function that does nothing (bench/floor)
with the flags of the deployed one, for this machine, and runs them as processes
behind the project's Lambda Runtime API with the environment that the stack sets.
Processes of all variants alternate, in an order that chance decides, so a noisy
machine disturbs them alike.

  init       from the start of the process to its first call for an invocation
  first      its first invocation: what a cold start adds to an answer, with init
  warm       the invocations after it: of each process its p50 and p99
  CPU        of the function's process, user and kernel: in init, and per warm request
  faults     pages of memory that it touched for the first time: where a machine is
             virtual a good part of the cost of init, and steadier than any clock
  peak       most memory resident
  zip        of the arm64 build that is deployed

Each figure is the median over the processes. With "TLS" the engine stands behind
a TLS proxy, and the function trusts this machine's certificates and the proxy's.

-also repeats the measurement over TLS in a changed environment, to see what a
setting buys: -also GOMAXPROCS=2 -also GOGC=100,GOMEMLIMIT= (no value: not set).`,
	flags: func(set *flag.FlagSet) func(context.Context, *bench) (report, error) {
		var o functionOptions
		set.IntVar(&o.processes, "processes", 31, "`number` of processes of each variant")
		set.IntVar(&o.requests, "requests", 1000, "`number` of warm requests to each process")
		set.IntVar(&o.memory, "memory", 512, "`MiB` that the function is told it has")
		set.StringVar(&o.engine, "engine", engineDynoxide, "`name` of the engine: dynoxide or embedded")
		set.Var(&o.also, "also", "another variant: `KEY=value[,KEY=value]` changes its environment; may be repeated")
		return func(ctx context.Context, b *bench) (report, error) {
			if o.processes < 1 || o.requests < 1 || o.memory < 1 {
				return nil, errors.New("-processes, -requests and -memory must be at least 1")
			}
			return measureFunction(ctx, b, o)
		}
	},
}

type functionOptions struct {
	processes, requests, memory int
	engine                      string
	also                        list
}

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

// Set implements flag.Value.
func (l *list) Set(value string) error {
	for change := range strings.SplitSeq(value, ",") {
		if name, _, found := strings.Cut(change, "="); !found || name == "" {
			return fmt.Errorf("%q is not KEY=value", change)
		}
	}
	*l = append(*l, value)
	return nil
}

// functionReport is what measureFunction finds.
type functionReport struct {
	Machine   machine           `json:"machine"`
	Engine    string            `json:"engine"`
	Trusted   int               `json:"trustedCertificates"`
	Processes int               `json:"processes"`
	Requests  int               `json:"requestsPerProcess"`
	Variants  []functionFigures `json:"variants"` // the first is the floor
}

// functionFigures are medians over the processes of one variant.
type functionFigures struct {
	Name          string  `json:"name"`
	InitMS        float64 `json:"initMs"`
	InitCPUMS     float64 `json:"initCpuMs"`
	InitFaults    float64 `json:"initPageFaults"`
	FirstMS       float64 `json:"firstMs"`
	WarmP50MS     float64 `json:"warmP50Ms"`
	WarmP99MS     float64 `json:"warmP99Ms"`
	RequestCPUUS  float64 `json:"requestCpuUs"`
	RequestFaults float64 `json:"requestPageFaults"`
	PeakMiB       float64 `json:"peakMiB"`
	ZipBytes      int64   `json:"zipBytes"`

	Ratios map[string]float64 `json:"ratiosToFloor,omitempty"`
}

// variant is one way to run one of the builds.
type variant struct {
	name      string
	bootstrap string
	env       environment
	zipBytes  int64
	samples   []processSample
}

// usage is what the system has given to a process so far; zero where it does not tell.
type usage struct {
	cpu     time.Duration // of all threads, in user and in kernel mode
	faults  int           // times it touched a page of memory that it did not have yet
	peakMiB float64       // most memory resident
}

// processSample is what one process showed.
type processSample struct {
	ready, first, p50, p99, requestCPU time.Duration
	init                               usage
	requestFaults, peakMiB             float64
}

func measureFunction(ctx context.Context, b *bench, o functionOptions) (_ report, err error) {
	report := &functionReport{
		Machine: thisMachine(ctx, b.root), Engine: o.engine, Processes: o.processes, Requests: o.requests,
	}
	fmt.Fprintln(b.progress, "building the function and the floor")
	ours, oursZip, err := b.buildFunction(ctx, gobuild.FunctionPackage(functionName))
	if err != nil {
		return nil, err
	}
	floor, floorZip, err := b.buildFunction(ctx, floorPackage)
	if err != nil {
		return nil, err
	}

	engine, err := b.startEngine(ctx, o.engine)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.close()) }()
	if _, err := openStore(ctx, engine.url(), benchTable); err != nil {
		return nil, err
	}
	proxy, err := startTLSProxy(engine.address, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, proxy.close()) }()
	report.Trusted = proxy.trusted()

	plain := environment(gobuild.Environment(o.memory)).with(contract.EnvEventsTable + "=" + benchTable).with(credentials(engine.url())...)
	secure := plain.with(credentials(proxy.url())...).with("SSL_CERT_FILE=" + proxy.roots)
	variants := []*variant{
		{name: "floor", bootstrap: floor, env: plain, zipBytes: floorZip},
		{name: functionName, bootstrap: ours, env: plain, zipBytes: oursZip},
		{name: functionName + ", TLS", bootstrap: ours, env: secure, zipBytes: oursZip},
	}
	for _, changes := range o.also {
		variants = append(variants, &variant{
			name: "… TLS, " + changes, bootstrap: ours, env: secure.with(strings.Split(changes, ",")...), zipBytes: oursZip,
		})
	}

	event, err := proxyEvent()
	if err != nil {
		return nil, err
	}
	for i := range o.processes {
		fmt.Fprintf(b.progress, "\rprocess %d of %d", i+1, o.processes)
		for _, j := range rand.Perm(len(variants)) { // or one would always follow the same other
			v := variants[j]
			sample, err := sampleProcess(ctx, v, event, o)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", v.name, err)
			}
			v.samples = append(v.samples, sample)
		}
	}
	fmt.Fprintln(b.progress)

	for _, v := range variants {
		report.Variants = append(report.Variants, v.figures())
	}
	for i := range report.Variants {
		report.Variants[i].Ratios = ratios(report.Variants[i], report.Variants[0])
	}
	return report, nil
}

// buildFunction builds pkg for this machine, to run, and for Lambda, to weigh.
func (b *bench) buildFunction(ctx context.Context, pkg string) (bootstrap string, zipBytes int64, err error) {
	dir := filepath.Join(b.dir, filepath.Base(pkg))
	bootstrap = filepath.Join(dir, gobuild.Bootstrap)
	if err := gobuild.Package(ctx, b.root, pkg, bootstrap, gobuild.Host()); err != nil {
		return "", 0, err
	}
	deployed := filepath.Join(dir, "lambda", gobuild.Bootstrap)
	if err := gobuild.Package(ctx, b.root, pkg, deployed, gobuild.Lambda); err != nil {
		return "", 0, err
	}
	zipBytes, err = zipSize(deployed)
	return bootstrap, zipBytes, err
}

// zipSize returns the bytes of a ZIP archive of one file.
func zipSize(name string) (int64, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	file, err := writer.Create(filepath.Base(name))
	if err != nil {
		return 0, err
	}
	if _, err := file.Write(content); err != nil {
		return 0, err
	}
	if err := writer.Close(); err != nil {
		return 0, err
	}
	return int64(archive.Len()), nil
}

// proposal is the body that editors send in all benchmarks.
const proposal = `{"name": "Brockholes", "geolocation": {"latitude": 53.77, "longitude": -2.63}}`

// proxyEvent returns the event of a proposal, as the gateway hands it over.
func proxyEvent() ([]byte, error) {
	request := httptest.NewRequest(http.MethodPost, contract.ProposeDestination.Path, strings.NewReader(proposal))
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("User-Agent", "visitplannr-bench")
	return json.Marshal(apigateway.NewEvent(contract.ProposeDestination, nil, request, []byte(proposal), uuid.NewString()))
}

// sampleProcess starts one process of v, sends it requests, and ends it.
func sampleProcess(ctx context.Context, v *variant, event []byte, o functionOptions) (s processSample, err error) {
	runtime, err := lambda.New(lambda.Config{
		Bootstrap: v.bootstrap, Env: v.env, Concurrency: 1, FunctionName: functionName, MemoryMB: o.memory,
	})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	began := time.Now()
	if err := runtime.Swap(ctx, v.bootstrap); err != nil { // makes a process ready, and does nothing else here
		return s, err
	}
	s.ready = time.Since(began)
	processes := runtime.Processes()
	if len(processes) != 1 {
		return s, fmt.Errorf("%d processes run, want 1", len(processes))
	}
	pid := processes[0]
	if s.init, err = usageOf(pid); err != nil {
		return s, err
	}

	if s.first, err = timeRequest(ctx, runtime, event); err != nil {
		return s, err
	}
	before, err := usageOf(pid)
	if err != nil {
		return s, err
	}
	warm := make([]float64, o.requests)
	for i := range warm {
		took, err := timeRequest(ctx, runtime, event)
		if err != nil {
			return s, err
		}
		warm[i] = float64(took)
	}
	after, err := usageOf(pid)
	if err != nil {
		return s, err
	}
	s.p50, s.p99 = time.Duration(quantile(warm, 0.50)), time.Duration(quantile(warm, 0.99))
	s.requestCPU = (after.cpu - before.cpu) / time.Duration(o.requests)
	s.requestFaults = float64(after.faults-before.faults) / float64(o.requests)
	s.peakMiB = after.peakMiB
	return s, nil
}

// timeRequest does one invocation, and fails unless the answer is a success: a
// fast failure must not count as speed.
func timeRequest(ctx context.Context, runtime *lambda.Runtime, event []byte) (time.Duration, error) {
	began := time.Now()
	answer, err := runtime.Invoke(ctx, event)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if !bytes.Contains(answer, []byte(`"statusCode":200`)) {
		return 0, fmt.Errorf("the function answered %s", answer)
	}
	return took, nil
}

func (v *variant) figures() functionFigures {
	middle := func(of func(processSample) float64) float64 {
		values := make([]float64, len(v.samples))
		for i, s := range v.samples {
			values[i] = of(s)
		}
		return round(median(values))
	}
	return functionFigures{
		Name:          v.name,
		InitMS:        middle(func(s processSample) float64 { return milliseconds(s.ready) }),
		InitCPUMS:     middle(func(s processSample) float64 { return milliseconds(s.init.cpu) }),
		InitFaults:    middle(func(s processSample) float64 { return float64(s.init.faults) }),
		FirstMS:       middle(func(s processSample) float64 { return milliseconds(s.first) }),
		WarmP50MS:     middle(func(s processSample) float64 { return milliseconds(s.p50) }),
		WarmP99MS:     middle(func(s processSample) float64 { return milliseconds(s.p99) }),
		RequestCPUUS:  middle(func(s processSample) float64 { return microseconds(s.requestCPU) }),
		RequestFaults: middle(func(s processSample) float64 { return s.requestFaults }),
		PeakMiB:       middle(func(s processSample) float64 { return s.peakMiB }),
		ZipBytes:      v.zipBytes,
	}
}

// functionRow is one line of the table: a figure and how to print it.
type functionRow struct {
	key, title string
	of         func(functionFigures) float64
}

var functionRows = []functionRow{
	{"init", "init, ms", func(f functionFigures) float64 { return f.InitMS }},
	{"initCpu", "CPU of init, ms", func(f functionFigures) float64 { return f.InitCPUMS }},
	{"initFaults", "page faults of init", func(f functionFigures) float64 { return f.InitFaults }},
	{"first", "first invocation, ms", func(f functionFigures) float64 { return f.FirstMS }},
	{"warmP50", "warm p50, ms", func(f functionFigures) float64 { return f.WarmP50MS }},
	{"warmP99", "warm p99, ms", func(f functionFigures) float64 { return f.WarmP99MS }},
	{"requestCpu", "CPU a request, us", func(f functionFigures) float64 { return f.RequestCPUUS }},
	{"requestFaults", "page faults a request", func(f functionFigures) float64 { return f.RequestFaults }},
	{"peak", "peak memory, MiB", func(f functionFigures) float64 { return f.PeakMiB }},
	{"zip", "zip for arm64, MB", func(f functionFigures) float64 { return float64(f.ZipBytes) / 1e6 }},
}

func ratios(f, floor functionFigures) map[string]float64 {
	ratios := map[string]float64{}
	for _, row := range functionRows {
		if base := row.of(floor); base > 0 {
			ratios[row.key] = round(row.of(f) / base)
		}
	}
	return ratios
}

func (r *functionReport) text(w io.Writer) {
	r.Machine.text(w)
	fmt.Fprintf(w, "Engine %s; %d processes of each, %d warm requests to each; TLS with %d trusted certificates.\n\n",
		r.Engine, r.Processes, r.Requests, r.Trusted)
	t := table{head: []string{""}}
	for i, v := range r.Variants {
		t.head = append(t.head, v.Name)
		if i > 0 {
			t.head = append(t.head, "of floor")
		}
	}
	for _, row := range functionRows {
		cells := []string{row.title}
		for i, v := range r.Variants {
			cells = append(cells, measured(row.of(v)))
			if i > 0 {
				cells = append(cells, times(row.of(v), row.of(r.Variants[0])))
			}
		}
		t.row(cells...)
	}
	t.print(w)
}

func (r *functionReport) plots() map[string]string {
	var groups []*barGroup
	for _, row := range functionRows {
		group := &barGroup{label: row.title}
		for _, v := range r.Variants {
			group.values = append(group.values, row.of(v))
		}
		groups = append(groups, group)
	}
	var names []string
	for _, v := range r.Variants {
		names = append(names, v.Name)
	}
	return map[string]string{"function.svg": bars("The function beside one that does nothing", names, groups)}
}
