package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// table is rows of cells under a head. It prints as aligned Markdown, so that a run can
// be pasted into a page.
type table struct {
	head []string
	rows [][]string
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(w io.Writer) {
	rule := slices.Repeat([]string{"---:"}, len(t.head))
	rule[0] = ":---"
	columns := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
	for _, cells := range slices.Concat([][]string{t.head, rule}, t.rows) {
		fmt.Fprintf(columns, "\t%s \t\n", strings.Join(cells, " \t"))
	}
	_ = columns.Flush() // a reader that has gone needs no table
}

// number writes v with about three significant digits.
func number(v float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case size >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// times writes the ratio of v to the floor, if the floor is known.
func times(v, floor float64) string {
	if !(floor > 0) {
		return "-"
	}
	return number(v/floor) + "x"
}

// quantile returns the value below which the share q (0 to 1) of the samples lie. It
// uses the nearest rank, so it returns a real sample. It returns NaN without samples.
// It does not change samples.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	rank := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

func median(samples []float64) float64 { return quantile(samples, 0.5) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
