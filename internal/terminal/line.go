package terminal

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Line is a stream of lines. On a terminal its last line says what the program is doing,
// so that nobody waits before a silent one.
type Line struct {
	mu    sync.Mutex
	out   io.Writer
	is    bool // a terminal
	tasks []*task
}

type task struct {
	what  string
	began time.Time
}

// NewLine returns the line of out, which writes its last line only if out is a terminal.
func NewLine(out io.Writer) *Line { return &Line{out: out, is: Is(out)} }

// Write puts text above the last line, which comes back within a second.
func (l *Line) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.tasks) > 0 {
		_, _ = io.WriteString(l.out, clearLine)
	}
	return l.out.Write(text)
}

const clearLine = "\r\x1b[K"

// Doing says on w, if that is the Line of a terminal, what begins, and counts the seconds
// until done is called. A task within another one hides it meanwhile.
func Doing(w io.Writer, what string) (done func()) {
	l, isLine := w.(*Line)
	if !isLine || !l.is {
		return func() {}
	}
	t := &task{what, time.Now()}
	l.change(func() { l.tasks = append(l.tasks, t) })
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		seconds := time.NewTicker(time.Second)
		defer seconds.Stop()
		for {
			select {
			case <-stop:
				return
			case <-seconds.C:
				l.change(func() {})
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		l.change(func() { l.tasks = slices.DeleteFunc(l.tasks, func(other *task) bool { return other == t }) })
	}
}

// change changes the tasks, and shows the last one.
func (l *Line) change(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	_, _ = io.WriteString(l.out, clearLine)
	if len(l.tasks) > 0 {
		t := l.tasks[len(l.tasks)-1]
		_, _ = fmt.Fprintf(l.out, "%s: %d s", t.what, int(time.Since(t.began).Seconds()))
	}
}
