package main

import (
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"visitplannr/test/check"
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
	used := check.Value(usageOf(os.Getpid()))(t)
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	if used.cpu <= 0 || used.faults < 100 || used.peakMiB < 1 || used.peakMiB > 100_000 {
		t.Errorf("got %+v; want the CPU time, page faults and size of a process", used)
	}
}
