package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
)

// destinationsFile holds real places, one request body each.
const destinationsFile = "../../testdata/destinations.json"

// Every place of the file, posted to the whole slice as a user starts it, is
// answered OK and found in the table just as it was sent.
func TestRealDestinationsAreStoredByteForByte(t *testing.T) {
	t.Parallel()
	api, dynamoDB := runningSlice(t)
	bodies := readDestinations(t)
	want := map[string]string{} // data by stream
	for _, body := range bodies {
		receipt := post(t, api, body)
		want[receipt.StreamName] = canonical(t, body)
	}
	if len(want) != len(bodies) {
		t.Fatalf("got %d streams for %d proposals", len(want), len(bodies))
	}

	db, err := openDatabase(t.Context(), dynamoDB)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for event, err := range db.store(defaultTable).All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if event.StreamName.ID() != event.ID || event.CorrelationID != event.ID.String() {
			t.Errorf("event %s opens stream %s with correlation id %s; want one id for all",
				event.ID, event.StreamName, event.CorrelationID)
		}
		got[event.StreamName.String()] = canonical(t, event.Data)
	}
	if len(got) != len(want) {
		t.Errorf("the table holds %d events, want %d", len(got), len(want))
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
		if err := json.Unmarshal(body, &place); err != nil {
			t.Fatal(err)
		}
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

// runningSlice runs 'visitplannr local' until the test ends and returns the URLs
// of its API and of its engine.
func runningSlice(t *testing.T, flags ...string) (api, dynamoDB string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, stdout := io.Pipe()
	done := make(chan int, 1)
	var stderr lockedBuffer // functions and gateway write to it side by side
	go func() {
		args := append([]string{"local", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0"}, flags...)
		done <- run(ctx, cli{
			stdin: strings.NewReader(""), stdout: stdout, stderr: &stderr,
			getenv: func(string) string { return "" },
		}, args)
		stdout.Close()
	}()
	t.Cleanup(func() {
		stop()
		_, _ = io.Copy(io.Discard, out)
		if code := <-done; code != 0 || t.Failed() {
			t.Logf("local ended with exit code %d, having logged:\n%s", code, stderr.String())
			if code != 0 {
				t.Errorf("local ended with exit code %d, want 0", code)
			}
		}
	})
	banner := readUntil(t, out, "Ctrl-C")
	return submatch(t, banner, `API +POST (\S+)`), submatch(t, banner, `DynamoDB +(\S+)`)
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
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

func submatch(t *testing.T, text, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("got %q, want a match of %s", text, pattern)
	}
	return match[1]
}

func readDestinations(t *testing.T) []json.RawMessage {
	t.Helper()
	data, err := os.ReadFile(destinationsFile)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []json.RawMessage
	if err := json.Unmarshal(data, &bodies); err != nil {
		t.Fatal(err)
	}
	return bodies
}

func post(t *testing.T, api string, body []byte) contract.Receipt {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s is answered %d %s, want 200", body, response.StatusCode, answer)
	}
	var receipt contract.Receipt
	if err := json.Unmarshal(answer, &receipt); err != nil {
		t.Fatalf("receipt %s: %v", answer, err)
	}
	if _, err := eventstore.ParseStreamName(receipt.StreamName); err != nil {
		t.Fatalf("receipt %s: %v", answer, err)
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
	if err := json.Unmarshal(body, &place); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x %q %v", place.Name, place.Name, place.Geolocation)
}
