// Package terminal shows text that others wrote, such as a stored name, so that it can
// neither control a terminal nor pass for something else.
package terminal

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	if line, ok := w.(*Line); ok {
		return line.is
	}
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Escape writes controls, line ends and invisible characters as JSON escapes them,
// \u001b, so that JSON stays the same JSON. It keeps joiners and variation selectors,
// with which some scripts and emoji are written. Broken UTF-8 becomes U+FFFD.
func Escape(text string) string { return escape(text, "") }

// EscapeLines is Escape for a text of several lines. It keeps line ends and tabs.
func EscapeLines(text string) string { return escape(text, "\n\t") }

func escape(text, kept string) string {
	var shown strings.Builder
	for _, c := range text {
		if !hides(c) || strings.ContainsRune(kept, c) {
			shown.WriteRune(c)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, c) {
			fmt.Fprintf(&shown, `\u%04x`, unit)
		}
	}
	return shown.String()
}

// hides reports whether a character shows nothing of its own, and yet may act on a
// terminal or make two texts look the same. U+2800 is the Braille pattern without dots.
func hides(c rune) bool {
	joiner := c == '\u200c' || c == '\u200d'
	return c == '\u2800' || !joiner && !unicode.Is(unicode.Prepended_Concatenation_Mark, c) &&
		unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// Isolate keeps the direction of an escaped text away from what stands beside it on a
// terminal: https://www.unicode.org/reports/tr9/#Explicit_Directional_Isolates. It is
// not for JSON nor for a pipe.
func Isolate(text string) string {
	if strings.IndexFunc(text, func(c rune) bool { return c >= utf8.RuneSelf }) < 0 {
		return text
	}
	const firstStrongIsolate, popDirectionalIsolate = "\u2068", "\u2069"
	return firstStrongIsolate + text + popDirectionalIsolate
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// IsolateQuoted isolates each string in double quotes.
func IsolateQuoted(text string) string { return quoted.ReplaceAllStringFunc(text, Isolate) }
