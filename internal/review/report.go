package review

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// SchemaVersion is that of the report's JSON, which docs/review.md describes. It grows
// when a member goes or changes its meaning, not when one is added.
const SchemaVersion = 1

// Report is what a reviewer reads. Text, markdown and JSON are made from it.
type Report struct {
	SchemaVersion int        `json:"schemaVersion"`
	Base          string     `json:"base"`           // as it was given
	Head          string     `json:"head,omitempty"` // as it was given; absent: the work tree
	Compared      []string   `json:"compared"`       // what was compared, and what was not and why
	Summary       []Finding  `json:"summary"`        // how many resources change
	Findings      []Finding  `json:"findings"`       // gravest first
	Behaviour     *Behaviour `json:"behaviour,omitempty"`
	Changes       []Finding  `json:"changes"`           // all, as cdk diff shows them
	Picture       string     `json:"picture,omitempty"` // for mermaid
}

// Kind says what a finding is about.
type Kind string

// The kinds, in the order in which a reviewer reads them. Behaviour comes before Concern.
const (
	Lost       Kind = "lost"       // a resource is replaced or removed
	Broken     Kind = "broken"     // a client of the API can break
	Concern    Kind = "concern"    // security or safety
	Other      Kind = "other"      // any other change behind a switch
	Deployment Kind = "deployment" // what a deployment does besides
)

// A Finding is what exactly these stages share.
type Finding struct {
	Kind   Kind     `json:"kind,omitempty"`
	Stages []string `json:"stages,omitempty"` // absent: all
	With   string   `json:"with,omitempty"`   // the settings that it needs; absent: each stage's own
	Title  string   `json:"title,omitempty"`
	Text   string   `json:"text"`
	Page   string   `json:"page,omitempty"` // of this repository's documentation
	Change *Change  `json:"change,omitempty"`
}

// Behaviour is what the API of both states answered to the same requests.
type Behaviour struct {
	Failed      []string     `json:"failed,omitempty"` // functions that do not start, and why
	Different   []Difference `json:"different,omitempty"`
	Alike       int          `json:"alike"`                 // requests with the same answer
	NotReplayed []string     `json:"notReplayed,omitempty"` // what was not sent, or could not be compared, and why
}

// A Difference is one request with two answers.
type Difference struct {
	Request string `json:"request"`
	With    string `json:"with,omitempty"` // as for a Finding
	Before  string `json:"before"`
	After   string `json:"after"`
	More    int    `json:"more,omitempty"` // other requests whose answers differ alike
}

// merged says once what several stages share.
func merged(list []Finding) []Finding {
	merged := []Finding{}
	for _, f := range list {
		i := slices.IndexFunc(merged, func(m Finding) bool {
			return m.Kind == f.Kind && m.With == f.With && m.Title == f.Title && m.Text == f.Text
		})
		switch {
		case i < 0:
			merged = append(merged, f)
		case f.Stages != nil && !slices.Contains(merged[i].Stages, f.Stages[0]):
			merged[i].Stages = append(slices.Clone(merged[i].Stages), f.Stages...)
		}
	}
	return merged
}

// of returns the findings of these kinds.
func (r *Report) of(kinds ...Kind) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool { return !slices.Contains(kinds, f.Kind) })
}

// where names the stages and settings of a finding.
func (f Finding) where() string {
	text := "every stage"
	if f.Stages != nil {
		text = strings.Join(f.Stages, " and ")
	}
	return text + under(f.With)
}

// under names the settings that something needs.
func under(settings string) string {
	if settings == "" {
		return ""
	}
	return ", with " + settings + " set"
}

// text lists findings under their stages and titles.
func text(list []Finding) string {
	var order []string
	of := map[string][]Finding{}
	for _, f := range list {
		if of[f.where()] == nil {
			order = append(order, f.where())
		}
		of[f.where()] = append(of[f.where()], f)
	}
	var parts []string
	for _, where := range order {
		part, title := "==== "+where+"\n", ""
		for _, f := range of[where] {
			if f.Title != title {
				title = f.Title
				part += title + "\n"
			}
			part += f.Text
			if f.Page != "" {
				part += " (" + f.Page + ")"
			}
			part += "\n"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "\n")
}

// maxDifferences fills a screen.
const maxDifferences = 10

// text says what differs, side by side.
func (b *Behaviour) text() string {
	if b == nil || len(b.Different) == 0 {
		return ""
	}
	text := "==== The API answers otherwise\n"
	for _, d := range b.Different[:min(len(b.Different), maxDifferences)] {
		text += "!! " + d.Request + under(d.With)
		if d.More > 0 {
			text += fmt.Sprintf(", and %d more alike", d.More)
		}
		text += "\n" + beside("before: ", d.Before) + beside("after:  ", d.After)
	}
	if rest := b.Different[min(len(b.Different), maxDifferences):]; len(rest) > 0 {
		requests := len(rest)
		for _, d := range rest {
			requests += d.More
		}
		text += fmt.Sprintf("%d more requests differ in %d other ways: -format json has them\n", requests, len(rest))
	}
	return text
}

func beside(label, answer string) string {
	return "   " + label + strings.ReplaceAll(strings.TrimSpace(answer), "\n", "\n           ") + "\n"
}

// grave returns everything that a reviewer must not miss, gravest first.
func (r *Report) grave() string {
	parts := []string{text(r.of(Lost)), text(r.of(Broken)), r.Behaviour.text(), text(r.of(Concern, Other)), text(r.of(Deployment))}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n")
}

// headline says first what does not start.
func (r *Report) headline() []string {
	var lines []string
	if r.Behaviour != nil {
		lines = append(lines, r.Behaviour.Failed...)
	}
	for _, s := range r.Summary {
		lines = append(lines, s.where()+": "+s.Text)
	}
	return lines
}

// compared says what was looked at, so that nothing found is not read as no danger.
func (r *Report) compared() []string {
	lines := slices.Clone(r.Compared)
	b := r.Behaviour
	if b == nil || b.Alike+len(b.Different) == 0 {
		lines = append(lines, "no request was replayed")
	} else {
		lines = append(lines, fmt.Sprintf("%d requests answered alike", b.Alike))
	}
	if b != nil {
		lines = append(lines, b.NotReplayed...)
	}
	return lines
}

const allTitle = "All changes, as cdk diff shows them"

// Text returns the report for a terminal.
func (r *Report) Text() string {
	out := strings.Join(r.headline(), "\n") + "\n"
	if grave := r.grave(); grave != "" {
		out += "\n" + grave
	}
	out += "\nCompared:\n- " + strings.Join(r.compared(), "\n- ") + "\n"
	if len(r.Changes) > 0 {
		out += "\n" + allTitle + ":\n\n" + text(r.Changes)
	}
	return out
}

// JSON returns the report as data.
func (r *Report) JSON() string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		panic(err) // strings, and values that were read from JSON
	}
	return out.String()
}

// commentLimit is how many characters a comment on GitHub holds.
const commentLimit = 65_536

// Markdown returns the report as a comment on a pull request, within GitHub's limit.
// The first line is always the same, so that the comment can be found and replaced.
func (r *Report) Markdown() string {
	out := "<!-- visitplannr diff -->\n### What this changes in the deployed stacks\n\n"
	for _, line := range r.headline() {
		where, what, _ := strings.Cut(line, ": ")
		out += "- **" + where + "**: " + what + "\n"
	}
	if grave := r.grave(); grave != "" {
		out += "\n" + fence("", r.cut(grave, commentLimit/2))
	}
	out += "\nCompared:\n- " + strings.Join(r.compared(), "\n- ") + "\n"
	if r.Picture != "" {
		out += "\n" + fence("mermaid", r.Picture)
	}
	if len(r.Changes) > 0 {
		out += "\n<details><summary>" + allTitle + "</summary>\n\n"
		const spare = 1000 // for the text around it
		out += fence("", r.cut(text(r.Changes), commentLimit-spare-utf8.RuneCountInString(out))) + "\n</details>\n"
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
		"\n… (cut to fit a comment). For all of it, run: go run ./cmd/visitplannr diff " + strings.TrimSpace(r.Base+" "+r.Head) + "\n"
}

// fence makes a code block of a text, which may itself contain code blocks.
func fence(language, text string) string {
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return mark + language + "\n" + text + mark + "\n"
}
