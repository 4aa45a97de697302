package main

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/gobuild"
)

func TestQuantileIsARealSample(t *testing.T) {
	t.Parallel()
	samples := []float64{40, 10, 30, 20}
	for _, c := range []struct{ q, want float64 }{{0, 10}, {0.25, 10}, {0.5, 20}, {0.51, 30}, {0.99, 40}, {1, 40}} {
		if got := quantile(samples, c.q); got != c.want {
			t.Errorf("quantile %g: got %g, want %g", c.q, got, c.want)
		}
	}
	if samples[0] != 40 {
		t.Errorf("the samples were reordered: %v", samples)
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("no samples: got %g, want NaN", got)
	}
}

func TestTableIsMarkdownInColumns(t *testing.T) {
	t.Parallel()
	table := table{head: []string{"", "µs"}}
	table.row("warm", number(12.345))
	table.row("init", times(3, 2))
	table.row("none", times(3, 0))
	var got strings.Builder
	table.print(&got)
	const want = " |      |    µs |\n" +
		" | :--- |  ---: |\n" +
		" | warm |  12.3 |\n" +
		" | init | 1.50x |\n" +
		" | none |     - |\n"
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestOwnProcessHasUsedTheMachine(t *testing.T) {
	t.Parallel()
	used, err := usageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	if used.cpu <= 0 || used.faults < 100 || used.peakMiB < 1 || used.peakMiB > 100_000 {
		t.Errorf("got %+v; want the CPU time, page faults and size of a process", used)
	}
}

// A load that cannot see wrong answers would call any server right.
func TestLoadSeesWrongAnswers(t *testing.T) {
	t.Parallel()
	receipt := func(id string) string {
		return `{"status":"OK","streamName":"destination-` + id + `","eventId":"` + id + `"}`
	}
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   string
	}{
		{"the same receipt for two proposals", func(w http.ResponseWriter) { _, _ = io.WriteString(w, receipt("1")) }, "was given to"},
		{"a stream of another id", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, strings.Replace(receipt("1"), "destination-1", "destination-2", 1))
		}, "does not have the id"},
		{"a failure", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, "503"},
		{"no receipt", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "OK") }, "is no receipt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLoad("", true)
			l.client(t.Context(), answering(c.answer), "editor", 2)
			if l.wrong == 0 || !strings.Contains(l.firstWrong, c.want) {
				t.Errorf("got %d wrong answers, the first %q; want one with %q", l.wrong, l.firstWrong, c.want)
			}
		})
	}
}

// The table must hold what the receipts say, no more and no less.
func TestLoadSeesWhatIsStoredWrongly(t *testing.T) {
	t.Parallel()
	event := func(name string) eventstore.Event {
		id, err := eventstore.NewID()
		if err != nil {
			t.Fatal(err)
		}
		return eventstore.Event{ID: id, Data: []byte(`{"name":"` + name + `"}`)}
	}
	one, two := event("one"), event("two")
	for name, c := range map[string]struct {
		sent   map[string]string
		stored []eventstore.Event
		want   string
	}{
		"nothing wrong":          {map[string]string{one.ID.String(): "one"}, []eventstore.Event{one}, ""},
		"an event is lost":       {map[string]string{one.ID.String(): "one"}, nil, "not stored"},
		"an event too many":      {map[string]string{one.ID.String(): "one"}, []eventstore.Event{one, two}, "nobody has its receipt"},
		"another name is stored": {map[string]string{one.ID.String(): "two"}, []eventstore.Event{one}, "its receipt went to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &load{sent: c.sent}
			err := l.compare(func(yield func(eventstore.Event, error) bool) {
				for _, e := range c.stored {
					if !yield(e, nil) {
						return
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if (c.want == "") != (l.wrong == 0) || !strings.Contains(l.firstWrong, c.want) {
				t.Errorf("got %d wrong answers, the first %q; want %q", l.wrong, l.firstWrong, c.want)
			}
		})
	}
}

// answering answers every request without a network.
type answering func(http.ResponseWriter)

func (a answering) RoundTrip(*http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	a(recorder)
	return recorder.Result(), nil
}

// The local API is loaded at the addresses that its banner tells.
func TestTheLocalServerIsFoundByItsBanner(t *testing.T) {
	t.Parallel()
	root, err := gobuild.ModuleRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	executable := filepath.Join(t.TempDir(), "visitplannr")
	if output, err := exec.CommandContext(t.Context(), "go", "build", "-o", executable, root+"/cmd/visitplannr").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	server, err := startServer(context.WithoutCancel(t.Context()), executable, root, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	l := newLoad(server.url, true)
	l.run(t.Context(), 1, 10*time.Millisecond)
	if err := server.stop(); err != nil || server.table == "" || !strings.HasSuffix(server.url, contract.ProposeDestination.Path) {
		t.Errorf("got %+v, %v; want the API, the engine and the table", server, err)
	}
}
