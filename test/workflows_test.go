package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"visitplannr/test/check"
)

// workflow is what these tests read of one of .github/workflows.
type workflow struct {
	Jobs map[string]struct {
		Needs       any
		Permissions map[string]string
		Steps       []struct{ Uses, Run string }
	}
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("got %v, %v", files, err)
	}
	found := map[string]workflow{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		check.OK(t, err)
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[filepath.Base(file)] = w
	}
	return found
}

// What an installation or a test runs must not be able to become the role that deploys.
func TestJobsThatMayTakeOnARoleInstallNothing(t *testing.T) {
	t.Parallel()
	able := 0
	for name, w := range workflows(t) {
		for job, j := range w.Jobs {
			if j.Permissions["id-token"] != "write" {
				continue
			}
			able++
			for _, step := range j.Steps {
				for _, word := range []string{"npm ", "npx ", "go ", "pip ", "actions/setup-", "actions/checkout", "actions/cache"} {
					if strings.Contains(step.Run+" "+step.Uses, word) {
						t.Errorf("%s, job %s: got %q in a step: %s%s", name, job, word, step.Uses, step.Run)
					}
				}
			}
		}
	}
	if able != 2 {
		t.Errorf("got %d jobs that may ask for a token, want 2: diff and deploy", able)
	}
}
