package lambda

import (
	"bytes"
	"strings"
	"testing"
)

func TestLineWriter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		writes []string
		before string // what is passed on before flush
		after  string // and in all
	}{
		{"passes whole lines on at once", []string{"a\nb\n"}, "a\nb\n", "a\nb\n"},
		{"keeps a partial line until its end", []string{"a", "b", "c\nd"}, "abc\n", "abc\nd\n"},
		{"splits a line that has no end", []string{strings.Repeat("x", maxLine), "y\n"}, strings.Repeat("x", maxLine) + "\ny\n", strings.Repeat("x", maxLine) + "\ny\n"},
		{"adds nothing of its own", nil, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			w := &lineWriter{log: &sharedLog{out: &out}}
			for _, text := range tt.writes {
				if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
					t.Errorf("Write(%d bytes): got %d, %v", len(text), n, err)
				}
			}
			if out.String() != tt.before {
				t.Errorf("before flush: got %.40q, want %.40q", out.String(), tt.before)
			}
			w.flush()
			if out.String() != tt.after {
				t.Errorf("after flush: got %.40q, want %.40q", out.String(), tt.after)
			}
		})
	}
}
