package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The look of all plots: the Okabe-Ito colours, which people of all kinds of
// colour vision can tell apart, on white, so that a page's theme does not matter.
var colours = []string{"#999999", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"}

const plotWidth = 760

// barGroup is one quantity: a value for each of the things compared.
type barGroup struct {
	label  string
	values []float64
}

// bars draws groups below each other, each scaled by its own greatest value.
func bars(title string, names []string, groups []*barGroup) string {
	const left, right, bar, gap = 200, 90, 14, 14
	var b strings.Builder
	y := 34 + 18*len(names) + gap
	for _, group := range groups {
		greatest := 0.0
		for _, value := range group.values {
			if value > greatest { // never true of NaN
				greatest = value
			}
		}
		middle := y + len(group.values)*bar/2 + 4
		text(&b, left-10, middle, "end", group.label)
		for i, value := range group.values {
			if math.IsNaN(value) || greatest == 0 {
				continue
			}
			length := value / greatest * (plotWidth - left - right)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, y+i*bar, length, bar-2, colour(i))
			text(&b, left+int(length)+6, y+i*bar+10, "start", number(value))
		}
		y += len(group.values)*bar + gap
	}
	return picture(title, names, y, b.String())
}

// series is one line of a plot.
type series struct {
	name   string
	points [][2]float64 // positive x and y
}

// lines draws series over logarithmic axes of equal decades: a cost that stays
// the same is level, one that grows with x rises at the slope of the grid.
func lines(title, xLabel, yLabel string, all []series) string {
	const left, right, height = 80, 30, 300
	var names []string
	xLow, xHigh, yLow, yHigh := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, s := range all {
		names = append(names, s.name)
		for _, p := range s.points {
			xLow, xHigh = min(xLow, math.Floor(math.Log10(p[0]))), max(xHigh, math.Ceil(math.Log10(p[0])))
			yLow, yHigh = min(yLow, math.Floor(math.Log10(p[1]))), max(yHigh, math.Ceil(math.Log10(p[1])))
		}
	}
	xHigh, yHigh = max(xHigh, xLow+1), max(yHigh, yLow+1)
	top := 34 + 18*len(names) + 14
	x := func(v float64) float64 { return left + (math.Log10(v)-xLow)/(xHigh-xLow)*(plotWidth-left-right) }
	y := func(v float64) float64 { return float64(top+height) - (math.Log10(v)-yLow)/(yHigh-yLow)*height }
	var b strings.Builder
	for decade := xLow; decade <= xHigh; decade++ {
		at := x(math.Pow(10, decade))
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#dddddd"/>`+"\n", at, top, at, top+height)
		text(&b, int(at), top+height+16, "middle", power(decade))
	}
	for decade := yLow; decade <= yHigh; decade++ {
		at := y(math.Pow(10, decade))
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`+"\n", left, at, plotWidth-right, at)
		text(&b, left-8, int(at)+4, "end", power(decade))
	}
	text(&b, left, top-8, "start", yLabel)
	text(&b, plotWidth-right, top+height+34, "end", xLabel)
	for i, s := range all {
		var points []string
		for _, p := range s.points {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(p[0]), y(p[1])))
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x(p[0]), y(p[1]), colour(i+1))
		}
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), colour(i+1))
	}
	return picture(title, append([]string{""}, names...), top+height+44, b.String())
}

// power writes 10 to the power of decade as people write it.
func power(decade float64) string {
	if decade >= -2 && decade <= 4 {
		return fmt.Sprintf("%g", math.Pow(10, decade))
	}
	return fmt.Sprintf("1e%g", decade)
}

// picture frames a drawing with its title and legend.
func picture(title string, names []string, height int, drawing string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", html.EscapeString(title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<text x="14" y="24" font-size="16" fill="#222222">%s</text>`+"\n", html.EscapeString(title))
	row := 0
	for i, name := range names {
		if name == "" {
			continue
		}
		fmt.Fprintf(&b, `<rect x="14" y="%d" width="10" height="10" fill="%s"/>`+"\n", 38+18*row, colour(i))
		text(&b, 30, 47+18*row, "start", name)
		row++
	}
	b.WriteString(drawing)
	b.WriteString("</svg>\n")
	return b.String()
}

func text(b *strings.Builder, x, y int, anchor, content string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="%s" fill="#222222">%s</text>`+"\n", x, y, anchor, html.EscapeString(content))
}

func colour(i int) string { return colours[i%len(colours)] }
