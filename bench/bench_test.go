package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
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

func TestMedianIsTheMiddle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		samples []float64
		want    float64
	}{{[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := median(c.samples); got != c.want {
			t.Errorf("median of %v: got %g, want %g", c.samples, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("no samples: got %g, want NaN", got)
	}
}

func TestRoundKeepsFourDigits(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]float64{0: 0, 1.23456: 1.235, 98765: 98770, 0.000123456: 0.0001235} {
		if got := round(value); math.Abs(got-want) > want*1e-9 {
			t.Errorf("round(%g): got %g, want %g", value, got, want)
		}
	}
}

func TestTableIsMarkdownInColumns(t *testing.T) {
	t.Parallel()
	table := table{head: []string{"", "µs"}}
	table.row("warm", number(12.345))
	table.row("init", times(3, 2))
	table.row("none", times(math.NaN(), 2))
	var got strings.Builder
	table.print(&got)
	const want = `|      |    µs |
|------|------:|
| warm |  12.3 |
| init | 1.50x |
| none |     - |
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}

func TestEnvironmentTakesTheLastAndDropsTheEmpty(t *testing.T) {
	t.Parallel()
	e := environment{"A=1", "B=2", "A=3"}
	if got := e.get("A"); got != "3" {
		t.Errorf("A: got %q, want 3", got)
	}
	changed := e.with("A=", "C=4")
	if got := strings.Join(changed, " "); got != "B=2 C=4" {
		t.Errorf("got %q, want %q", got, "B=2 C=4")
	}
}

func TestPlotsAreXML(t *testing.T) {
	t.Parallel()
	for name, picture := range map[string]string{
		"bars": bars("A & B", []string{"<a>", "b"}, []*barGroup{{"one", []float64{1, math.NaN()}}, {"none", []float64{0, 0}}}),
		"lines": lines("A & B", "x", "y", []series{
			{"flat", [][2]float64{{1, 5}, {1000, 5}}}, {"one point", [][2]float64{{10, 10}}}, {"none", nil},
		}),
	} {
		decoder := xml.NewDecoder(strings.NewReader(picture))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v in\n%s", name, err, picture)
			}
		}
		if strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") {
			t.Errorf("%s has coordinates that are no numbers:\n%s", name, picture)
		}
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
			results := loadResults{sent: map[string]string{}}
			client := &loadClient{receipts: true, results: results, http: &http.Client{Transport: answering(c.answer)}}
			client.run(t.Context(), 2)
			if client.results.wrong == 0 || !strings.Contains(client.results.firstWrong, c.want) {
				t.Errorf("got %d wrong answers, the first %q; want one with %q", client.results.wrong, client.results.firstWrong, c.want)
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
