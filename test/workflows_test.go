package test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
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
		text := check.Value(os.ReadFile(file))(t)
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[filepath.Base(file)] = w
	}
	return found
}

// What an installation, a test or a pull request runs must be able to write nothing, nor
// become the role that deploys.
func TestJobsThatMayWriteRunNothingOfTheRepository(t *testing.T) {
	t.Parallel()
	var able []string
	for name, w := range workflows(t) {
		for job, j := range w.Jobs {
			if !slices.Contains(slices.Collect(maps.Values(j.Permissions)), "write") {
				continue
			}
			able = append(able, name+" "+job)
			for _, step := range j.Steps {
				for _, word := range []string{"npm ", "npx ", "go ", "pip ", "actions/setup-", "actions/checkout", "actions/cache"} {
					if strings.Contains(step.Run+" "+step.Uses, word) {
						t.Errorf("%s, job %s: got %q in a step: %s%s", name, job, word, step.Uses, step.Run)
					}
				}
			}
		}
	}
	slices.Sort(able)
	if want := []string{"ci.yml comment", "deploy.yml deploy", "deploy.yml diff"}; !slices.Equal(able, want) {
		t.Errorf("got %q that may write, want %q", able, want)
	}
}
