package review

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Report is what a reviewer reads. It says once what several stages share.
type Report struct {
	headline []section
	concerns []section
	all      []section // what cdk diff shows
	picture  string    // for mermaid; empty if no resource changes
	base     string
}

// A line is a line of the report, under a title or without one.
type line struct{ title, text string }

// A section is what exactly these stages share.
type section struct {
	stages string
	lines  []line
}

// breaksTitle is the heading of what breaks the API's contract.
const breaksTitle = "!! What can break clients of the API"

func newReport(stacks []stackDiff, breaks []line, base string) *Report {
	r := &Report{
		headline: sections(stacks, func(d stackDiff) []line { return []line{{"", d.headline()}} }),
		concerns: sections(stacks, func(d stackDiff) []line { return d.lines(breaks) }),
		all:      sections(stacks, func(d stackDiff) []line { return d.all }),
		picture:  picture(stacks),
		base:     base,
	}
	// Losses come before everything else, in whichever stage.
	slices.SortStableFunc(r.concerns, func(a, b section) int {
		return min(len(a.lines[0].title), 1) - min(len(b.lines[0].title), 1)
	})
	return r
}

// sections groups lines by the stages that share them.
func sections(stacks []stackDiff, of func(stackDiff) []line) []section {
	stages := map[line][]string{}
	var order []line
	for _, d := range stacks {
		for _, l := range of(d) {
			if stages[l] == nil {
				order = append(order, l)
			}
			if !slices.Contains(stages[l], d.stage) {
				stages[l] = append(stages[l], d.stage)
			}
		}
	}
	var list []section
	for _, l := range order {
		names := strings.Join(stages[l], " and ")
		i := slices.IndexFunc(list, func(s section) bool { return s.stages == names })
		if i < 0 {
			i, list = len(list), append(list, section{stages: names})
		}
		list[i].lines = append(list[i].lines, l)
	}
	return list
}

func text(sections []section) string {
	var parts []string
	for _, s := range sections {
		part, title := "==== "+s.stages+"\n", ""
		for _, l := range s.lines {
			if l.title != title {
				title = l.title
				part += title + "\n"
			}
			part += l.text + "\n"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n")
}

const (
	harmlessText = "No change bears on security or safety."
	allTitle     = "All changes, as cdk diff shows them"
)

// Text returns the report for a terminal.
func (r *Report) Text() string {
	var out strings.Builder
	for _, h := range r.headline {
		out.WriteString(h.stages + ": " + h.lines[0].text + "\n")
	}
	switch {
	case len(r.concerns) > 0:
		out.WriteString("\n" + text(r.concerns))
	case len(r.all) > 0:
		out.WriteString("\n" + harmlessText + "\n")
	}
	if len(r.all) > 0 {
		out.WriteString("\n" + allTitle + ":\n\n" + text(r.all))
	}
	return out.String()
}

// commentLimit is how many characters a comment on GitHub holds.
const commentLimit = 65_536

// Markdown returns the report as a comment on a pull request, within GitHub's limit.
// The first line is always the same, so that the comment can be found and replaced.
func (r *Report) Markdown() string {
	out := "<!-- visitplannr diff -->\n### What this changes in the deployed stacks\n\n"
	for _, h := range r.headline {
		out += "- **" + h.stages + "**: " + h.lines[0].text + "\n"
	}
	switch {
	case len(r.concerns) > 0:
		out += "\n" + fence("", r.cut(text(r.concerns), commentLimit/2))
	case len(r.all) > 0:
		out += "\n" + harmlessText + "\n"
	}
	if r.picture != "" {
		out += "\n" + fence("mermaid", r.picture)
	}
	if len(r.all) > 0 {
		out += "\n<details><summary>" + allTitle + "</summary>\n\n"
		const spare = 1000 // for the text around it
		out += fence("", r.cut(text(r.all), commentLimit-spare-utf8.RuneCountInString(out))) + "\n</details>\n"
	}
	return out
}

// cut shortens a text to a limit of characters and says where to find the rest.
func (r *Report) cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit]) +
		"\n… (cut to fit a comment). For all of it, run: go run ./cmd/visitplannr diff " + r.base + "\n"
}

// fence makes a code block of a text, which may itself contain code blocks.
func fence(language, text string) string {
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return mark + language + "\n" + text + mark + "\n"
}
