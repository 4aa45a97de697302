// Package recipes does to a copy of the module what CONTRIBUTING.md says, word by
// word. It takes minutes: go test ./test/recipes -recipes -timeout 30m
package recipes

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
	"visitplannr/test/check"
	"visitplannr/test/generated"
)

var all = flag.Bool("recipes", false, "do every recipe of CONTRIBUTING.md to a copy of the module; takes minutes")

// A recipe is a heading of CONTRIBUTING.md and the numbered steps below it.
type recipe struct {
	title string
	steps []step
}

// A step changes files or runs a command. Leaving it out makes the tests fail with
// the words forgotten.
type step struct {
	edits     []edit
	command   string
	forgotten string
}

// An edit replaces the lines old, which are there once, by the lines new; without old
// ones the file is new.
type edit struct{ file, old, new string }

var (
	heading   = regexp.MustCompile(`^### (.+)$`)
	number    = regexp.MustCompile(`^\d+\. `)
	forgotten = regexp.MustCompile("^   Forgotten: `(.+)`$")
)

func readRecipes(t *testing.T, root string) []recipe {
	t.Helper()
	text := check.Value(os.ReadFile(filepath.Join(root, "CONTRIBUTING.md")))(t)
	_, text2, found := strings.Cut(string(text), "\n## Recipes\n")
	if !found {
		t.Fatal("CONTRIBUTING.md has no section Recipes")
	}
	var recipes []recipe
	var in string // the kind of the block that the line is in
	for line := range strings.Lines(text2) {
		line = strings.TrimSuffix(line, "\n")
		if title := heading.FindStringSubmatch(line); title != nil {
			recipes = append(recipes, recipe{title: title[1]})
			continue
		}
		if len(recipes) == 0 {
			continue
		}
		r := &recipes[len(recipes)-1]
		if in == "" && number.MatchString(line) {
			r.steps = append(r.steps, step{})
		}
		if len(r.steps) == 0 {
			continue
		}
		s := &r.steps[len(r.steps)-1]
		text := strings.TrimPrefix(line, "   ")
		kind, fence := strings.CutPrefix(text, "```")
		switch {
		case fence && in == "":
			in = kind
		case fence:
			in = ""
		case in == "console":
			s.command = strings.TrimPrefix(text, "$ ")
		case in == "diff":
			s.readDiff(text)
		case forgotten.MatchString(line):
			s.forgotten = forgotten.FindStringSubmatch(line)[1]
		}
	}
	return recipes
}

func (s *step) readDiff(line string) {
	if file, ok := strings.CutPrefix(line, "--- "); ok {
		s.edits = append(s.edits, edit{file: file})
		return
	}
	e := &s.edits[len(s.edits)-1]
	switch {
	case line == "@@" && e.old+e.new != "":
		s.edits = append(s.edits, edit{file: e.file})
	case line == "@@":
	case strings.HasPrefix(line, "+"):
		e.new += line[1:] + "\n"
	case strings.HasPrefix(line, "-"):
		e.old += line[1:] + "\n"
	default:
		e.old += strings.TrimPrefix(line, " ") + "\n"
		e.new += strings.TrimPrefix(line, " ") + "\n"
	}
}

// isDone reports whether the edit has been applied to the module.
func (e edit) isDone(t *testing.T, module string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(module, e.file))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Contains("\n"+string(text), "\n"+e.new)
}

// applies reports whether the lines that the edit replaces are there.
func (e edit) applies(module string) bool {
	text, err := os.ReadFile(filepath.Join(module, e.file))
	return e.old == "" || err == nil && strings.Contains("\n"+string(text), "\n"+e.old)
}

func (e edit) apply(t *testing.T, module string) {
	t.Helper()
	path := filepath.Join(module, e.file)
	if e.old == "" {
		check.OK(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if _, err := os.Stat(path); err == nil {
			t.Fatalf("%s is there already", e.file)
		}
		check.OK(t, os.WriteFile(path, []byte(e.new), 0o644))
		return
	}
	text := check.Value(os.ReadFile(path))(t)
	if n := strings.Count("\n"+string(text), "\n"+e.old); n != 1 {
		t.Fatalf("a recipe in CONTRIBUTING.md changes these lines of %s, which has them %d times, not once; bring the recipe up to date:\n%s", e.file, n, e.old)
	}
	check.OK(t, os.WriteFile(path, []byte(strings.Replace("\n"+string(text), "\n"+e.old, "\n"+e.new, 1)[1:]), 0o644))
}

// copyModule makes dir a copy of the module, as git would check it out, at the same
// place each time so that the go command need not compile again what is the same.
func copyModule(t *testing.T, root, dir string) {
	t.Helper()
	check.OK(t, os.RemoveAll(dir))
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		skip := func(err error) error {
			if err == nil && entry.IsDir() {
				return filepath.SkipDir
			}
			return err
		}
		switch name {
		case ".git", "build", "cdk.out":
			return skip(nil)
		case "node_modules":
			return skip(os.Symlink(path, filepath.Join(dir, name)))
		}
		if entry.IsDir() {
			return os.MkdirAll(filepath.Join(dir, name), 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o644)
	})
	check.OK(t, err)
}

// run runs a line of the shell in dir, and returns what it printed.
func run(t *testing.T, dir, line string) (string, error) {
	t.Helper()
	began := time.Now()
	output, err := program.Command(t.Context(), dir, "sh", "-c", line).CombinedOutput()
	t.Logf("%s: %v, %v", line, time.Since(began).Round(time.Second), err)
	return string(output), err
}

// quick are the tests that tell what was forgotten, in the order of their speed.
var quick = []string{
	"go vet ./internal/... ./functions/... ./cmd/... ./stacks/... .",
	"go test ./internal/contract ./internal/destination ./internal/openapi ./internal/settings ./internal/httpapi/...",
	"go test ./test/e2e -run 'Golden|Retry'",
	"go test ./internal/local -run TestRun",
	"go test ./test -run 'Alarms|Template'",
}

// What the recipes change is there as they quote it. This costs nothing, so it runs
// always.
func TestRecipesFitTheSources(t *testing.T) {
	root := check.Value(gobuild.ModuleRoot("."))(t)
	for _, r := range readRecipes(t, root) {
		t.Run(r.title, func(t *testing.T) {
			t.Parallel()
			module := t.TempDir()
			copyModule(t, root, module)
			if len(r.steps) < 2 {
				t.Fatalf("got %d steps", len(r.steps))
			}
			for i, s := range r.steps {
				if s.forgotten == "" && i > 0 || len(s.edits) == 0 && s.command == "" {
					t.Errorf("step %d does nothing, or does not say what tells that it was forgotten", i+1)
				}
				for _, e := range s.edits {
					if !e.isDone(t, module) { // by whoever followed the recipe here
						e.apply(t, module)
					}
				}
			}
		})
	}
}

func TestRecipesWorkWordByWord(t *testing.T) {
	if !*all {
		t.Skip("takes minutes: run it with -recipes")
	}
	root := check.Value(gobuild.ModuleRoot("."))(t)
	module := filepath.Join(t.TempDir(), "visitplannr")
	recipes := readRecipes(t, root)
	if len(recipes) != 8 {
		t.Fatalf("CONTRIBUTING.md has %d recipes, want 8", len(recipes))
	}

	for _, r := range recipes {
		for omitted := range r.steps {
			if r.steps[omitted].forgotten == "" {
				continue // it is the change, and without it there is nothing to do
			}
			t.Run(fmt.Sprintf("%s without step %d", r.title, omitted+1), func(t *testing.T) {
				copyModule(t, root, module)
				for i, s := range r.steps {
					if i == omitted {
						continue
					}
					for _, e := range s.edits {
						if i < omitted || e.applies(module) { // or it changes what the step adds
							e.apply(t, module)
						}
					}
					if s.command != "" {
						_, _ = run(t, module, generated.Command) // fails where a step is missing
					}
				}
				want := r.steps[omitted].forgotten
				var printed strings.Builder
				for _, line := range quick {
					output, err := run(t, module, line)
					printed.WriteString(output)
					if err != nil && strings.Contains(output, want) {
						return
					}
				}
				t.Errorf("nothing said %q; the tests printed\n%s", want, printed.String())
			})
		}
	}

	t.Run("all of them, one after the other", func(t *testing.T) {
		copyModule(t, root, module)
		do(t, module, recipes, generated.Command, "go test ./internal/openapi ./internal/settings ./internal/local/apigateway ./test")
		for file, wants := range map[string][]string{
			"docs/openapi.yaml":        {"/version:", "/destination:", "website:", "/streams/{name}:", "no-such-stream", "later-release"},
			"test/snapshots/prod.json": {"visitplannr-prod-show-version-errors", "show-version: outcomes", "visitplannr-prod-api-rush", `"EphemeralStorage"`, `"MemorySize": 768`, "dynamodb:Query"},
			"docs/configuration.md":    {"`storageMiB`"},
		} {
			for _, want := range wants {
				text, err := os.ReadFile(filepath.Join(module, file))
				if err != nil || !strings.Contains(string(text), want) {
					t.Errorf("%s: %v; want %s in it", file, err, want)
				}
			}
		}
	})
}

// do does recipes, and then runs tests, which must pass.
func do(t *testing.T, module string, recipes []recipe, tests ...string) {
	t.Helper()
	for _, r := range recipes {
		for _, s := range r.steps {
			for _, e := range s.edits {
				e.apply(t, module)
			}
		}
	}
	for _, line := range append([]string{"test -z \"$(gofmt -l app.go cmd functions internal stacks test)\""}, tests...) {
		if output, err := run(t, module, line); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, output)
		}
	}
}
