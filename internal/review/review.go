// Package review shows what a change of the sources does to the deployed stacks before
// it is deployed. It synthesizes two states of the repository and compares their
// templates and their descriptions of the API. It needs no AWS account and no network.
package review

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"visitplannr/internal/program"
	"visitplannr/internal/settings"
)

// Options say what to compare.
type Options struct {
	Root    string   // the module's directory
	Base    string   // the old state: a branch, tag or commit
	Head    string   // the new state; "" is the work tree
	Stages  []string // each has its own stack
	Context []string // further context for both states, as KEY=VALUE

	Replay bool                            // send requests to local runs of both states
	Doing  func(what string) (done func()) // is told what takes long; nil: nobody is
}

// Diff compares the two states. It returns the first error; ErrNoApp says that a state
// has no CDK app. It writes nothing into the repository.
func Diff(ctx context.Context, o Options) (*Report, error) {
	cdk, err := findCDK(o.Root)
	if err != nil {
		return nil, err
	}
	repo, err := openRepository(ctx, o.Root)
	if err != nil {
		return nil, err
	}
	base, err := repo.checkOut(ctx, o.Base)
	if err != nil {
		return nil, err
	}
	defer base.release()
	old := state{cdk: cdk, name: o.Base, dir: base.dir, out: filepath.Join(base.scratch, "old"), kept: base.kept(), options: o}
	work := state{cdk: cdk, name: "the work tree", dir: o.Root, out: filepath.Join(base.scratch, "new"), options: o}
	if o.Head != "" {
		tree, err := repo.checkOut(ctx, o.Head)
		if err != nil {
			return nil, err
		}
		defer tree.release()
		work.name, work.dir, work.kept = o.Head, tree.dir, tree.kept()
	}

	r := &Report{SchemaVersion: SchemaVersion, Base: o.Base, Head: o.Head}
	both := [2]state{old, work}
	onlyCode, err := r.compareTemplates(ctx, both)
	if err != nil {
		return nil, err
	}
	var served [2][]byte
	if o.Replay {
		replayed, err := replay(ctx, both, o.doing)
		if err != nil {
			return nil, err
		}
		r.Behaviour, served = &replayed.Behaviour, replayed.descriptions
	}
	breaks, err := contractBreaks(ctx, both, served)
	if err != nil {
		return nil, err
	}
	fromSources, err := sources(ctx, old, work, onlyCode)
	if err != nil {
		return nil, err
	}
	r.Summary, r.Findings, r.Changes = merged(r.Summary), merged(slices.Concat(r.Findings, breaks, fromSources)), merged(r.Changes)
	return r, nil
}

// compareTemplates adds what differs between the templates, and reports whether that is
// the functions' code alone.
func (r *Report) compareTemplates(ctx context.Context, both [2]state) (onlyCode bool, err error) {
	old, work := both[0], both[1]
	// The two states are independent. A commit may be so old that it builds into one folder,
	// so what is of a commit is synthesized in turn.
	done := old.options.doing("Synthesizing the templates of both states")
	views := views(old.options)
	failed := [2][]error{make([]error, len(views)), make([]error, len(views))}
	var group sync.WaitGroup
	for i, s := range both {
		group.Go(func() {
			var syntheses errgroup.Group
			syntheses.SetLimit(map[bool]int{true: 2, false: 1}[s.kept == ""])
			for j, v := range views {
				syntheses.Go(func() error {
					failed[i][j] = s.synth(ctx, v)
					return nil
				})
			}
			_ = syntheses.Wait() // failed has them
		})
	}
	group.Wait()
	done()
	var stacks []stackDiff
	var compared []Finding
	onlyCode = true
	seen := map[string]map[string]bool{} // by stage, the changes that were shown
	for i, v := range views {
		err := failure(old, work, failed[0][i], failed[1][i])
		switch {
		case err != nil && v.set == nil:
			return false, fmt.Errorf("%w\nstage %s", err, v.stage)
		case err != nil:
			reason := fmt.Sprintf("%.400s", strings.Join(strings.Fields(err.Error()), " "))
			if failed[0][i] == nil {
				r.Findings = append(r.Findings, Finding{Kind: Concern, Stages: []string{v.stage}, With: v.with, Title: "!! Is not synthesized any more", Text: "   " + reason})
			}
			compared = append(compared, Finding{Stages: []string{v.stage}, With: v.with, Text: ": NOT compared, " + reason})
			continue
		}
		compared = append(compared, Finding{Stages: []string{v.stage}, With: v.with, Text: old.leftOut(v) + work.leftOut(v)})
		if seen[v.stage] == nil {
			seen[v.stage] = map[string]bool{}
		}
		d, err := compareStacks(ctx, old, work, v, seen[v.stage])
		if err != nil {
			return false, err
		}
		r.Findings = append(r.Findings, slices.Concat(d.findings(), d.besides())...)
		onlyCode = onlyCode && (v.set == nil && d.onlyCode() || len(d.changes) == 0)
		if v.set == nil {
			stacks = append(stacks, d)
			r.Summary = append(r.Summary, Finding{Stages: []string{v.stage}, Text: d.headline()})
			r.Changes = append(r.Changes, d.all...)
		}
	}
	for _, c := range merged(compared) {
		if c.With == "" {
			c.Text = ", as they are deployed" + c.Text
		}
		r.Compared = append(r.Compared, "the templates of "+c.where()+c.Text)
	}
	r.Picture = picture(stacks)
	return onlyCode && len(r.Changes) > 0, nil
}

// failure says which of the two states is not synthesized, and an error of both once.
func failure(old, work state, oldErr, newErr error) error {
	switch {
	case oldErr != nil && newErr != nil && oldErr.Error() == newErr.Error():
		return fmt.Errorf("%s and %s: %w", old.name, work.name, newErr)
	case oldErr != nil:
		return fmt.Errorf("%s: %w", old.name, oldErr)
	case newErr != nil:
		return fmt.Errorf("%s: %w", work.name, newErr)
	}
	return nil
}

// A view is a stage as it is deployed, or with settings of a variant.
type view struct {
	stage string
	with  string            // the settings by which it differs from the view before; "" as it is deployed
	set   map[string]string // all settings of the variant
}

// views are the stages, and then each with what no stage turns on, except what the caller
// has set.
func views(o Options) []view {
	var list []view
	for _, stage := range o.Stages {
		list = append(list, view{stage: stage})
	}
	before := map[string]string{}
	for _, variant := range settings.Variants() {
		var with []string
		for _, key := range slices.Sorted(maps.Keys(variant)) {
			switch {
			case slices.ContainsFunc(o.Context, func(c string) bool { return strings.HasPrefix(c, key+"=") }):
				delete(variant, key)
			case variant[key] != before[key]:
				with = append(with, key)
			}
		}
		for _, stage := range o.Stages {
			list = append(list, view{stage, strings.Join(with, ", "), variant})
		}
		before = variant
	}
	return list
}

const (
	breaksTitle = "!! What can break clients of the API"
	wordsTitle  = "!! What the API's description says otherwise, which may be a rule"
)

// contractBreaks lists what can break a client, by comparing the API's descriptions: what
// the local run of a state served, or else the file that it has committed. A state without
// a description promises nothing.
func contractBreaks(ctx context.Context, both [2]state, served [2][]byte) ([]Finding, error) {
	const file = "docs/openapi.yaml"
	var files, texts [2]string
	for i, s := range both {
		files[i] = filepath.Join(s.dir, file)
		if served[i] != nil {
			files[i] = filepath.Join(s.out, filepath.Base(file))
			if err := os.WriteFile(files[i], served[i], 0o600); err != nil {
				return nil, err
			}
		}
		text, err := os.ReadFile(files[i])
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		texts[i] = string(text)
	}
	if texts[0] == texts[1] {
		return nil, nil
	}
	output, err := program.Output(program.Command(ctx, "", "go", "run", "visitplannr/internal/review/breaks", files[0], files[1]))
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", file, err)
	}
	var breaks []Finding
	for _, text := range strings.FieldsFunc(output, func(r rune) bool { return r == '\n' }) {
		breaks = append(breaks, Finding{Kind: Broken, Title: breaksTitle, Text: "   " + text})
	}
	var documents [2]any
	for i, text := range texts {
		if err := yaml.Unmarshal([]byte(text), &documents[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
	}
	compare(documents[0], documents[1], "", func(path string, before, after any) {
		if before != nil && after != nil && strings.HasSuffix(path, ".description") { // a rule may live in words alone
			breaks = append(breaks, Finding{Kind: Broken, Title: wordsTitle, Text: "   " + path + "\n     before: " + words(before, true) + "\n     after:  " + words(after, true)})
		}
	})
	return breaks, nil
}

func (o Options) doing(what string) (done func()) {
	if o.Doing == nil {
		return func() {}
	}
	return o.Doing(what)
}
