package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"visitplannr/test/check"
)

// patience is how long a test waits for what must happen; it never decides
// whether a test passes.
const patience = 30 * time.Second

// module is a watched module in a directory of its own.
type module struct {
	t       *testing.T
	root    string
	changes <-chan Change
	stop    context.CancelFunc
}

func watchModule(t *testing.T) *module {
	t.Helper()
	root := check.Value(filepath.EvalSymlinks(t.TempDir()))(t)
	m := &module{t: t, root: root}
	m.write("go.mod")
	m.write("main.go")
	m.write("internal/domain/domain.go")
	ctx, stop := context.WithCancel(t.Context())
	changes := check.Value(Changes(ctx, m.root, time.Millisecond))(t)
	m.changes, m.stop = changes, stop
	return m
}

func (m *module) path(name string) string { return filepath.Join(m.root, filepath.FromSlash(name)) }

func (m *module) mkdir(name string) {
	m.t.Helper()
	check.OK(m.t, os.MkdirAll(m.path(name), 0o700))
}

func (m *module) write(name string) {
	m.t.Helper()
	m.mkdir(filepath.Dir(name))
	check.OK(m.t, os.WriteFile(m.path(name), []byte("package p\n"), 0o600))
}

func (m *module) rename(from, to string) {
	m.t.Helper()
	check.OK(m.t, os.Rename(m.path(from), m.path(to)))
}

// until collects changes until one names the last file, and returns the names of
// all. Changes come in their order, so nothing earlier is still to come.
func (m *module) until(last string) []string {
	m.t.Helper()
	var names []string
	for deadline := time.After(patience); !slices.Contains(names, last); {
		select {
		case change := <-m.changes:
			if change.Err != nil {
				m.t.Fatal(change.Err)
			}
			for _, file := range change.Files {
				name := check.Value(filepath.Rel(m.root, file))(m.t)
				names = append(names, filepath.ToSlash(name))
			}
		case <-deadline:
			m.t.Fatalf("%s is not reported; got %q", last, names)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestChangesReports(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		do   func(*module)
		last string
		want []string
		also []string // may be reported or not: what is left of an earlier step
	}{
		{
			name: "a written file",
			do:   func(m *module) { m.write("main.go") },
			last: "main.go", want: []string{"main.go"},
		},
		{
			name: "a file in a directory below",
			do:   func(m *module) { m.write("internal/domain/domain.go") },
			last: "internal/domain/domain.go", want: []string{"internal/domain/domain.go"},
		},
		{
			name: "the module's files",
			do:   func(m *module) { m.write("go.mod"); m.write("go.sum") },
			last: "go.sum", want: []string{"go.mod", "go.sum"},
		},
		{
			name: "a save by rename, without the temporary file",
			do:   func(m *module) { m.write(".main.go.tmp1234"); m.rename(".main.go.tmp1234", "main.go") },
			last: "main.go", want: []string{"main.go"},
		},
		{
			name: "a save that keeps a backup",
			do:   func(m *module) { m.rename("main.go", "main.go~"); m.write("main.go") },
			last: "main.go", want: []string{"main.go"},
		},
		{
			name: "a removed file",
			do:   func(m *module) { os.Remove(m.path("main.go")) },
			last: "main.go", want: []string{"main.go"},
		},
		{
			name: "a new file in new directories",
			do:   func(m *module) { m.write("functions/new/main.go") },
			last: "functions/new/main.go", want: []string{"functions/new/main.go"},
		},
		{
			name: "a later file in a new directory",
			do: func(m *module) {
				m.write("functions/new/main.go")
				m.until("functions/new/main.go")
				m.write("functions/new/more.go")
			},
			last: "functions/new/more.go", want: []string{"functions/new/more.go"}, also: []string{"functions/new/main.go"},
		},
		{
			name: "a directory that is moved away, and what is in its new place",
			do:   func(m *module) { m.rename("internal/domain", "internal/destination") },
			last: "internal/destination/domain.go", want: []string{"internal/destination/domain.go", "internal/domain"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := watchModule(t)
			tt.do(m)
			got := slices.DeleteFunc(m.until(tt.last), func(name string) bool { return slices.Contains(tt.also, name) })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestChangesPassesOverWhatNoBuildReads(t *testing.T) {
	t.Parallel()
	m := watchModule(t)
	for _, name := range []string{
		"README.md", "main.go~", "#main.go#", ".#main.go", ".main.go.swp", "4913", "_draft.go",
		"main_test.go", "internal/domain/domain_test.go", "testdata/function/main.go",
		".git/hooks/hook.go", "cdk.out/asset/main.go", "build/main.go", "node_modules/p/p.go",
	} {
		m.write(name)
	}
	check.OK(t, os.Chmod(m.path("main.go"), 0o644))
	m.write("web/index.html") // which a program may embed
	m.write("last.go")
	if got, want := m.until("last.go"), []string{"last.go", "web/index.html"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChangesFollowsARootThatIsALink(t *testing.T) {
	t.Parallel()
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	changes := check.Value(Changes(t.Context(), link, time.Millisecond))(t)
	check.OK(t, os.WriteFile(filepath.Join(dir, "main.go"), nil, 0o600))
	select {
	case change := <-changes:
		if len(change.Files) != 1 || filepath.Base(change.Files[0]) != "main.go" {
			t.Errorf("got %q, want main.go", change.Files)
		}
	case <-time.After(patience):
		t.Fatal("main.go is not reported")
	}
}

func TestChangesNeedsAFolder(t *testing.T) {
	t.Parallel()
	if _, err := Changes(t.Context(), filepath.Join(t.TempDir(), "nowhere"), time.Millisecond); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nowhere: got %v, want os.ErrNotExist", err)
	}
	if _, err := Changes(t.Context(), "watch.go", time.Millisecond); err == nil {
		t.Error("a file: got no error")
	}
}

// Not parallel: it counts the goroutines of the whole program.
func TestChangesEndsWithItsContext(t *testing.T) {
	before := runtime.NumGoroutine()
	m := watchModule(t)
	m.write("main.go") // nobody receives it
	m.stop()
	for deadline := time.After(patience); ; {
		select {
		case _, open := <-m.changes:
			if open {
				continue
			}
		case <-deadline:
			t.Fatal("the channel is not closed")
		}
		break
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, want the %d of before", runtime.NumGoroutine(), before)
		}
	}
}

func TestGather(t *testing.T) {
	t.Parallel()
	const quiet = 100 * time.Millisecond
	in := func(t *testing.T, test func(t *testing.T, seen chan<- Change, changes <-chan Change)) {
		synctest.Test(t, func(t *testing.T) {
			seen, changes := make(chan Change), make(chan Change)
			go gather(seen, changes, quiet)
			test(t, seen, changes)
			close(seen)
			if change, open := <-changes; open {
				t.Errorf("got %+v more, want a closed channel", change)
			}
		})
	}
	files := func(names ...string) Change { return Change{Files: names} }

	t.Run("a burst is one change, after quiet", func(t *testing.T) {
		t.Parallel()
		in(t, func(t *testing.T, seen chan<- Change, changes <-chan Change) {
			var last time.Time
			for _, name := range []string{"c.go", "a.go", "c.go", "b.go"} {
				time.Sleep(quiet - time.Nanosecond)
				seen <- files(name)
				last = time.Now()
			}
			got := <-changes
			if want := []string{"a.go", "b.go", "c.go"}; !slices.Equal(got.Files, want) {
				t.Errorf("got %q, want %q", got.Files, want)
			}
			if waited := time.Since(last); waited != quiet {
				t.Errorf("it came %s after the last write, want %s", waited, quiet)
			}
		})
	})
	t.Run("bursts with quiet between are two changes", func(t *testing.T) {
		t.Parallel()
		in(t, func(t *testing.T, seen chan<- Change, changes <-chan Change) {
			for _, name := range []string{"a.go", "b.go"} {
				seen <- files(name)
				if got := <-changes; !slices.Equal(got.Files, []string{name}) {
					t.Errorf("got %q, want %q alone", got.Files, name)
				}
			}
		})
	})
	t.Run("changes add up while nobody receives", func(t *testing.T) {
		t.Parallel()
		in(t, func(t *testing.T, seen chan<- Change, changes <-chan Change) {
			for _, name := range []string{"a.go", "b.go"} {
				time.Sleep(10 * quiet)
				seen <- files(name)
			}
			if got := <-changes; !slices.Equal(got.Files, []string{"a.go", "b.go"}) {
				t.Errorf("got %q, want both", got.Files)
			}
		})
	})
	t.Run("errors come with the change", func(t *testing.T) {
		t.Parallel()
		in(t, func(t *testing.T, seen chan<- Change, changes <-chan Change) {
			overflow := errors.New("overflow")
			seen <- Change{Err: overflow}
			seen <- files("a.go")
			if got := <-changes; !errors.Is(got.Err, overflow) || len(got.Files) != 1 {
				t.Errorf("got %+v, want one file and %v", got, overflow)
			}
			seen <- files("a.go")
			if got := <-changes; got.Err != nil {
				t.Errorf("the next change has %v too", got.Err)
			}
		})
	})
}
