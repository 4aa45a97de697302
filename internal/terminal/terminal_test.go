package terminal

import "testing"

func TestTextOfOthersIsShownSafely(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ title, got, want string }{
		{"escapes an escape sequence", Escape("\x1b[31mred\x07"), `\u001b[31mred\u0007`},
		{"escapes a C1 control, which starts a sequence too", Escape("\u009b31m"), `\u009b31m`},
		{"escapes DEL", Escape("a\x7f"), `a\u007f`},
		{"escapes line ends of all kinds", Escape("a\r\n\tb\u0085\u2028\u2029"), `a\u000d\u000a\u0009b\u0085\u2028\u2029`},
		{"escapes what turns the direction", Escape("\u202e\u2066\u2069\u200f\u061c"), `\u202e\u2066\u2069\u200f\u061c`},
		{"escapes what is invisible, also beyond U+FFFF", Escape("a\u200bb\u00ad\u2060\ufeff\u3164\u2800\U000e0041"), `a\u200bb\u00ad\u2060\ufeff\u3164\u2800\udb40\udc41`},
		{"keeps letters, marks, joiners and variation selectors", Escape("é e\u0301 👩\u200d👧 ❤\ufe0f شما\u200cها \u06dd שלום"), "é e\u0301 👩\u200d👧 ❤\ufe0f شما\u200cها \u06dd שלום"},
		{"replaces broken UTF-8", Escape("a\xff\xed\xa0\x80"), "a\ufffd\ufffd\ufffd\ufffd"},
		{"keeps lines and tabs of a text of several lines", EscapeLines("a\n\tb\r\x1b"), "a\n\tb\\u000d\\u001b"},
		{"leaves ASCII without isolates", Isolate("Chester Zoo"), "Chester Zoo"},
		{"isolates other text", Isolate("שלום"), "\u2068שלום\u2069"},
		{"isolates strings outside of their quotes", IsolateQuoted(`{"name":"ש\"ל","n":"a","x":-2.5}`), "{\"name\":\u2068\"ש\\\"ל\"\u2069,\"n\":\"a\",\"x\":-2.5}"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %+q, want %+q", c.title, c.got, c.want)
		}
	}
}
