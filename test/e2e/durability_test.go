//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/dynamodb"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// docs/reliability.md tells how to run it at full size, and what came out.
var deaths = flag.Int("deaths", 2, "how often TestWhatIsAcknowledgedSurvivesKill kills the local run")

const durableTable = "events"

// TestWhatIsAcknowledgedSurvivesKill kills `visitplannr local -data FILE` with SIGKILL
// in the middle of proposals from many clients, and starts it again on the file. The
// file has to be intact after each death, with every event that was acknowledged.
// What was not answered is sent again, with its key, and is stored once at the end.
func TestWhatIsAcknowledgedSurvivesKill(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the command")
	}
	root := check.Value(gobuild.ModuleRoot("."))(t)
	command := filepath.Join(t.TempDir(), "visitplannr")
	check.OK(t, gobuild.Here(t.Context(), root, "cmd/visitplannr", command))
	file := filepath.Join(t.TempDir(), "data")

	d := &durable{t: t, acknowledged: map[int]contract.Receipt{}, todo: make(chan int, *proposals)}
	for i := range *proposals {
		d.todo <- i
	}
	for round := range *deaths + 1 {
		last := round == *deaths
		d.round(root, command, file, *proposals*(round+1)/(*deaths+1), last)
		d.wantInFile(file, last)
	}
	t.Logf("%d proposals, %d clients, %d deaths; %d were sent again, %d of those had been stored",
		*proposals, *clients, *deaths, d.again.Load(), d.replays.Load())
}

type durable struct {
	t    *testing.T
	todo chan int

	mu           sync.Mutex
	acknowledged map[int]contract.Receipt // by proposal

	again, replays atomic.Int64
}

// round runs the command until so many proposals are acknowledged in all, and then
// kills it; or, the last time, until all are.
func (d *durable) round(root, command, file string, until int, last bool) {
	d.t.Helper()
	process := program.Command(context.Background(), root, command, "local", "-json", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0", "-table", durableTable, "-data", file)
	var logs lockedBuffer
	process.Stderr = &logs
	stdout := check.Value(process.StdoutPipe())(d.t)
	check.OK(d.t, process.Start())
	end := sync.OnceFunc(func() {
		_ = process.Process.Kill() // no error when it has ended already
		_ = process.Wait()         // that it was killed is no error either
	})
	defer end()
	var run struct{ API string }
	if err := json.NewDecoder(stdout).Decode(&run); err != nil {
		d.t.Fatalf("the local run ended without saying where it listens: %v\n%s", err, logs.String())
	}
	url := run.API + contract.ProposeDestination.Path

	var group sync.WaitGroup
	dead := make(chan struct{})
	die := sync.OnceFunc(func() {
		close(dead)
		if !last {
			end()
		}
	})
	for range *clients {
		group.Go(func() {
			for {
				select {
				case i := <-d.todo:
					if !d.send(url, i) {
						d.again.Add(1)
						d.todo <- i
						select {
						case <-dead:
						default:
							d.t.Errorf("proposal %d was not answered, and nobody killed the local run:\n%s", i, logs.String())
							die()
						}
						return
					}
					if d.count() >= until {
						die()
					}
				case <-dead:
					return
				}
			}
		})
	}
	group.Wait()
}

func (d *durable) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.acknowledged)
}

func nameOf(i int) string { return fmt.Sprintf("Place %d", i) }

// send sends a proposal once, and reports whether it was acknowledged.
func (d *durable) send(url string, i int) bool {
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	body := fmt.Sprintf(`{"name":%q,"geolocation":{"latitude":%d,"longitude":%d}}`, nameOf(i), i%90, i%180)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		d.t.Error(err)
		return false
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	request.Header.Set(contract.HeaderIdempotencyKey, fmt.Sprint("key-", i))
	request.GetBody = nil
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var receipt contract.Receipt
	if err != nil || response.StatusCode != http.StatusOK || json.Unmarshal(text, &receipt) != nil {
		return false
	}
	if response.Header.Get(contract.HeaderIdempotencyReplayed) != "" {
		d.replays.Add(1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acknowledged[i] = receipt
	return true
}

// wantInFile opens the file, which checks all of it, and holds its events against
// what was acknowledged. At the end there is nothing else.
func (d *durable) wantInFile(file string, last bool) {
	d.t.Helper()
	engine := check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{Path: file}))(d.t)
	defer func() {
		check.OK(d.t, engine.Close(context.WithoutCancel(d.t.Context())))
	}()
	stored := map[string]string{} // receipts by name
	for event, err := range storeOn(d.t, engine.URL(), durableTable).All(d.t.Context()) {
		check.OK(d.t, err)
		name := data(d.t, event).Name
		if _, twice := stored[name]; twice {
			d.t.Errorf("%s is stored twice", name)
		}
		stored[name] = receiptOf(event)
	}
	for i, receipt := range d.acknowledged {
		encoded := check.Value(json.Marshal(receipt))(d.t)
		if got := stored[nameOf(i)]; got != string(encoded) {
			d.t.Errorf("%s was acknowledged with %s, and stored is %q", nameOf(i), encoded, got)
		}
	}
	if last && len(stored) != *proposals {
		d.t.Errorf("%d events are stored of %d proposals", len(stored), *proposals)
	}
}
