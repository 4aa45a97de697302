package local

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/local/apigateway"
	"visitplannr/internal/local/lambda"
	"visitplannr/internal/local/watch"
	"visitplannr/internal/settings"
)

// functions are the API's functions as Lambda runs them: each is built and runs behind
// the Runtime API.
type functions struct {
	root     string // of the module
	dir      string // of the builds
	builds   int
	debug    bool
	running  map[string]*function // by name
	log      io.Writer
	doing    func(string) func()
	observer Observer
}

// function is one function: its processes, and the code that they run.
type function struct {
	*lambda.Runtime
	code []byte
}

// debugTimeout is longer than anybody stays at a breakpoint.
const debugTimeout = 24 * time.Hour

// startFunctions builds the functions and starts a process of each, so that one that
// fails to start is reported at once. They build into dir.
func startFunctions(ctx context.Context, cfg Config, db Database, dir string) (_ *functions, err error) {
	root, err := gobuild.ModuleRoot(cmp.Or(cfg.Dir, "."))
	if err != nil {
		return nil, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil { // as the watch names files
		return nil, fmt.Errorf("module: %w", err)
	}
	f := &functions{root: root, dir: dir, debug: cfg.Debug, running: map[string]*function{}, log: cfg.Log, doing: cfg.Doing, observer: cfg.Observer}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	var names []string
	for _, e := range cfg.Endpoints {
		names = append(names, e.Function)
	}
	built, err := f.build(ctx, names)
	if err != nil {
		return nil, err
	}
	for _, e := range cfg.Endpoints {
		timeout := settings.FunctionTimeout
		if cfg.Debug {
			timeout = debugTimeout
		}
		runtime, err := lambda.New(lambda.Config{
			Bootstrap:    built[e.Function].path,
			Env:          db.environment(e.Function, cfg.Settings.Environment(e, cfg.Table)),
			MemoryMB:     cfg.Settings.MemoryMiB,
			Concurrency:  cfg.Concurrency,
			Timeout:      timeout,
			Grace:        stopTimeout,
			FunctionName: e.Function,
			Logs:         io.MultiWriter(cfg.Log, cfg.Observer.Log(e.Function)),
		})
		if err != nil {
			return nil, err
		}
		f.running[e.Function] = &function{Runtime: runtime}
	}
	if cfg.Faults != nil {
		cfg.Faults.Kills(func(trace string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(f.running)), func(r *function) bool { return r.Kill(trace) })
		})
	}
	return f, f.swap(ctx, built)
}

// invokers returns the functions as the gateway calls them.
func (f *functions) invokers() map[string]apigateway.Invoker {
	invokers := map[string]apigateway.Invoker{}
	for name, running := range f.running {
		invokers[name] = observed{running, name, f.observer}
	}
	return invokers
}

// built is an executable and its bytes.
type built struct {
	path string
	code []byte
}

// build builds functions from the current sources, into a new directory each time,
// since the last build may be running.
func (f *functions) build(ctx context.Context, names []string) (map[string]built, error) {
	f.builds++
	all := map[string]built{}
	for _, name := range names {
		f.observer.Building(name)
		done := f.doing("Compiling " + name + " (about a minute the first time)")
		path, err := gobuild.Local(ctx, f.root, name, filepath.Join(f.dir, strconv.Itoa(f.builds), name), f.debug)
		done()
		f.observer.Built(name, err)
		if err != nil {
			return nil, err
		}
		code, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the build of %s: %w", name, err)
		}
		all[name] = built{path, code}
	}
	return all, nil
}

// swap replaces the functions whose code has changed. If the new code does not start,
// the last good code keeps serving.
func (f *functions) swap(ctx context.Context, builds map[string]built) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(builds)) {
		running, build := f.running[name], builds[name]
		if bytes.Equal(running.code, build.code) {
			continue
		}
		done := f.doing("Starting " + name)
		err := running.Swap(ctx, build.path)
		done()
		f.observer.Serving(name, err)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		running.code = build.code
		if f.debug {
			for _, pid := range running.Processes() {
				fmt.Fprintf(f.log, "To debug %s: dlv attach %d\n", name, pid)
			}
		}
	}
	return errors.Join(errs...)
}

// Close lets the functions' processes finish what they are doing and ends them.
func (f *functions) Close() error {
	var errs []error
	for _, running := range f.running {
		errs = append(errs, running.Close())
	}
	return errors.Join(errs...)
}

// settle is how long the sources must be quiet before a build: an editor, or git,
// writes many files in a burst.
const settle = 150 * time.Millisecond

// follow rebuilds and swaps the functions whenever their sources change. While sources
// do not build or start, the last good code keeps serving. This process cannot swap its
// own code: a change to that is reported as needing a restart. follow returns a
// function that ends the watch and waits until it has ended.
func (f *functions) follow(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	changes, err := watch.Changes(ctx, f.root, settle)
	if err != nil {
		fmt.Fprintf(f.log, "The sources are not watched, so a change needs a restart: %v\n", err)
		return cancel
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for change := range changes {
			if ctx.Err() == nil {
				f.rebuild(ctx, change)
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// rebuild handles one change for follow.
func (f *functions) rebuild(ctx context.Context, change watch.Change) {
	began := time.Now()
	if change.Err != nil {
		fmt.Fprintf(f.log, "Some changes may go unnoticed: %v\n", change.Err)
	}
	fmt.Fprintf(f.log, "%s changed: building.\n", strings.Join(f.relative(change.Files), ", "))
	builds, err := f.build(ctx, slices.Collect(maps.Keys(f.running)))
	if err == nil {
		err = f.swap(ctx, builds)
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		fmt.Fprintf(f.log, "%v\nThe last good build keeps serving.\n", err)
	default:
		fmt.Fprintf(f.log, "The functions now serve the new sources, after %v.\n", time.Since(began).Round(time.Millisecond))
	}
	if stale := f.stale(ctx, change.Files); len(stale) > 0 {
		fmt.Fprintf(f.log, "Restart to apply the change of %s: the gateway and the engine still run the old code.\n",
			strings.Join(f.relative(stale), ", "))
	}
}

// stale returns the files whose change this process does not pick up: those of packages
// that only it is built from, and those of the contract, which it shares with the
// functions.
func (f *functions) stale(ctx context.Context, files []string) []string {
	var paths []string
	for name := range f.running {
		paths = append(paths, gobuild.FunctionPackage(name))
	}
	ours, err := gobuild.Packages(ctx, f.root, "cmd/visitplannr")
	theirs, err2 := gobuild.Packages(ctx, f.root, paths...)
	if errors.Join(err, err2) != nil {
		return files // unknown, so all of them
	}
	return slices.DeleteFunc(slices.Clone(files), func(file string) bool {
		dir := filepath.Dir(file)
		for !ours[dir] && !theirs[dir] && dir != f.root && filepath.Ext(file) != ".go" {
			dir = filepath.Dir(dir) // what is embedded belongs to a package above it
		}
		switch name := filepath.Base(file); {
		case name == "go.mod", name == "go.sum", dir == filepath.Join(f.root, "internal", "contract"):
			return false
		case theirs[dir]:
			return true
		default:
			return !ours[dir]
		}
	})
}

// relative returns the files as seen from the module's root.
func (f *functions) relative(files []string) []string {
	var short []string
	for _, file := range files {
		if relative, err := filepath.Rel(f.root, file); err == nil {
			file = relative
		}
		short = append(short, file)
	}
	return short
}
