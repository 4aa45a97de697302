// Package review shows what a change of the sources does to the deployed stacks before
// it is deployed. It synthesizes two states of the repository and compares their
// templates and their descriptions of the API. It needs no AWS account and no network.
package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"visitplannr/internal/program"
)

// Options say what to compare.
type Options struct {
	Root    string   // the module's directory
	Base    string   // the old state: a branch, tag or commit
	Head    string   // the new state; "" is the work tree
	Stages  []string // each has its own stack
	Context []string // further context for both states, as KEY=VALUE
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
	head, dir := "the work tree", o.Root
	if o.Head != "" {
		tree, err := repo.checkOut(ctx, o.Head)
		if err != nil {
			return nil, err
		}
		defer tree.release()
		head, dir = o.Head, tree.dir
	}

	// The two states are independent and are synthesized in parallel. The stages of one
	// state are synthesized in turn, since older commits build into one folder.
	old := states{cdk, base.dir, filepath.Join(base.scratch, "old"), o}
	work := states{cdk, dir, filepath.Join(base.scratch, "new"), o}
	var synthesis sync.WaitGroup
	var oldErr, newErr error
	synthesis.Go(func() { oldErr = old.synth(ctx) })
	synthesis.Go(func() { newErr = work.synth(ctx) })
	synthesis.Wait()
	switch {
	case oldErr != nil && newErr != nil && oldErr.Error() == newErr.Error():
		return nil, fmt.Errorf("%s and %s: %w", o.Base, head, newErr)
	case oldErr != nil:
		return nil, fmt.Errorf("%s: %w", o.Base, oldErr)
	case newErr != nil:
		return nil, fmt.Errorf("%s: %w", head, newErr)
	}
	r := &Report{SchemaVersion: SchemaVersion, Base: o.Base, Head: o.Head,
		Compared: []string{"the templates of " + strings.Join(o.Stages, " and ") + ", as they are deployed"}}
	breaks, err := contractBreaks(ctx, base.dir, dir)
	if err != nil {
		return nil, err
	}
	var stacks []stackDiff
	for _, stage := range o.Stages {
		d, err := compareStacks(ctx, old, work, stage)
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, d)
		r.Summary = findings(r.Summary, []Finding{{Stages: []string{stage}, Text: d.headline()}})
		r.Findings = findings(r.Findings, d.findings())
		r.Changes = findings(r.Changes, d.all)
	}
	r.Findings = append(r.Findings, breaks...)
	r.Picture = picture(stacks)
	return r, nil
}

const breaksTitle = "!! What can break clients of the API"

// contractBreaks lists what can break a client, by comparing the API's descriptions in
// both states. A state without a description promises nothing.
func contractBreaks(ctx context.Context, oldRoot, newRoot string) ([]Finding, error) {
	const file = "docs/openapi.yaml"
	var files, texts [2]string
	for i, root := range []string{oldRoot, newRoot} {
		files[i] = filepath.Join(root, file)
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
		breaks = append(breaks, Finding{Kind: Broken, Title: breaksTitle, Text: "   ~ " + file + " " + text})
	}
	return breaks, nil
}

// ErrNoApp says that a state has nothing to synthesize.
var ErrNoApp = errors.New("nothing to compare with")

// states is one state of the repository, and where its stages are synthesized.
type states struct {
	cdk     string
	dir     string
	out     string
	options Options
}

func (s states) assembly(stage string) string { return filepath.Join(s.out, stage) }

func (s states) synth(ctx context.Context) error {
	for _, stage := range s.options.Stages {
		args := []string{"synth", "--quiet", "--output", s.assembly(stage), "--context", "stage=" + stage}
		for _, c := range s.options.Context {
			args = append(args, "--context", c)
		}
		if output, err := s.run(ctx, args...); err != nil {
			return fmt.Errorf("synthesize stage %s: %w\n%s", stage, err, output)
		}
	}
	return nil
}

// run runs the CDK's command line in the state's directory. It hides credentials, with
// which the CDK would ask AWS for their account. Temporary files go where the next run
// removes what a killed one left, and where programs can be executed, which some
// machines forbid in the usual place.
func (s states) run(ctx context.Context, args ...string) (string, error) {
	if err := os.MkdirAll(s.out, 0o700); err != nil {
		return "", err
	}
	cmd := program.Command(ctx, s.dir, s.cdk, args...)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
		return strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "AWS_CA_BUNDLE=") || strings.HasPrefix(v, "CDK_")
	})
	cmd.Env = append(cmd.Env, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"TMPDIR="+s.out, "TMP="+s.out, "TEMP="+s.out, "GOTMPDIR="+s.out)
	output, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

type synthesized struct {
	template  Template
	text      []byte
	protected bool // termination protection, which is not in the template
}

func read(assembly, stack string) (synthesized, error) {
	var s synthesized
	var err error
	if s.text, err = os.ReadFile(filepath.Join(assembly, stack+".template.json")); err != nil {
		return s, err
	}
	if s.template, err = ParseTemplate(s.text); err != nil {
		return s, err
	}
	text, err := os.ReadFile(filepath.Join(assembly, "manifest.json"))
	if err != nil {
		return s, err
	}
	var manifest struct {
		Artifacts map[string]struct {
			Properties struct{ TerminationProtection bool }
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return s, fmt.Errorf("%s: manifest: %w", assembly, err)
	}
	s.protected = manifest.Artifacts[stack].Properties.TerminationProtection
	return s, nil
}

// findCDK returns the command line that package.json pins, installed by npm.
func findCDK(root string) (string, error) {
	cdk := filepath.Join(root, "node_modules", ".bin", "cdk")
	if _, err := os.Stat(cdk); err != nil {
		return "", fmt.Errorf("the CDK's command line is not installed (%s): run npm ci", cdk)
	}
	return filepath.Abs(cdk)
}
