package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/local/dynamodb"
)

// Names of the engines that a benchmark can run on.
const (
	engineEmbedded = "embedded"
	engineDynoxide = "dynoxide"
)

// dynoxidePath is where npm installs dynoxide, below the module's root.
const dynoxidePath = "node_modules/@dynoxide/linux-x64/dynoxide"

// database is a running engine, empty at the start and gone after close.
type database struct {
	address string // host:port
	pid     int    // 0: it runs in this process
	close   func() error
}

func (d database) url() string { return "http://" + d.address }

// startEngine starts one of the engines. It fails, with advice, where dynoxide is
// not installed.
func (b *bench) startEngine(ctx context.Context, name string) (database, error) {
	if name == engineDynoxide {
		return b.startDynoxide(ctx)
	}
	embedded, err := dynamodb.Start("127.0.0.1:0", dynamodb.Options{})
	if err != nil {
		return database{}, err
	}
	return database{
		address: embedded.URL()[len("http://"):],
		close: func() error {
			bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return embedded.Close(bound)
		},
	}, nil
}

// hasDynoxide reports whether startEngine can start dynoxide.
func (b *bench) hasDynoxide() bool {
	_, err := os.Stat(b.dynoxide)
	return err == nil
}

func (b *bench) startDynoxide(ctx context.Context) (database, error) {
	if !b.hasDynoxide() {
		return database{}, fmt.Errorf("the engine dynoxide is not at %s: run 'npm ci' (Linux on x86-64), give -dynoxide PATH, or choose -engine %s",
			b.dynoxide, engineEmbedded)
	}
	address, err := freeAddress()
	if err != nil {
		return database{}, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return database{}, err
	}
	process := exec.CommandContext(ctx, b.dynoxide, "serve", "--host", host, "--port", port)
	process.WaitDelay = time.Second
	if err := process.Start(); err != nil {
		return database{}, fmt.Errorf("start dynoxide: %w", err)
	}
	d := database{address: address, pid: process.Process.Pid, close: func() error {
		_ = process.Process.Kill() // it keeps nothing
		var exit *exec.ExitError
		if err := process.Wait(); err != nil && !errors.As(err, &exit) && ctx.Err() == nil {
			return fmt.Errorf("stop dynoxide: %w", err)
		}
		return nil
	}}
	if err := awaitHTTP(ctx, d.url()); err != nil {
		return database{}, errors.Join(fmt.Errorf("dynoxide: %w", err), d.close())
	}
	return d, nil
}

// freeAddress returns an address on this machine that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// awaitHTTP waits until something answers at url, whatever it says.
func awaitHTTP(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			return response.Body.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing answers at %s: %w", url, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

const (
	benchRegion     = "us-east-1"
	benchCredential = "bench"
	benchTable      = "events"
)

// credentials is what a client of an engine on this machine needs: any.
func credentials(endpoint string) []string {
	return []string{
		dynamo.EnvEndpoint + "=" + endpoint,
		"AWS_REGION=" + benchRegion,
		"AWS_ACCESS_KEY_ID=" + benchCredential,
		"AWS_SECRET_ACCESS_KEY=" + benchCredential,
	}
}

// openStore returns the store in the table of that name, which it makes.
func openStore(ctx context.Context, endpoint, name string) (*dynamo.Store, error) {
	client, err := dynamo.NewClient(environment(credentials(endpoint)).get)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(client, name)
	if _, err := store.CreateTable(ctx); err != nil {
		return nil, err
	}
	return store, nil
}
