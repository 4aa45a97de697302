package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/local/apigateway"
)

var localCommand = command{
	name: "local",
	about: `Sends proposals over 1, 16 and 64 connections to 'visitplannr local', a fresh process
for each, and to a floor: the same gateway in this process, before a function that
does nothing and is no process. Client and server share this machine.

Every answer is checked. Each client sends names of its own and asks for receipts;
every eighth proposal has an Idempotency-Key and is sent twice, and the second
answer must repeat the first. At the end the table must hold exactly what the
receipts say: each event once, with the name that its client sent. An answer that
is not as it should be counts as wrong, and one makes the run fail.

-url sends to an API that runs already instead. Its table is not looked at.

To look for races, and not for figures: GOFLAGS=-race GORACE=log_path=/tmp/race
go run ./bench local (needs a C compiler). A race ends the server with status 66.`,
	flags: func(set *flag.FlagSet) func(context.Context, *bench) error {
		duration := set.Duration("duration", 5*time.Second, "how long each load lasts, after a tenth of that to warm up")
		url := set.String("url", "", "`URL` of the route of an API that runs already")
		return func(ctx context.Context, b *bench) error {
			if *duration <= 0 {
				return errors.New("-duration must be positive")
			}
			return measureLocal(ctx, b, *duration, *url)
		}
	},
}

func measureLocal(ctx context.Context, b *bench, duration time.Duration, url string) error {
	executable := filepath.Join(b.dir, "visitplannr")
	if url == "" {
		fmt.Fprintln(b.progress, "building visitplannr")
		build := exec.CommandContext(ctx, "go", "build", "-o", executable, "./cmd/visitplannr")
		build.Dir = b.root
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build visitplannr: %w\n%s", err, output)
		}
	}
	b.printMachine(ctx)
	fmt.Fprintf(b.out, "%v of each load, client and server on this machine.\n\n", duration)
	t := table{head: []string{"connections", "server", "requests/s", "of floor", "p50, ms", "p99, ms", "wrong answers"}}
	var wrong error
	for _, clients := range []int{1, 16, 64} { // each on a connection of its own
		fmt.Fprintf(b.progress, "%d connections\n", clients)
		floor, floorPerSecond, err := loadFloor(ctx, clients, duration)
		if err != nil {
			return err
		}
		local, localPerSecond, err := loadLocal(ctx, b, executable, url, clients, duration)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row := func(name string, of *load, perSecond float64) {
			t.row(strconv.Itoa(clients), name, number(perSecond), times(perSecond, floorPerSecond),
				number(quantile(of.took, 0.50)), number(quantile(of.took, 0.99)), strconv.Itoa(of.wrong))
			if of.wrong > 0 {
				wrong = errors.Join(wrong, fmt.Errorf("%s, %d connections: %d wrong answers, the first: %s", name, clients, of.wrong, of.firstWrong))
			}
		}
		row("floor", floor, floorPerSecond)
		row("local", local, localPerSecond)
	}
	t.print(b.out)
	return wrong
}

// nothing is a function that answers OK and does nothing.
type nothing struct{}

// Invoke implements apigateway.Invoker.
func (nothing) Invoke(context.Context, []byte) ([]byte, error) {
	return []byte(`{"statusCode":200,"body":"` + contract.StatusOK + `"}`), nil
}

func loadFloor(ctx context.Context, clients int, duration time.Duration) (*load, float64, error) {
	api, err := apigateway.New(apigateway.Config{
		Endpoints: contract.Endpoints(),
		Functions: map[string]apigateway.Invoker{contract.ProposeDestination.Function: nothing{}},
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, 0, err
	}
	server := httptest.NewServer(api)
	defer server.Close()
	l := newLoad(server.URL+contract.ProposeDestination.Path, false)
	return l, l.run(ctx, clients, duration), nil
}

// loadLocal loads the API at url, or else starts the executable visitplannr, loads its
// API, and compares its table with the receipts.
func loadLocal(ctx context.Context, b *bench, executable, url string, clients int, duration time.Duration) (l *load, perSecond float64, err error) {
	l = newLoad(url, true)
	if url != "" {
		return l, l.run(ctx, clients, duration), nil
	}
	server, err := startServer(ctx, executable, b.root, os.Environ())
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	l.url = server.url
	perSecond = l.run(ctx, clients, duration)
	store, err := openStore(server.dynamoDB, server.table)
	if err != nil {
		return nil, 0, err
	}
	return l, perSecond, l.compare(store.All(ctx))
}

// localServer is a running 'visitplannr local' and what its banner says of it.
type localServer struct {
	process              *exec.Cmd
	url, dynamoDB, table string // url: of the route
}

// startServer starts the executable visitplannr in dir as a user does, on free ports,
// and waits for its banner. Its log is dropped.
func startServer(ctx context.Context, executable, dir string, env []string) (*localServer, error) {
	s := &localServer{process: exec.CommandContext(ctx, executable, "local", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0")}
	s.process.Dir, s.process.Env = dir, env
	s.process.Cancel = func() error { return s.process.Process.Signal(os.Interrupt) }
	s.process.WaitDelay = 5 * time.Second
	stdout, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start visitplannr: %w", err)
	}
	for lines := bufio.NewScanner(stdout); s.table == "" && lines.Scan(); {
		switch words := strings.Fields(lines.Text()); {
		case len(words) < 2, words[0] == "API" && len(words) < 3:
		case words[0] == "API" && strings.HasSuffix(words[2], contract.ProposeDestination.Path): // API POST URL (function)
			s.url = words[2]
		case words[0] == "DynamoDB":
			s.dynamoDB = words[1]
		case words[0] == "Table":
			s.table = words[1]
		}
	}
	if s.table == "" || s.url == "" {
		return nil, errors.Join(errors.New("visitplannr ended before it told its addresses"), s.process.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }() // ends with the process
	return s, nil
}

func (s *localServer) stop() error {
	if err := s.process.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("stop visitplannr: %w", err)
	}
	if err := s.process.Wait(); err != nil {
		return fmt.Errorf("visitplannr did not end well: %w", err)
	}
	return nil
}
