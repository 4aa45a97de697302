package main

import (
	"context"
	"errors"

	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/dynamodb"
)

// slice is the functions and their table, without a gateway.
type slice struct {
	functions *functions
	dynamoDB  string // where the table is, for people
	closers   []func(context.Context) error
}

// startSlice starts the functions and, unless the environment names an engine, the
// embedded one at the address dynamoDBAddr.
func startSlice(ctx context.Context, c *cli, dynamoDBAddr string, o functionOptions) (_ *slice, err error) {
	s := &slice{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close(ctx))
		}
	}()
	endpoint := c.getenv(dynamo.EnvEndpoint)
	s.dynamoDB = endpoint
	if endpoint == "" {
		embedded, err := dynamodb.Start(dynamoDBAddr)
		if err != nil {
			return nil, addressError("embedded DynamoDB engine", "-dynamodb-addr", err)
		}
		s.closers = append(s.closers, embedded.Close)
		endpoint = embedded.URL()
		s.dynamoDB = endpoint + " (embedded: it lives in memory and ends with this process)"
	}
	db, err := openDatabase(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	if err := prepareTable(ctx, db, db.store(o.table), o.table); err != nil {
		return nil, err
	}
	if s.functions, err = startFunctions(ctx, c, db, o); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func(context.Context) error { return s.functions.Close() })
	return s, nil
}

// close ends what was started, in reverse order.
func (s *slice) close(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // a signal must not cut the clean end short
	var all []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		all = append(all, s.closers[i](ctx))
	}
	return errors.Join(all...)
}
