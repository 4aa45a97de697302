package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"visitplannr/internal/client"
	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/local"
	"visitplannr/internal/local/faults"
	"visitplannr/internal/settings"
	"visitplannr/test/check"
)

// destinationsFile holds real places, one request body each.
const destinationsFile = "../../testdata/destinations.json"

// Every place of the file, posted to the whole slice as a user starts it, is
// answered OK and found in the table just as it was sent.
func TestRealDestinationsAreStoredByteForByte(t *testing.T) {
	t.Parallel()
	api, dynamoDB := sharedSlice(t)
	bodies := readDestinations(t)
	want := map[string]string{} // data by stream
	for _, body := range bodies {
		receipt := post(t, api, body)
		want[receipt.StreamName] = canonical(t, body)
	}
	if len(want) != len(bodies) {
		t.Fatalf("got %d streams for %d proposals", len(want), len(bodies))
	}

	db := check.Value(local.OpenDatabase(t.Context(), dynamoDB))(t)
	got := map[string]string{}
	for event, err := range db.Store(defaultTable).All(t.Context()) {
		check.OK(t, err)
		if _, ours := want[event.StreamName.String()]; !ours {
			continue // another test's
		}
		if event.StreamName.ID() != event.ID || event.CorrelationID != event.ID.String() {
			t.Errorf("event %s opens stream %s with correlation id %s; want one id for all",
				event.ID, event.StreamName, event.CorrelationID)
		}
		got[event.StreamName.String()] = canonical(t, event.Data)
	}
	for stream, data := range want {
		if got[stream] != data {
			t.Errorf("stream %s holds\n%s, want\n%s", stream, got[stream], data)
		}
	}
}

func TestDestinationsFileCoversWhatItShould(t *testing.T) {
	t.Parallel()
	bodies := readDestinations(t)
	if len(bodies) < 40 {
		t.Errorf("got %d places, want at least 40", len(bodies))
	}
	longest := 0
	all := ""
	for _, body := range bodies {
		var place struct{ Name string }
		check.OK(t, json.Unmarshal(body, &place))
		longest = max(longest, utf8.RuneCountInString(place.Name))
		all += place.Name
	}
	if longest != contract.NameMaxCharacters {
		t.Errorf("the longest name has %d characters, want the limit of %d", longest, contract.NameMaxCharacters)
	}
	for _, sample := range []string{"'", "’", "ŷ", "ô", "á", "ú", "è", "–"} {
		if !strings.Contains(all, sample) {
			t.Errorf("no name has %q", sample)
		}
	}
}

// runningSlice runs what 'visitplannr local' runs until the test ends, with the given
// settings, and returns the URLs of an endpoint and of its engine.
func runningSlice(t *testing.T, given settingFlags) (api, dynamoDB string) {
	t.Helper()
	run, _ := startRun(t, given, "")
	return run.URL + contract.ProposeDestination.Path, run.DynamoDB
}

// shared is a run with the default settings that several tests use, each with events of
// its own. TestMain ends it.
var shared struct {
	sync.Once
	run *local.Run
}

// sharedSlice is runningSlice with the shared run.
func sharedSlice(t *testing.T) (api, dynamoDB string) {
	t.Helper()
	shared.Do(func() {
		given, err := settings.LoadLocal(nil)
		logs := &lockedBuffer{}
		if err == nil {
			shared.run, err = local.Start(context.Background(), local.Config{Endpoints: contract.Endpoints(), Settings: given,
				Table: defaultTable, Addr: "127.0.0.1:0", EngineAddr: "127.0.0.1:0", Log: logs})
		}
		if err != nil {
			t.Errorf("%v\n%s", err, logs)
		}
	})
	if shared.run == nil {
		t.Fatal("the shared run did not start")
	}
	return shared.run.URL + contract.ProposeDestination.Path, shared.run.DynamoDB
}

// startRun starts a run, of the sources in a directory or of these, with its page.
func startRun(t *testing.T, given settingFlags, dir string) (*local.Run, *lockedBuffer) {
	t.Helper()
	logs := &lockedBuffer{} // functions and gateway write to it side by side
	config := local.Config{Endpoints: contract.Endpoints(), Table: defaultTable, Addr: "127.0.0.1:0", EngineAddr: "127.0.0.1:0",
		Dir: dir, Follow: dir != "", Log: logs, Faults: faults.New(1, nil)}
	var err error
	if config.Settings, err = settings.LoadLocal(given); err != nil {
		t.Fatal(err)
	}
	if config.Observer, err = page(config); err != nil {
		t.Fatal(err)
	}
	run := check.Value(local.Start(t.Context(), config))(t)
	t.Cleanup(func() {
		if err := run.Close(); err != nil {
			t.Errorf("the run ended with %v", err)
		}
		if t.Failed() {
			t.Logf("logs:\n%s", logs)
		}
	})
	return run, logs
}

// lockedBuffer is a log that can be waited for.
type lockedBuffer struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	seen    int           // bytes up to the last text that was awaited
	written chan struct{} // closed at the next write; nil: nobody waits
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.written != nil {
		close(b.written)
		b.written = nil
	}
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func readUntil(t *testing.T, r io.Reader, end string) string {
	t.Helper()
	var text strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(text.String(), end) {
		n, err := r.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			t.Fatalf("got %q, want a text with %q: %v", text.String(), end, err)
		}
	}
	return text.String()
}

func readDestinations(t *testing.T) []json.RawMessage {
	t.Helper()
	data := check.Value(os.ReadFile(destinationsFile))(t)
	var bodies []json.RawMessage
	check.OK(t, json.Unmarshal(data, &bodies))
	return bodies
}

func post(t *testing.T, api string, body []byte) contract.Receipt {
	t.Helper()
	answer := check.Value(client.Client{Endpoint: api}.Propose(t.Context(), "", body))(t)
	receipt, err := answer.Receipt()
	if err != nil {
		t.Fatalf("%s: %v: %s", body, err, answer.Body)
	}
	if _, err := eventstore.ParseStreamName(receipt.StreamName); err != nil {
		t.Fatalf("receipt %s: %v", answer.Body, err)
	}
	return receipt
}

// canonical writes a body with its members in one order and its names in full.
func canonical(t *testing.T, body []byte) string {
	t.Helper()
	var place struct {
		Name        string
		Geolocation struct{ Latitude, Longitude float64 }
	}
	check.OK(t, json.Unmarshal(body, &place))
	return fmt.Sprintf("%x %q %v", place.Name, place.Name, place.Geolocation)
}
