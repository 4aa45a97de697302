package main

import (
	"context"
	"errors"
	"net"
	"net/http"

	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/dynamodb"
)

// slice is the functions and their table, without a gateway.
type slice struct {
	functions *functions
	store     *dynamo.Store
	dynamoDB  string // where the table is, to be printed
	closers   []func(context.Context) error
}

// engineOptions say where the embedded engine listens and keeps its tables.
type engineOptions struct {
	addr string
	data string // a file; "": in memory
}

// startSlice starts the functions and, unless the environment names another engine, the
// embedded one.
func startSlice(ctx context.Context, c *cli, engine engineOptions, o functionOptions) (_ *slice, err error) {
	s := &slice{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	endpoint := c.getenv(dynamo.EnvEndpoint)
	s.dynamoDB = endpoint
	if endpoint == "" {
		embedded, err := startEngine(engine, o)
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, embedded.Close)
		endpoint = embedded.URL()
		s.dynamoDB = endpoint + " (embedded: in memory, gone when this process ends)"
		if engine.data != "" {
			s.dynamoDB = endpoint + " (embedded: kept in " + engine.data + ")"
		}
	}
	db, err := openDatabase(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	s.store = db.store(o.table)
	if err := prepareTable(ctx, db, s.store, o.table); err != nil {
		return nil, err
	}
	if s.functions, err = startFunctions(ctx, c, db, o); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func(context.Context) error { return s.functions.Close() })
	return s, nil
}

// startEngine starts the embedded engine. Each function may do to the table only what
// the contract grants it; other clients may do everything.
func startEngine(engine engineOptions, o functionOptions) (*dynamodb.Server, error) {
	grants := map[string]dynamodb.Grant{}
	for _, e := range o.endpoints {
		grants[functionKeyID(e.Function)] = dynamodb.Grant{
			Role: "arn:aws:sts::000000000000:assumed-role/" + e.Function + "/" + e.Function, Table: o.table, Actions: e.TableActions,
		}
	}
	embedded, err := dynamodb.Start(engine.addr, dynamodb.Options{Path: engine.data, Grants: grants, Around: func(handler http.Handler) http.Handler {
		return o.page.OnlyHere(engine.addr, o.page.Engine(handler))
	}})
	var network *net.OpError
	if errors.As(err, &network) {
		return nil, addressError("embedded DynamoDB engine", "-dynamodb-addr", err)
	}
	return embedded, err
}

// functionKeyID is the access key id of a function's own credentials on a local engine.
func functionKeyID(function string) string { return "local-" + function }

// close stops what was started, in reverse order.
func (s *slice) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // a signal must not cut a clean end short
	var all []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		all = append(all, s.closers[i](ctx))
	}
	return errors.Join(all...)
}
