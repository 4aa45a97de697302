// Package local is the one door to AWS on this machine. Start runs the functions behind
// Lambda's Runtime API, their table in a DynamoDB engine, and an API Gateway before
// them. The packages below it are the parts; each knows AWS's service and the data of
// the contract, never the domain. What shows, prints or reads flags stands outside.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/dynamodb"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/local/httpserver"
	"visitplannr/internal/settings"
)

// An AddressError says that the API, or the engine, cannot listen on its address.
type AddressError struct {
	OfEngine bool
	error
}

// Unwrap returns what the system says about the address.
func (e *AddressError) Unwrap() error { return e.error }

// stopTimeout is what the requests under way have at the end of a run.
const stopTimeout = apigateway.IntegrationTimeout + time.Second

// Config says what to run.
type Config struct {
	Endpoints []contract.Endpoint
	Settings  settings.Config
	Table     string // name of the events table; created if it does not exist

	// Addr is the host:port of the API; port 0 picks a free one. Empty: there is no API,
	// and only Invoke reaches the functions.
	Addr string

	// Engine is the URL of the DynamoDB engine. Empty: an engine within this process,
	// which listens on EngineAddr and keeps its tables in the file Data; an empty Data
	// keeps them in memory.
	Engine     string
	EngineAddr string
	Data       string

	Dir         string // in the module whose functions run; empty: the working directory
	Follow      bool   // rebuild and swap the functions whenever their sources change
	Concurrency int    // the most processes of a function at a time; 0: Lambda's default in package lambda
	Debug       bool   // no timeouts, and builds for a debugger

	// Doing is told of what takes long, and returns what to call at its end; nil: nobody
	// is told.
	Doing func(what string) (done func())

	// Faults is put between the functions and their engine. It can be used in one run
	// only. Nil: none.
	Faults *faults.Proxy

	Log      io.Writer // lines of the functions and the gateway, and texts for people; nil: nobody reads it
	Observer Observer  // nil: nobody watches
}

// A Run is what Start has started. Its JSON is for programs and tells them where it is.
type Run struct {
	URL      string                 `json:"api"`               // without a path; empty: there is no API
	DynamoDB string                 `json:"dynamodb"`          // endpoint of the table's engine
	Table    string                 `json:"table"`             // its name
	Signers  []apigateway.Principal `json:"signers,omitempty"` // who can sign requests; none: the API is open
	Store    *dynamo.Store          `json:"-"`                 // of the events table

	functions map[string]apigateway.Invoker
	failed    chan error
	closers   []func() error
}

// ErrFaultsOnAWS refuses to inject faults between the functions and AWS.
var ErrFaultsOnAWS = errors.New("faults are only injected before an engine that is not AWS")

// Start starts a run. It returns once everything serves; the caller must then call
// Close. While ctx lasts, the run follows its sources, if it is told to.
//
// The error is an *AddressError, ErrFaultsOnAWS, one of the store's errors about the table
// (eventstore.ErrNoTable or a retryable one), a *gobuild.CompileError if a function does
// not build, or a *lambda.InitError if one does not start.
func Start(ctx context.Context, cfg Config) (_ *Run, err error) {
	if cfg.Observer == nil {
		cfg.Observer = nobody{}
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	if cfg.Doing == nil {
		cfg.Doing = func(string) func() { return func() {} }
	}
	r := &Run{Table: cfg.Table, failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	logger := apigateway.NewLogger(io.MultiWriter(cfg.Log, cfg.Observer.Log("gateway")))

	// Take the API's port first: a port in use is the likeliest failure.
	var listener net.Listener
	if cfg.Addr != "" {
		if listener, err = net.Listen("tcp", cfg.Addr); err != nil {
			return nil, &AddressError{false, fmt.Errorf("API: %w", err)}
		}
		r.later(func() error { _ = listener.Close(); return nil }) // no error when the server has closed it
	}
	db, err := r.openTable(ctx, cfg, logger)
	if err != nil {
		return nil, err
	}
	cfg.Observer.Table(r.Store.All, r.Store.Stream)

	dir, done, err := buildFolder(userCache())
	if err != nil {
		return nil, err
	}
	r.later(done)
	functions, err := startFunctions(ctx, cfg, db, dir)
	if err != nil {
		return nil, err
	}
	r.later(functions.Close)
	r.functions = functions.invokers()
	if cfg.Settings.Access == settings.IAM {
		r.Signers = Principals()
	}
	if listener != nil {
		if err := r.serve(cfg, listener, logger); err != nil {
			return nil, err
		}
	}
	if cfg.Follow {
		stop := functions.follow(ctx)
		r.later(func() error { stop(); return nil })
	}
	return r, nil
}

// openTable opens the events table in an engine, and starts that where it is ours. The
// functions reach it through cfg.Faults.
func (r *Run) openTable(ctx context.Context, cfg Config, logger *slog.Logger) (Database, error) {
	defer cfg.Doing("Opening the table " + cfg.Table)()
	endpoint := cfg.Engine
	if cfg.Faults != nil && IsAWS(endpoint) {
		return Database{}, ErrFaultsOnAWS
	}
	var handler http.Handler // of the embedded engine
	if endpoint == "" {
		engine, watched, err := startEngine(cfg, logger)
		if err != nil {
			return Database{}, err
		}
		r.later(func() error { return bounded(engine.Close) })
		endpoint, handler = engine.URL(), watched
	}
	db, err := OpenDatabase(ctx, endpoint)
	if err != nil {
		return Database{}, err
	}
	r.DynamoDB, r.Store = db.Endpoint, db.Store(cfg.Table)
	if err := db.prepare(ctx, r.Store, cfg.Table); err != nil || cfg.Faults == nil {
		return db, err
	}
	if handler == nil {
		if handler, err = faults.To(db.Endpoint); err != nil {
			return Database{}, err
		}
	}
	injected := apigateway.NewLogger(io.MultiWriter(cfg.Log, cfg.Observer.Log("faults")))
	if err := cfg.Faults.Serve(handler, faults.Hooks{RequestID: eventstore.AttrCausationID, Tried: cfg.Observer.Tried, Log: injected}); err != nil {
		return Database{}, err
	}
	r.later(cfg.Faults.Close)
	db.Endpoint = cfg.Faults.URL()
	return db, nil
}

// Invoke runs a function on an event, as Lambda's Invoke does. Its errors are those of
// lambda.Runtime.Invoke.
func (r *Run) Invoke(ctx context.Context, function string, event []byte) ([]byte, error) {
	invoker, ok := r.functions[function]
	if !ok {
		return nil, fmt.Errorf("there is no function %q in this run", function)
	}
	return invoker.Invoke(ctx, event)
}

// Wait waits until ctx ends, or returns an error when the API cannot serve any longer.
func (r *Run) Wait(ctx context.Context) error {
	select {
	case err := <-r.failed:
		return fmt.Errorf("serve API: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// Close finishes the requests under way and ends everything, in the reverse order of
// the start.
func (r *Run) Close() error {
	var errs []error
	for _, end := range slices.Backward(r.closers) {
		errs = append(errs, end())
	}
	r.closers = nil
	return errors.Join(errs...)
}

func (r *Run) later(end func() error) { r.closers = append(r.closers, end) }

// bounded gives an orderly end a limited time.
func bounded(end func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return end(ctx)
}

// startEngine starts the embedded engine, and returns its handler too. Each function may do to the table only what
// the contract grants it; other clients may do everything.
func startEngine(cfg Config, logger *slog.Logger) (_ *dynamodb.Server, watched http.Handler, _ error) {
	grants := map[string]dynamodb.Grant{}
	for _, e := range cfg.Endpoints {
		grants[functionKeyID(e.Function)] = dynamodb.Grant{
			Role: "arn:aws:sts::000000000000:assumed-role/" + e.Function + "/" + e.Function, Table: cfg.Table, Actions: e.TableActions,
		}
	}
	engine, err := dynamodb.Start(cfg.EngineAddr, dynamodb.Options{Path: cfg.Data, Grants: grants, Around: func(handler http.Handler) http.Handler {
		watched = cfg.Observer.Engine(handler)
		return engineFront(cfg, logger, watched)
	}})
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return nil, nil, &AddressError{true, err}
	}
	return engine, watched, err
}

// serve serves the API until the run is closed.
func (r *Run) serve(cfg Config, listener net.Listener, logger *slog.Logger) error {
	config := apigateway.Config{
		Endpoints:      cfg.Endpoints,
		Functions:      r.functions,
		ValidateBodies: cfg.Settings.Validation == settings.ByGateway,
		Principals:     r.Signers,
		ThrottleRate:   cfg.Settings.ThrottleRate,
		ThrottleBurst:  cfg.Settings.ThrottleBurst,
		CORSOrigins:    cfg.Settings.CORSOrigins,
		Logger:         logger,
	}
	if cfg.Debug {
		config.Timeout = debugTimeout
	}
	api, err := apigateway.New(config)
	if err != nil {
		return err
	}
	server := httpserver.New(front(cfg, logger, cfg.Observer.API(api)), log.New(cfg.Log, "", 0))
	server.RegisterOnShutdown(cfg.Observer.Close)
	go func() { r.failed <- server.Serve(listener) }()
	r.later(func() error {
		if err := bounded(server.Shutdown); err != nil {
			return fmt.Errorf("stop API: %w", err)
		}
		return nil
	})
	r.URL = "http://" + listener.Addr().String()
	return nil
}
