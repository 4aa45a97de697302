package terminal

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// screen is a terminal that notes when something was written to it.
type screen struct {
	bytes.Buffer
	times []time.Time
}

func (s *screen) Write(text []byte) (int, error) {
	s.times = append(s.times, time.Now())
	return s.Buffer.Write(text)
}

func TestATerminalIsNeverQuietWhileSomethingTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, shown := time.Now(), &screen{}
		line := &Line{out: shown, is: true}
		done := Doing(line, "Reviewing")
		compiled := Doing(line, "Compiling")
		<-time.After(90 * time.Second) // of the bubble's clock
		_, _ = line.Write([]byte("a line of the log\n"))
		compiled()
		<-time.After(2500 * time.Millisecond)
		done()
		last := began
		for _, at := range shown.times {
			if at.Sub(last) > time.Second {
				t.Errorf("quiet for %v, %v after the beginning", at.Sub(last), last.Sub(began))
			}
			last = at
		}
		text := shown.String()
		for _, want := range []string{"Reviewing: 0 s\r\x1b[KCompiling: 0 s\r", "Compiling: 89 s\r", "\r\x1b[Ka line of the log\n", "Reviewing: 92 s\r"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q was not shown", want)
			}
		}
		if !strings.HasSuffix(text, "\r\x1b[K") {
			t.Errorf("%q is left on the screen", text[strings.LastIndex(text, "\r"):])
		}
	})
}

func TestAPipeGetsWholeLinesOnly(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	line := NewLine(&file)
	done := Doing(line, "Compiling")
	_, _ = line.Write([]byte("a line of the log\n"))
	done()
	if got := file.String(); got != "a line of the log\n" {
		t.Errorf("got %q", got)
	}
}
