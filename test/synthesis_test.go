package test

import (
	"debug/elf"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
	"visitplannr/internal/settings"
	"visitplannr/test/check"
)

// synthesisRun is a run of the CDK app as the CDK's command line starts it.
type synthesisRun struct {
	*exec.Cmd
	out, temp string // the folders of its result and of its temporary files
	printed   strings.Builder
}

func newRun(t *testing.T, app string, s given) *synthesisRun {
	t.Helper()
	context := contextOf(t)
	maps.Copy(context, given{"stage": "dev"}.context())
	maps.Copy(context, s.context())
	text := check.Value(json.Marshal(context))(t)
	r := &synthesisRun{Cmd: program.Command(t.Context(), "..", app), out: t.TempDir(), temp: t.TempDir()}
	r.Env = append(r.Env, "CDK_OUTDIR="+r.out, "CDK_CONTEXT_JSON="+string(text), "CDK_VALIDATION=false", "TMPDIR="+r.temp, "TMP="+r.temp)
	r.Stdout, r.Stderr = &r.printed, &r.printed
	return r
}

// wantNothingLeft fails the test if the run left a build behind, or died by a panic.
func (r *synthesisRun) wantNothingLeft(t *testing.T) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(r.temp, "visitplannr-*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	if strings.Contains(r.printed.String(), "goroutine ") {
		t.Errorf("got a panic:\n%s", &r.printed)
	}
}

func TestSynthesis(t *testing.T) {
	t.Parallel()
	app := filepath.Join(t.TempDir(), "app.exe")
	check.OK(t, gobuild.Here(t.Context(), "..", ".", app))

	t.Run("two at the same time each deploy what their template says, and nothing of an earlier one", func(t *testing.T) {
		t.Parallel()
		machines := map[settings.Architecture]elf.Machine{settings.ARM64: elf.EM_AARCH64, settings.X86: elf.EM_X86_64}
		runs := map[settings.Architecture]*synthesisRun{}
		for architecture := range machines {
			// --no-staging would leave the template with the path of a removed folder.
			r := newRun(t, app, given{"architecture": string(architecture), "aws:cdk:disable-asset-staging": "true"})
			check.OK(t, os.WriteFile(filepath.Join(r.out, "validation-report.json"), []byte("{}"), 0o600))
			check.OK(t, r.Start())
			runs[architecture] = r
		}
		for architecture, r := range runs {
			if err := r.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &r.printed)
			}
			r.wantNothingLeft(t)
			if _, err := os.Stat(filepath.Join(r.out, "validation-report.json")); err == nil {
				t.Error("the report of an earlier synthesis is still there")
			}
			tpl := readTemplate(t, r.out, settings.Dev.StackName())
			for _, id := range tpl.ids("AWS::Lambda::Function") {
				function := tpl.Resources[id]
				want(t, id+" processor", function.Properties["Architectures"], `["`+string(architecture)+`"]`)
				key, _ := at(function.Properties, "Code.S3Key").(string)
				wantFunction(t, filepath.Join(r.out, "asset."+strings.TrimSuffix(key, ".zip")), machines[architecture])
			}
		}
	})

	interrupting := t.TempDir() // holds a go command that interrupts the app that runs it
	check.OK(t, os.WriteFile(filepath.Join(interrupting, "go"), []byte("#!/bin/sh\nkill -TERM $PPID\n"), 0o755))
	for _, c := range []struct {
		outcome, stage, env, want string
	}{
		{"names the wrong setting", "test", "", `setting "stage" is "test"`},
		{"names the folder that cannot be written", "dev", "CDK_OUTDIR=" + filepath.Join(app, "below"), filepath.Join(app, "below")},
		{"says that it was interrupted", "dev", "PATH=" + interrupting + string(os.PathListSeparator) + os.Getenv("PATH"), "nothing is synthesized: "},
	} {
		t.Run("one that fails "+c.outcome+", and leaves nothing behind", func(t *testing.T) {
			t.Parallel()
			r := newRun(t, app, given{"stage": c.stage})
			r.Env = append(r.Env, c.env)
			if err := r.Run(); err == nil || !strings.Contains(r.printed.String(), c.want) {
				t.Errorf("got %v, want a failure with %q:\n%s", err, c.want, &r.printed)
			}
			r.wantNothingLeft(t)
		})
	}
}

// wantFunction fails the test unless the folder holds a function for the processor,
// which another user can run, and nothing else.
func wantFunction(t *testing.T, asset string, want elf.Machine) {
	t.Helper()
	entries := check.Value(os.ReadDir(asset))(t)
	if len(entries) != 1 || entries[0].Name() != gobuild.Executable {
		t.Fatalf("got %v, want only %s", entries, gobuild.Executable)
	}
	info := check.Value(entries[0].Info())(t)
	if got := info.Mode().Perm(); got != 0o755 {
		t.Errorf("the binary has mode %o, want 755: Lambda's user is not its owner", got)
	}
	binary := check.Value(elf.Open(filepath.Join(asset, gobuild.Executable)))(t)
	defer binary.Close()
	if binary.Machine != want {
		t.Errorf("the binary runs on %v, want %v", binary.Machine, want)
	}
}
