// Package review shows what a change of the sources does to the deployed stacks before
// it is deployed. It synthesizes two states of the repository and compares their
// templates and their descriptions of the API. It needs no AWS account and no network.
package review

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Options say what to compare.
type Options struct {
	Root    string   // the module's directory; its work tree is the new state
	Base    string   // the old state: a branch, tag or commit
	Stages  []string // each has its own stack
	Context []string // further context for both states, as KEY=VALUE
}

// Diff compares the two states. It returns the first error; ErrNoApp says that the old
// state has no CDK app yet. Before it returns, it removes the git work tree that it
// created.
func Diff(ctx context.Context, o Options) (_ *Report, err error) {
	cdk, err := findCDK(o.Root)
	if err != nil {
		return nil, err
	}
	commit, err := resolve(ctx, o.Root, o.Base)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "visitplannr-diff-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	base := filepath.Join(scratch, "base")
	if _, err := git(ctx, o.Root, "worktree", "add", "--detach", base, commit); err != nil {
		return nil, err
	}
	defer func() {
		// Even after Ctrl-C, or git would keep a record of the work tree.
		_, removed := git(context.WithoutCancel(ctx), o.Root, "worktree", "remove", "--force", base)
		err = errors.Join(err, removed)
	}()
	if _, err := os.Stat(filepath.Join(base, "cdk.json")); err != nil {
		return nil, fmt.Errorf("%w: %s (%.12s) has no cdk.json", ErrNoApp, o.Base, commit)
	}

	// The two states are independent and are synthesized in parallel. The stages of one
	// state are synthesized in turn, since older commits build into one folder.
	old := states{cdk, base, filepath.Join(scratch, "old"), o}
	work := states{cdk, o.Root, filepath.Join(scratch, "new"), o}
	var synthesis sync.WaitGroup
	var oldErr, newErr error
	synthesis.Go(func() { oldErr = old.synth(ctx) })
	synthesis.Go(func() { newErr = work.synth(ctx) })
	synthesis.Wait()
	switch {
	case oldErr != nil && newErr != nil && oldErr.Error() == newErr.Error():
		return nil, fmt.Errorf("%s and the work tree: %w", o.Base, newErr)
	case oldErr != nil:
		return nil, fmt.Errorf("%s: %w", o.Base, oldErr)
	case newErr != nil:
		return nil, fmt.Errorf("the work tree: %w", newErr)
	}
	breaks, err := contractBreaks(ctx, base, o.Root)
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
	}
	return newReport(stacks, breaks, o.Base), nil
}

// contractBreaks lists what can break a client, by comparing the API's descriptions in
// both states. A state without a description promises nothing.
func contractBreaks(ctx context.Context, oldRoot, newRoot string) ([]line, error) {
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
	output, err := command(ctx, "", "go", "run", "visitplannr/internal/review/breaks", files[0], files[1])
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", file, err)
	}
	var breaks []line
	for _, text := range strings.FieldsFunc(output, func(r rune) bool { return r == '\n' }) {
		breaks = append(breaks, line{breaksTitle, "   ~ " + file + " " + text})
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
// which the CDK would ask AWS for their account.
func (s states) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.cdk, args...)
	cmd.Dir = s.dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "AWS_CA_BUNDLE=") || strings.HasPrefix(v, "CDK_")
	})
	cmd.Env = append(cmd.Env, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
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

func resolve(ctx context.Context, root, base string) (string, error) {
	commit, err := git(ctx, root, "rev-parse", "--verify", "--quiet", "--end-of-options", base+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("%q is not a commit, branch or tag of this repository", base)
	}
	return commit, nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	return command(ctx, root, "git", args...)
}

// command runs a program in a directory and returns what it prints.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
