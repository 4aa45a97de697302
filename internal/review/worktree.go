package review

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"visitplannr/internal/program"
)

// repository is the git repository that the module at root is in.
type repository struct {
	root    string
	dir     string // git's own, which linked work trees share
	prefix  string // the module's path in the repository; "" is the top
	shallow bool
}

// openRepository returns git's reason if root is in no repository, or in one that git
// does not trust.
func openRepository(ctx context.Context, root string) (repository, error) {
	output, err := program.Output(program.Git(ctx, root, "rev-parse", "--path-format=absolute", "--git-common-dir", "--is-shallow-repository", "--show-prefix"))
	if err != nil {
		return repository{}, fmt.Errorf("find the repository of %s: %w", root, err)
	}
	lines := append(strings.Split(output, "\n"), "") // at the top the prefix is empty, and trimmed
	return repository{root, lines[0], lines[2], lines[1] == "true"}, nil
}

// resolve returns the id of a commit, branch or tag.
func (r repository) resolve(ctx context.Context, name string) (string, error) {
	id, err := program.Output(program.Git(ctx, r.root, "rev-parse", "--verify", "--end-of-options", name+"^{commit}"))
	if err == nil {
		return id, nil
	}
	err = fmt.Errorf("%q is not a commit, branch or tag of this repository: %w", name, err)
	if r.shallow {
		err = fmt.Errorf("%w\nThis clone is shallow. To get the rest of it, run: git fetch --unshallow", err)
	}
	return "", err
}

// tree holds the files of a commit. It is not registered as a work tree with git, so it
// leaves nothing in the repository. It stays in the user's cache at a path that the next
// run takes again, because the go command finds in its cache what was built there.
type tree struct {
	dir     string // of the module
	scratch string // an empty directory for what this run writes
	lock    *flock.Flock
}

const (
	treesFolder = "visitplannr/review"
	unusedFor   = 7 * 24 * time.Hour // until a tree is removed
)

// checkOut returns the files of a commit, branch or tag for this process alone, until it
// releases them: another that needs the same commit gets another copy. The operating
// system ends the lock of a process that is killed, and what that left is removed here.
// ErrNoApp says that the commit has nothing to synthesize.
func (r repository) checkOut(ctx context.Context, name string) (_ *tree, err error) {
	commit, err := r.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	trees, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("a place for the files of %s: %w", name, err)
	}
	trees = filepath.Join(trees, filepath.FromSlash(treesFolder))
	if err := os.MkdirAll(trees, 0o700); err != nil {
		return nil, fmt.Errorf("a place for the files of %s (XDG_CACHE_HOME names another): %w", name, err)
	}
	sweep(trees)
	for n := 1; ; n++ {
		slot := filepath.Join(trees, fmt.Sprintf("%.8x-%.12s-%d", sha256.Sum256([]byte(r.dir)), commit, n))
		t := &tree{filepath.Join(slot, "tree", r.prefix), filepath.Join(slot, "scratch", rand.Text()), flock.New(slot + ".lock")}
		switch free, err := t.lock.TryLock(); {
		case err != nil:
			return nil, fmt.Errorf("lock %s: %w", slot, err)
		case !free:
			continue
		}
		if err := r.fill(ctx, slot, commit, t.scratch); err != nil {
			t.release()
			return nil, fmt.Errorf("check out %s: %w", name, err)
		}
		if _, err := os.Stat(filepath.Join(t.dir, "cdk.json")); err != nil {
			t.release()
			return nil, fmt.Errorf("%w: %s (%.12s) has no %scdk.json", ErrNoApp, name, commit, r.prefix)
		}
		return t, nil
	}
}

// fill makes the tree of a slot hold exactly the files of the commit, and makes an empty
// scratch directory. Its name is new, and those of earlier runs need not go now: what a
// killed run started may still write there, and the CDK's lock on its output is its own.
func (r repository) fill(ctx context.Context, slot, commit, scratch string) error {
	dir, index := filepath.Join(slot, "tree"), filepath.Join(slot, "index")
	now := time.Now()
	_ = os.RemoveAll(filepath.Dir(scratch))
	if err := errors.Join(os.Chtimes(slot+".lock", now, now), os.RemoveAll(index+".lock"),
		os.MkdirAll(dir, 0o700), os.MkdirAll(scratch, 0o700)); err != nil {
		return err
	}
	for _, args := range [][]string{{"read-tree", "--reset", "-u", "--no-sparse-checkout", commit}, {"clean", "-ffdxq"}} {
		git := program.Git(ctx, dir, append([]string{"--git-dir", r.dir, "--work-tree", dir}, args...)...)
		git.Env = append(git.Env, "GIT_INDEX_FILE="+index)
		if _, err := program.Output(git); err != nil {
			return err
		}
	}
	return nil
}

// kept is where the next run finds what was made from the commit alone.
func (t *tree) kept() string { return filepath.Join(filepath.Dir(filepath.Dir(t.scratch)), "kept") }

func (t *tree) release() {
	_ = os.RemoveAll(filepath.Dir(t.scratch)) // or the next run does
	_ = t.lock.Unlock()
}

// sweep removes what runs left that were killed, and trees that were not used for long.
// Their locks stay, since a process may have the file open to lock it. Nothing depends on
// its success.
func sweep(trees string) {
	locks, _ := filepath.Glob(filepath.Join(trees, "*.lock"))
	for _, name := range locks {
		slot := strings.TrimSuffix(name, ".lock")
		left := filepath.Join(slot, "scratch")
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > unusedFor {
			left = slot
		}
		lock := flock.New(name)
		if _, err := os.Stat(left); err != nil {
			continue
		}
		if free, _ := lock.TryLock(); free {
			_ = os.RemoveAll(left)
			_ = lock.Unlock()
		}
	}
}
