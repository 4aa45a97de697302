// Package watch reports changes of a module's Go source, so that what is built from it
// can be rebuilt.
package watch

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
	"time"

	"github.com/fsnotify/fsnotify"
)

// A Change is what happened to the source between two quiet periods.
type Change struct {
	// Files are the paths that were written, created, removed or renamed, sorted, each
	// below root with its symbolic links resolved. A directory stands for all files in
	// it.
	Files []string

	// Err says why some changes may have gone unnoticed, nil if none have.
	Err error
}

// Changes watches the source files below the directory root that a build reads: *.go
// without tests, go.mod and go.sum, and files that a program may embed, by their
// ending. Like the go command it ignores testdata and names that begin with "." or
// "_", as most editors' temporary files do. It also ignores the output directories
// build, cdk.out and node_modules, and does not follow symbolic links to directories.
//
// A Change is sent when no file has changed for the duration quiet, so that saving or
// checking out many files is one Change. While nobody receives, changes are merged into
// one.
//
// When ctx ends, the watch ends and the channel is closed. The error says that root
// cannot be watched.
func Changes(ctx context.Context, root string, quiet time.Duration) (<-chan Change, error) {
	resolved, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	if !isDir(resolved) {
		return nil, fmt.Errorf("watch %s: not a directory: name the module's root", root)
	}
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", root, err)
	}
	t := &tree{notifier: notifier, root: resolved, dirs: map[string]bool{}}
	if _, err := t.add(t.root); err != nil {
		_ = notifier.Close()
		return nil, fmt.Errorf("watch %s: %w (on Linux, fs.inotify.max_user_watches limits the directories)", root, err)
	}
	seen, changes := make(chan Change), make(chan Change)
	go func() {
		defer close(seen)
		defer notifier.Close()
		t.follow(ctx, seen)
	}()
	go gather(seen, changes, quiet)
	return changes, nil
}

// gather merges what is seen until nothing more is seen for the duration quiet and
// somebody receives the result. It closes changes and ends when seen is closed.
func gather(seen <-chan Change, changes chan<- Change, quiet time.Duration) {
	defer close(changes)
	settled := time.NewTimer(quiet)
	settled.Stop()
	files, errs := map[string]bool{}, []error(nil)
	var next Change
	var receiver chan<- Change // nil unless next is ready to be received
	for {
		select {
		case change, ok := <-seen:
			if !ok {
				return
			}
			for _, file := range change.Files {
				files[file] = true
			}
			if change.Err != nil {
				errs = append(errs, change.Err)
			}
			receiver = nil
			settled.Reset(quiet)
		case <-settled.C:
			next = Change{Files: slices.Sorted(maps.Keys(files)), Err: errors.Join(errs...)}
			receiver = changes
		case receiver <- next:
			clear(files)
			errs, receiver = nil, nil
		}
	}
}

// A tree is the set of directories below root. Each is watched separately, because only
// that works on all operating systems.
type tree struct {
	notifier *fsnotify.Watcher
	root     string
	dirs     map[string]bool
}

// follow sends the changes in the tree to seen until ctx ends.
func (t *tree) follow(ctx context.Context, seen chan<- Change) {
	for {
		var change Change
		select {
		case <-ctx.Done():
			return
		case event := <-t.notifier.Events:
			change = t.see(event)
		case err := <-t.notifier.Errors:
			// Events were lost, perhaps about new directories.
			_, addErr := t.add(t.root)
			change = Change{Files: []string{t.root}, Err: errors.Join(err, addErr)}
		}
		if len(change.Files) > 0 || change.Err != nil {
			seen <- change
		}
	}
}

// see keeps the watched directories up to date and returns the source files of event.
func (t *tree) see(event fsnotify.Event) Change {
	path := event.Name
	switch {
	case event.Has(fsnotify.Create) && isDir(path):
		if ignoredDir(path) {
			return Change{}
		}
		files, err := t.add(path)
		return Change{Files: files, Err: err}
	case event.Has(fsnotify.Remove|fsnotify.Rename) && t.dirs[path]:
		delete(t.dirs, path)
		return Change{Files: []string{path}}
	case event.Op == fsnotify.Chmod || !isSource(path):
		return Change{}
	}
	return Change{Files: []string{path}}
}

// add watches dir and all directories below, and returns their existing source files:
// in a new directory they may be older than its watch.
func (t *tree) add(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != t.root {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		if !entry.IsDir() {
			if isSource(path) {
				files = append(files, path)
			}
			return nil
		}
		if path != t.root && ignoredDir(path) {
			return fs.SkipDir
		}
		// WalkDir reads the directory only after this, so no file is missed.
		if err := t.notifier.Add(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		t.dirs[path] = true
		return nil
	})
	return files, err
}

func isDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

func ignoredDir(path string) bool {
	switch name := filepath.Base(path); name {
	case "build", "cdk.out", "node_modules", "testdata":
		return true
	default:
		return hidden(name)
	}
}

// isSource reports whether a build can depend on the file, going by its name.
func isSource(path string) bool {
	name := filepath.Base(path)
	if name == "go.mod" || name == "go.sum" {
		return true
	}
	return slices.Contains(endings, filepath.Ext(name)) && !strings.HasSuffix(name, "_test.go") && !hidden(name)
}

// endings are those of sources and of the files that they embed.
var endings = []string{".go", ".html", ".css", ".js", ".json", ".txt"}

// hidden reports whether the go command ignores a name.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
