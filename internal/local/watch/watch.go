// Package watch tells when the Go source of a module changes, so that what is
// built from it can be built again.
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

// A Change is what happened to the source between two times of quiet.
type Change struct {
	// Files are the paths that were written, created, removed or renamed, sorted,
	// each below root with its symbolic links resolved. A directory stands for
	// whatever was in it.
	Files []string

	// Err says why some changes may have gone unnoticed, nil if none have.
	Err error
}

// Changes watches all source files below the directory root: those that a build
// reads, which are *.go without tests, go.mod, go.sum, and what a program may embed,
// going by the ending. Like the go command it passes over testdata and names that
// begin with "." or "_", which most temporary files of editors do, and over the
// output directories build, cdk.out and node_modules. Symbolic links to directories
// are not followed.
//
// A Change comes once no file has changed for the time quiet, so that a save or a
// checkout of many files is one Change. While nobody receives, changes add up to one.
//
// When ctx ends, the watch ends and then the channel is closed. The error says
// that root cannot be watched.
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

// gather adds up what is seen until nothing more has been for the time quiet, and
// somebody receives it. It ends, and closes changes, when seen is closed.
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

// A tree is the directories below root, each watched by itself: that is all that
// the operating systems offer in common.
type tree struct {
	notifier *fsnotify.Watcher
	root     string
	dirs     map[string]bool
}

// follow sends what happens in the tree to seen until ctx ends.
func (t *tree) follow(ctx context.Context, seen chan<- Change) {
	for {
		var change Change
		select {
		case <-ctx.Done():
			return
		case event := <-t.notifier.Events:
			change = t.see(event)
		case err := <-t.notifier.Errors:
			// Events were lost, creations of directories perhaps among them.
			_, addErr := t.add(t.root)
			change = Change{Files: []string{t.root}, Err: errors.Join(err, addErr)}
		}
		if len(change.Files) > 0 || change.Err != nil {
			seen <- change
		}
	}
}

// see keeps the watched directories up to date and returns what matters of event.
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

// add watches dir and all directories below, and returns the source files that
// are there already: those of a new directory may be older than its watch.
func (t *tree) add(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != t.root {
			return nil // removed while we look
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
		// WalkDir reads the directory after this, so no file is missed in between.
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

// hidden reports whether the go command takes no notice of a name.
func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}
