package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/dynamodb"
	"visitplannr/internal/local/lambda"
	"visitplannr/internal/settings"
)

const (
	functionName = "propose-destination"
	tableName    = "events"
	region       = "us-east-1"
	credential   = "local" // both halves of it: no engine on this machine checks them
	memoryMB     = 512     // what the function is told, as in prod; nothing enforces it
)

// bench is where the benchmark runs, and what it measures.
type bench struct {
	root     string    // of the module
	dir      string    // for builds, removed at the end
	out      io.Writer // for the table
	progress io.Writer // reports progress

	processes, requests int
	also, against       []string // changes of the environment; checkouts
}

// functionFigures are the figures that sampleProcess returns and the table shows, in
// this order.
var functionFigures = []string{
	"init, ms", "CPU of init, ms", "page faults of init", "first invocation, ms", "init and first, ms", "CPU of both, ms", "warm p50, ms", "warm p99, ms",
	"CPU a request, us", "page faults a request", "peak memory, MiB", "zip for arm64, MB",
}

// variant is a build and one way to run it.
type variant struct {
	bootstrap string  // for this machine
	zipMB     float64 // of the one that is deployed
	name      string
	env       []string
	samples   [][]float64 // by figure
}

// usage is what a process has used so far; zero where the system does not report it.
type usage struct {
	cpu     time.Duration // of all threads, in user and in kernel mode
	faults  int           // page faults: times it touched a new page of memory
	peakMiB float64       // most memory resident
}

func (b *bench) measure(ctx context.Context) (err error) {
	engine, err := dynamodb.Start("127.0.0.1:0", dynamodb.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	endpoint := cmp.Or(os.Getenv(dynamo.EnvEndpoint), engine.URL())
	credentials := aws.Credentials{AccessKeyID: credential, SecretAccessKey: credential}
	if _, err := dynamo.New(dynamo.Connect(endpoint, region, credentials), tableName).CreateTable(ctx); err != nil {
		return err
	}
	proxy, err := startTLSProxy(strings.TrimPrefix(endpoint, "http://"), b.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proxy.Close()) }()

	// If a name occurs twice, the last one counts.
	plain := databaseAt(endpoint)
	for name, value := range (settings.Config{}).Environment(contract.ProposeDestination, tableName) {
		plain = append(plain, name+"="+value)
	}
	secure := slices.Concat(plain, databaseAt("https://"+proxy.Addr().String()), []string{"SSL_CERT_FILE=" + proxy.roots})
	variants, err := b.variants(ctx, plain, secure)
	if err != nil {
		return err
	}
	event, err := proxyEvent()
	if err != nil {
		return err
	}
	for i := range b.processes {
		fmt.Fprintf(b.progress, "\rprocess %d of %d", i+1, b.processes)
		for _, j := range rand.Perm(len(variants)) { // so that a variant does not always follow the same other
			v := variants[j]
			figures, err := sampleProcess(ctx, v, event, b.requests)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			for k, figure := range figures {
				v.samples[k] = append(v.samples[k], figure)
			}
		}
	}
	fmt.Fprintln(b.progress)

	b.printMachine(ctx)
	fmt.Fprintf(b.out, "Engine at %s; %d processes of each, %d warm requests to each.\n\n",
		endpoint, b.processes, b.requests)
	functionTable(variants).print(b.out)
	return nil
}

// variants builds the variants to measure; the first is the floor.
func (b *bench) variants(ctx context.Context, plain, secure []string) (all []*variant, err error) {
	add := func(name string, v variant, env []string) {
		v.name, v.env, v.samples = name, env, make([][]float64, len(functionFigures))
		all = append(all, &v)
	}
	floor, err := b.buildFunction(ctx, b.root, "bench/floor")
	if err != nil {
		return nil, err
	}
	add("floor", floor, plain)
	for i, root := range append([]string{b.root}, b.against...) {
		built, err := b.buildFunction(ctx, root, gobuild.FunctionPackage(functionName))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			add(filepath.Base(root), built, plain)
			add(filepath.Base(root)+", TLS", built, secure)
			continue
		}
		add("function", built, plain)
		add("TLS", built, secure)
		for _, changes := range b.also {
			add("TLS, "+changes, built, slices.Concat(secure, strings.Split(changes, ",")))
		}
	}
	return all, nil
}

// buildFunction builds pkg of the module at root twice: for this machine, to run it,
// and for Lambda, to measure its size.
func (b *bench) buildFunction(ctx context.Context, root, pkg string) (built variant, err error) {
	fmt.Fprintf(b.progress, "building %s of %s\n", pkg, root)
	dir, err := os.MkdirTemp(b.dir, filepath.Base(pkg))
	if err != nil {
		return built, err
	}
	built.bootstrap = filepath.Join(dir, gobuild.Executable)
	if err := gobuild.Package(ctx, root, pkg, built.bootstrap, gobuild.Host()); err != nil {
		return built, err
	}
	deployed := filepath.Join(dir, "lambda", gobuild.Executable)
	if err := gobuild.Package(ctx, root, pkg, deployed, gobuild.Lambda); err != nil {
		return built, err
	}
	var archive bytes.Buffer
	writer := zip.NewWriter(&archive)
	err = errors.Join(writer.AddFS(os.DirFS(filepath.Dir(deployed))), writer.Close())
	built.zipMB = float64(archive.Len()) / 1e6
	return built, err
}

// proxyEvent returns the event of a proposal, as the gateway passes it.
func proxyEvent() ([]byte, error) {
	endpoint := contract.ProposeDestination
	request := httptest.NewRequest(endpoint.Method, endpoint.Path, nil)
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("User-Agent", "visitplannr-bench")
	return json.Marshal(apigateway.NewEvent(endpoint, nil, request, []byte(endpoint.SampleBody()), uuid.NewString()))
}

// sampleProcess starts one process of v, sends it requests, ends it, and returns
// its functionFigures.
func sampleProcess(ctx context.Context, v *variant, event []byte, requests int) (figures []float64, err error) {
	runtime, err := lambda.New(lambda.Config{
		Bootstrap: v.bootstrap, Env: v.env, Concurrency: 1, FunctionName: functionName, MemoryMB: memoryMB,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	began := time.Now()
	if err := runtime.Swap(ctx, v.bootstrap); err != nil { // only makes a process ready
		return nil, err
	}
	ready := time.Since(began)
	processes := runtime.Processes()
	if len(processes) != 1 {
		return nil, fmt.Errorf("%d processes run, want 1", len(processes))
	}
	pid := processes[0]
	init, err := usageOf(pid)
	if err != nil {
		return nil, err
	}
	first, err := timeRequests(ctx, runtime, event, 1)
	if err != nil {
		return nil, err
	}
	before, err := usageOf(pid)
	if err != nil {
		return nil, err
	}
	warm, err := timeRequests(ctx, runtime, event, requests)
	if err != nil {
		return nil, err
	}
	after, err := usageOf(pid)
	if err != nil {
		return nil, err
	}
	return []float64{
		milliseconds(ready), milliseconds(init.cpu), float64(init.faults), first[0], milliseconds(ready) + first[0], milliseconds(before.cpu), quantile(warm, 0.50), quantile(warm, 0.99),
		1000 * milliseconds(after.cpu-before.cpu) / float64(requests), float64(after.faults-before.faults) / float64(requests), after.peakMiB, v.zipMB,
	}, nil
}

// timeRequests runs that many invocations and returns their durations in milliseconds.
// It fails unless all succeed, so that a fast failure does not count as speed.
func timeRequests(ctx context.Context, runtime *lambda.Runtime, event []byte, requests int) ([]float64, error) {
	all := make([]float64, requests)
	for i := range all {
		began := time.Now()
		answer, err := runtime.Invoke(ctx, event)
		all[i] = milliseconds(time.Since(began))
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(answer, []byte(`"statusCode":200`)) {
			return nil, fmt.Errorf("the function answered %s", answer)
		}
	}
	return all, nil
}

// functionTable shows the medians of each variant, and their ratio to those of the
// first, the floor.
func functionTable(variants []*variant) *table {
	t := &table{head: []string{""}}
	for _, v := range variants {
		t.head = append(t.head, v.name)
	}
	for i, title := range functionFigures {
		floor := median(variants[0].samples[i])
		cells := []string{title, number(floor)}
		for _, v := range variants[1:] {
			middle := median(v.samples[i])
			cells = append(cells, number(middle)+" ("+times(middle, floor)+")")
		}
		t.row(cells...)
	}
	return t
}

// databaseAt returns the environment for a client of an engine on this machine.
func databaseAt(endpoint string) []string {
	return []string{dynamo.EnvEndpoint + "=" + endpoint, "AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=" + credential, "AWS_SECRET_ACCESS_KEY=" + credential}
}
