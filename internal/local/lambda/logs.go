package lambda

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	// maxLine limits the memory for output without line ends. It is the size of the
	// largest CloudWatch Logs event, at which Lambda splits too.
	maxLine = 256 << 10

	// tailLines is how many lines of standard error an InitError holds.
	tailLines = 20
)

// sharedLog lets many processes write to one io.Writer, one call at a time.
type sharedLog struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *sharedLog) write(lines []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A log error must not stop the function, and there is nowhere to report it.
	_, _ = l.out.Write(lines)
}

// lineWriter passes on only whole lines of one output stream, so that lines of
// different streams never mix.
type lineWriter struct {
	log    *sharedLog
	secret string // of the process, which no line shows

	mu      sync.Mutex
	partial []byte
	tail    []string // the last tailLines lines
}

// Write never fails: os/exec would stop reading the process's output.
func (w *lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.partial = append(w.partial, p...)
	if end := bytes.LastIndexByte(w.partial, '\n') + 1; end > 0 {
		w.pass(w.partial[:end])
		w.partial = append(w.partial[:0], w.partial[end:]...)
	}
	if len(w.partial) >= maxLine {
		w.endLine()
	}
	return len(p), nil
}

// flush passes on what the process wrote after its last line end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.partial) > 0 {
		w.endLine()
	}
}

func (w *lineWriter) lastLines() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.tail, "\n")
}

func (w *lineWriter) endLine() {
	w.pass(append(w.partial, '\n'))
	w.partial = w.partial[:0]
}

func (w *lineWriter) pass(lines []byte) {
	if w.secret != "" {
		lines = bytes.ReplaceAll(lines, []byte(w.secret), []byte("SECRET"))
	}
	w.log.write(lines)
	for line := range strings.Lines(string(lines)) {
		w.tail = append(w.tail, strings.TrimRight(line, "\r\n"))
	}
	if extra := len(w.tail) - tailLines; extra > 0 {
		w.tail = append(w.tail[:0], w.tail[extra:]...)
	}
}
