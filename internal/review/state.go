package review

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"visitplannr/internal/program"
)

// ErrNoApp says that a state has nothing to synthesize.
var ErrNoApp = errors.New("nothing to compare with")

// state is one state of the repository, and where it is synthesized.
type state struct {
	cdk     string
	name    string // for the reader
	dir     string
	out     string
	kept    string // for syntheses that the next run takes again; "" for a work tree
	options Options
}

// assembly is where a view is synthesized: named by all that it is made from besides the
// state's files.
func (s state) assembly(v view) string {
	installed, _ := os.ReadFile(filepath.Join(filepath.Dir(s.cdk), "..", ".package-lock.json"))
	name := sha256.Sum256(fmt.Append(nil, v.stage, v.set, s.options.Context, runtime.Version(), string(installed)))
	return filepath.Join(cmp.Or(s.kept, s.out), fmt.Sprintf("%.16x", name))
}

// refused matches the settings that a state does not have, or not with this value.
var refused = regexp.MustCompile(`setting "(\w+)" is `)

// leftOutFile holds the names of such settings in an assembly.
const leftOutFile = "left-out"

// synth synthesizes a view, unless that was done. A variant's settings that the state
// refuses are left out: it may be older than they are.
func (s state) synth(ctx context.Context, v view) error {
	if _, err := os.Stat(s.assembly(v)); err == nil {
		return nil
	}
	out, set, left := filepath.Join(s.out, "new-"+filepath.Base(s.assembly(v))), maps.Clone(v.set), []string{}
	for {
		args := []string{"synth", "--quiet", "--output", out, "--context", "stage=" + v.stage}
		for _, key := range slices.Sorted(maps.Keys(set)) {
			args = append(args, "--context", key+"="+set[key])
		}
		for _, c := range s.options.Context {
			args = append(args, "--context", c)
		}
		if err := os.RemoveAll(out); err != nil {
			return err
		}
		output, err := s.run(ctx, args...)
		if err == nil {
			break
		}
		before := len(left)
		for _, m := range refused.FindAllStringSubmatch(output, -1) {
			if _, ours := set[m[1]]; ours {
				delete(set, m[1])
				left = append(left, m[1])
			}
		}
		if len(left) == before {
			return fmt.Errorf("synthesize: %w\n%s", err, output)
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(out, leftOutFile), []byte(strings.Join(left, ", ")), 0o600),
		os.MkdirAll(filepath.Dir(s.assembly(v)), 0o700), os.Rename(out, s.assembly(v)))
}

// leftOut names the settings of a view that a synthesized state does not have.
func (s state) leftOut(v view) string {
	if text, err := os.ReadFile(filepath.Join(s.assembly(v), leftOutFile)); err == nil && len(text) > 0 {
		return fmt.Sprintf(" (%s refuses %s)", s.name, text)
	}
	return ""
}

// run runs the CDK's command line in the state's directory.
func (s state) run(ctx context.Context, args ...string) (string, error) {
	if err := os.MkdirAll(s.out, 0o700); err != nil {
		return "", err
	}
	output, err := s.command(ctx, s.cdk, args...).CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// command returns a program to be started in the state's directory. It hides
// credentials, with which the CDK would ask AWS for their account. Temporary files go
// where the next run removes what a killed one left, and where programs can be executed,
// which some machines forbid in the usual place.
func (s state) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := program.Command(ctx, s.dir, name, args...)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
		return strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "AWS_CA_BUNDLE=") || strings.HasPrefix(v, "CDK_")
	})
	cmd.Env = append(cmd.Env, "AWS_EC2_METADATA_DISABLED=true", "CDK_VALIDATION=false",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"TMPDIR="+s.out, "TMP="+s.out, "TEMP="+s.out, "GOTMPDIR="+s.out)
	return cmd
}

type synthesized struct {
	template  Template
	text      []byte
	protected bool   // termination protection, which is not in the template
	notes     string // holds the warnings of the synthesis, as JSON
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
	metadata, _ := os.ReadFile(filepath.Join(assembly, stack+".metadata.json")) // older CDKs write all into the manifest
	s.notes = string(text) + string(metadata)
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
