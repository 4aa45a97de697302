package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/lambda"
	"visitplannr/internal/local/watch"
)

// function is the folder below functions/ that answers the one route.
const function = "propose-destination"

// functionMemory is what the function is told it has, in MiB: as in the stage dev.
const functionMemory = 256

// bootstrap is the function as Lambda runs it: built, and started behind the
// Runtime API.
type bootstrap struct {
	*lambda.Runtime
	root   string // of the module
	dir    string // of the builds, temporary
	builds int

	unfollow func() // ends what follow began, and waits for it
}

// startBootstrap builds the function of the module around the working directory
// and starts it for the database.
func startBootstrap(ctx context.Context, db database, table string, concurrency int, logs io.Writer) (*bootstrap, error) {
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "visitplannr-")
	if err != nil {
		return nil, fmt.Errorf("directory for the build: %w", err)
	}
	b := &bootstrap{root: root, dir: dir, unfollow: func() {}}
	path, err := b.build(ctx)
	if err == nil {
		b.Runtime, err = lambda.New(lambda.Config{
			Bootstrap:    path,
			Env:          append(db.environment(table), gobuild.Environment(functionMemory)...),
			MemoryMB:     functionMemory,
			Concurrency:  concurrency,
			Timeout:      gobuild.FunctionTimeout,
			Grace:        stopTimeout,
			FunctionName: function,
			Logs:         logs,
		})
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

// build builds the sources as they are now, each time into a directory of its own
// since the last build may be running.
func (b *bootstrap) build(ctx context.Context) (string, error) {
	b.builds++
	return gobuild.Function(ctx, b.root, function, filepath.Join(b.dir, strconv.Itoa(b.builds)), gobuild.Host())
}

// Close ends the function's processes after what they are doing.
func (b *bootstrap) Close() error {
	b.unfollow() // a build that went on would write into the directory that is removed
	return errors.Join(b.Runtime.Close(), os.RemoveAll(b.dir))
}

// settle is how long the sources must be quiet before a build: an editor, or git,
// writes many files in a burst.
const settle = 150 * time.Millisecond

// follow rebuilds and swaps the function whenever its sources change, until ctx
// ends. Sources that do not build, or do not start, leave the last good function
// serving. It tells what it does on w.
func (b *bootstrap) follow(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	changes, err := watch.Changes(ctx, b.root, settle)
	if err != nil {
		cancel()
		return err
	}
	done := make(chan struct{})
	b.unfollow = func() {
		cancel()
		<-done
	}
	go func() {
		defer close(done)
		for change := range changes {
			began := time.Now()
			if change.Err != nil {
				fmt.Fprintf(w, "Some changes may go unnoticed: %v\n", change.Err)
			}
			fmt.Fprintf(w, "%s changed: building.\n", strings.Join(change.Files, ", "))
			path, err := b.build(ctx)
			if err == nil {
				err = b.Swap(ctx, path)
			}
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				fmt.Fprintf(w, "%v\nThe last good build goes on serving.\n", err)
			default:
				fmt.Fprintf(w, "The new build serves, after %v.\n", time.Since(began).Round(time.Millisecond))
			}
		}
	}()
	return nil
}

// environment is what the function needs to find its table, and nothing of the
// developer's own environment.
func (d database) environment(table string) []string {
	return []string{
		contract.EnvEventsTable + "=" + table,
		dynamo.EnvEndpoint + "=" + d.endpoint,
		"AWS_REGION=" + d.region,
		"AWS_ACCESS_KEY_ID=" + d.credentials.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + d.credentials.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + d.credentials.SessionToken,
	}
}
