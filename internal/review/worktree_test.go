package review_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"visitplannr/internal/program"
	"visitplannr/internal/review"
	"visitplannr/test/check"
)

// runDiff makes this program print the difference of its directory from the commit that
// the variable names, as the command line does.
const runDiff = "REVIEW_TEST_DIFF"

func TestMain(m *testing.M) {
	base, asked := os.LookupEnv(runDiff)
	if !asked {
		os.Exit(testInCache(m))
	}
	report, err := review.Diff(context.Background(), review.Options{Root: ".", Base: base, Stages: []string{"dev"}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Print(report.Text())
}

// testInCache runs the tests with a folder of their own for the user's caches, but not
// for Go's.
func testInCache(m *testing.M) int {
	caches, err := os.UserCacheDir()
	if err != nil {
		panic(err)
	}
	own, err := os.MkdirTemp("", "visitplannr-review-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(own)
	if err := errors.Join(os.Setenv("GOCACHE", cmp.Or(os.Getenv("GOCACHE"), filepath.Join(caches, "go-build"))), os.Setenv("XDG_CACHE_HOME", own)); err != nil {
		panic(err)
	}
	return m.Run()
}

// inCache returns what is at this place in the files of each commit.
func inCache(t *testing.T, name string) []string {
	t.Helper()
	cache := check.Value(os.UserCacheDir())(t)
	return check.Value(filepath.Glob(filepath.Join(cache, "visitplannr", "review", "*", name)))(t)
}

func wantNothingLeftOver(t *testing.T) {
	t.Helper()
	if left := inCache(t, "scratch"); left != nil {
		t.Errorf("got temporary files left over: %s", left)
	}
}

var (
	opened = strings.Replace(template, "AWS_IAM", "NONE", 1)
	opens  = `AuthorizationType: "AWS_IAM" -> "NONE"`
)

// A hook runs with variables that name its repository and its index.
func TestDiffInAHookLeavesTheRepositoryAlone(t *testing.T) {
	for name, c := range map[string]struct {
		linked bool
		hook   string
		env    []string
		run    func(t *testing.T, git func(args ...string)) // makes git run the hook
	}{
		"git commit -a":                       {false, "pre-commit", nil, func(_ *testing.T, git func(...string)) { git("commit", "-qam", "x") }},
		"git commit -a in a linked work tree": {true, "pre-commit", nil, func(_ *testing.T, git func(...string)) { git("commit", "-qam", "x") }},
		"git commit of one file":              {true, "pre-commit", nil, func(_ *testing.T, git func(...string)) { git("commit", "-qm", "x", "--", "template.json") }},
		"git commit with the caller's variables": {false, "pre-commit", []string{
			"GIT_WORK_TREE=.", "GIT_DIR=.git", "GIT_INDEX_FILE=.git/index", "GIT_OBJECT_DIRECTORY=.git/objects", "GIT_PREFIX=below/", "GIT_NAMESPACE=n",
			"GIT_CEILING_DIRECTORIES=/", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.worktree", "GIT_CONFIG_VALUE_0=..", "GIT_LITERAL_PATHSPECS=1", "CDPATH=/",
		}, func(_ *testing.T, git func(...string)) { git("commit", "-qam", "x") }},
		"git push": {true, "pre-push", nil, func(t *testing.T, git func(...string)) {
			git("commit", "-qam", "x")
			other := t.TempDir()
			git("init", "-q", "--bare", other)
			git("push", "-q", other, "HEAD:refs/heads/pushed")
		}},
		"git checkout": {true, "post-checkout", nil, func(_ *testing.T, git func(...string)) {
			git("commit", "-qam", "x")
			git("checkout", "-q", "--detach")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := repository(t)
			if c.linked {
				cdk := filepath.Join(dir, "node_modules")
				dir = filepath.Join(t.TempDir(), "a linked work tree")
				git(t, filepath.Dir(cdk), "worktree", "add", "-q", "-b", "linked", dir)
				check.OK(t, os.Rename(cdk, filepath.Join(dir, "node_modules")))
			}
			report := filepath.Join(t.TempDir(), "report")
			hook := filepath.Join(git(t, dir, "rev-parse", "--path-format=absolute", "--git-common-dir"), "hooks", c.hook)
			// This package's own tests, which make repositories, are run by hooks too.
			write(t, hook, fmt.Sprintf("#!/bin/sh\n%s=base '%[2]s' >'%[3]s' 2>&1\n'%[2]s' -test.run '^TestDiff$/nothing' >>'%[3]s' 2>&1\n", runDiff, os.Args[0], report))
			write(t, filepath.Join(dir, "template.json"), opened)

			c.run(t, func(args ...string) {
				t.Helper()
				cmd := program.Command(t.Context(), dir, "git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.org",
					"-c", "commit.gpgsign=false"}, args...)...)
				cmd.Env = append(cmd.Env, c.env...)
				if _, err := program.Output(cmd); err != nil {
					t.Fatalf("git %v: %v", args, err)
				}
			})

			got, err := os.ReadFile(report)
			if err != nil || strings.Count(string(got), opens) != 1 || !strings.HasSuffix(string(got), "PASS\n") {
				t.Errorf("the hook printed %q, %v; want, once, %s, and that the tests pass", got, err, opens)
			}
			if stat, want := git(t, dir, "diff", "--shortstat", "base", "HEAD"), "1 file changed, 1 insertion(+), 1 deletion(-)"; stat != want {
				t.Errorf("got a commit of %q, want the edit alone: %q", stat, want)
			}
			if status := git(t, dir, "status", "--porcelain"); status != "" {
				t.Errorf("got status %q, want the commit to hold all", status)
			}
			if bare := git(t, dir, "config", "core.bare"); bare != "false" {
				t.Errorf("got core.bare %s, want false", bare)
			}
			if trees, want := strings.Count(git(t, dir, "worktree", "list")+"\n", "\n"), map[bool]int{false: 1, true: 2}[c.linked]; trees != want {
				t.Errorf("got %d work trees, want %d", trees, want)
			}
			wantNothingLeftOver(t)
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	check.OK(t, errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o755)))
}

func TestDiffOfAnyRepository(t *testing.T) {
	diff := func(t *testing.T, dir, base, head string) (string, error) {
		t.Helper()
		report, err := review.Diff(t.Context(), review.Options{Root: dir, Base: base, Head: head, Stages: []string{"dev"}})
		if err != nil {
			return "", err
		}
		return report.Text(), nil
	}
	wantOpened := func(t *testing.T, got string, err error) {
		t.Helper()
		if err != nil || strings.Count(got, opens) != 1 {
			t.Errorf("got %q, %v; want, once, %s", got, err, opens)
		}
	}

	t.Run("compares two commits, whatever the work tree holds", func(t *testing.T) {
		dir, put := repository(t)
		put("template.json", opened)
		commit(t, dir, "opened")
		put("template.json", "{}")
		got, err := diff(t, dir, "base", "opened")
		wantOpened(t, got, err)
		if got, err := diff(t, dir, "base", "base"); err != nil || !strings.HasPrefix(got, "dev: no changes\n") {
			t.Errorf("a commit and itself: got %q, %v; want no changes", got, err)
		}
		if _, err := diff(t, dir, "base", "empty"); !errors.Is(err, review.ErrNoApp) || !strings.Contains(err.Error(), "empty (") {
			t.Errorf("got %v, want %v, and which commit", err, review.ErrNoApp)
		}
		if _, err := diff(t, dir, "base", "nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense" is not a commit`) {
			t.Errorf("got %v, want the name", err)
		}
		wantNothingLeftOver(t)
	})

	t.Run("lets two run at once, and clears up after one that was killed", func(t *testing.T) {
		dir, put := repository(t)
		put("template.json", opened)
		several := func() {
			var group sync.WaitGroup
			for range 4 {
				group.Go(func() {
					got, err := diff(t, dir, "base", "")
					wantOpened(t, got, err)
				})
			}
			group.Wait()
		}
		outputs := func() []string {
			text := check.Value(os.ReadFile(filepath.Join(dir, "node_modules", ".bin", "cdk.used")))(t)
			return strings.Fields(string(text))
		}
		several()
		before := outputs()
		trees := inCache(t, "tree")
		if len(trees) == 0 {
			t.Fatal("got no trees, want those that the next run takes again")
		}
		for _, tree := range trees {
			write(t, filepath.Join(tree, "template.json"), "changed")
			write(t, filepath.Join(tree, "dev.json"), "left")
			write(t, filepath.Join(filepath.Dir(tree), "index.lock"), "left")
			write(t, filepath.Join(filepath.Dir(tree), "scratch", "old", "dev"), "left")
		}
		several()
		wantNothingLeftOver(t)
		for _, output := range outputs()[len(before):] {
			if slices.Contains(before, output) {
				t.Errorf("got the output %s again, want another: what a killed run started may still lock it", output)
			}
		}

		for _, tree := range trees {
			check.OK(t, os.Chtimes(filepath.Dir(tree)+".lock", time.Time{}, time.Now().AddDate(0, 0, -8)))
		}
		if _, err := diff(t, dir, "base", "base"); err != nil {
			t.Error(err)
		}
		if kept := inCache(t, "tree"); len(kept) > 2 {
			t.Errorf("got %s, want no trees that nobody used for a week", kept)
		}
	})

	t.Run("finds the module below the top of a repository, at a relative path", func(t *testing.T) {
		dir, put := repository(t)
		put("apps/a b/cdk.json", "{}")
		put("apps/a b/template.json", template)
		put("apps/a b/protected", "true")
		put("apps/a b/node_modules/.bin/cdk", fakeCDK)
		put(".gitignore", "node_modules/\n")
		commit(t, dir, "below")
		put("apps/a b/template.json", opened)
		t.Chdir(filepath.Join(dir, "apps"))
		got, err := diff(t, "a b", "below", "")
		wantOpened(t, got, err)
		if _, err := diff(t, "a b", "base", ""); !errors.Is(err, review.ErrNoApp) || !strings.Contains(err.Error(), "apps/a b/cdk.json") {
			t.Errorf("got %v, want %v, and where it looked", err, review.ErrNoApp)
		}
	})

	t.Run("ignores the user's settings that change what git writes or prints", func(t *testing.T) {
		dir, put := repository(t)
		put("template.json", opened)
		for _, setting := range []string{"core.autocrlf=true", "core.eol=crlf", "core.sparseCheckout=true", "core.fsmonitor=true", "core.splitIndex=true",
			"core.quotePath=true", "color.ui=always", "diff.external=false", "core.pager=false", "core.hooksPath=" + dir} {
			name, value, _ := strings.Cut(setting, "=")
			git(t, dir, "config", name, value)
		}
		put(".git/info/sparse-checkout", "README.md\n")
		put("post-checkout", "#!/bin/sh\nexit 1\n")
		put("post-index-change", "#!/bin/sh\n>ran\n")
		got, err := diff(t, dir, "base", "")
		wantOpened(t, got, err)
		for _, file := range []string{"ran", ".git/ran"} {
			if _, err := os.Stat(filepath.Join(dir, file)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: got %v, want no hook to run", file, err)
			}
		}
		if shared, _ := filepath.Glob(filepath.Join(dir, ".git", "sharedindex.*")); shared != nil {
			t.Errorf("got %s, want nothing written into the repository", shared)
		}
	})

	t.Run("says why git refuses, and what to do", func(t *testing.T) {
		origin, put := repository(t)
		put("template.json", opened)
		commit(t, origin, "opened")
		for name, c := range map[string]struct {
			prepare func(t *testing.T, dir string)
			base    string
			want    []string
		}{
			"a commit that a shallow clone does not have": {func(*testing.T, string) {}, git(t, origin, "rev-parse", "base"), []string{"is not a commit", "git fetch --unshallow"}},
			"a branch without commits": {func(t *testing.T, dir string) { git(t, dir, "checkout", "-q", "--orphan", "unborn") },
				"HEAD", []string{`"HEAD" is not a commit`}},
			"no repository": {func(t *testing.T, dir string) {
				check.OK(t, os.RemoveAll(filepath.Join(dir, ".git")))
			}, "base", []string{"not a git repository"}},
			"another user's repository": {func(t *testing.T, dir string) {
				if err := os.Lchown(dir, 4711, -1); err != nil {
					t.Skip("only root can give a folder to somebody else")
				}
			}, "HEAD", []string{"dubious ownership", "safe.directory"}},
			"no git": {func(t *testing.T, _ string) { t.Setenv("PATH", "/bin-without-git") },
				"HEAD", []string{`"git": executable file not found`, "install git"}},
			"no place for files": {func(t *testing.T, dir string) { t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "README.md")) },
				"HEAD", []string{"not a directory", "XDG_CACHE_HOME"}},
		} {
			t.Run(name, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "clone")
				git(t, origin, "clone", "-q", "--depth=1", "file://"+origin, dir)
				write(t, filepath.Join(dir, "node_modules", ".bin", "cdk"), fakeCDK)
				c.prepare(t, dir)
				_, err := diff(t, dir, c.base, "")
				for _, want := range c.want {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("got %v, want %q", err, want)
					}
				}
			})
		}
	})
}
