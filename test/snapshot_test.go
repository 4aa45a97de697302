package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gkampitakis/go-snaps/snaps"
)

// masks replace what changes whenever a function's code does: the name of its
// asset, and in the stages with an alias the logical id of its version.
var masks = []struct {
	found *regexp.Regexp
	put   string
}{
	{regexp.MustCompile(`[0-9a-f]{64}\.zip`), "<asset hash>.zip"},
	{regexp.MustCompile(`(CurrentVersion)[0-9A-F]{8}[0-9a-f]{32}`), "$1<asset hash>"},
}

func masked(tpl template) string {
	text := string(tpl.text)
	for _, m := range masks {
		text = m.found.ReplaceAllString(text, m.put)
	}
	return text
}

// reviewed lists the templates that are kept as snapshots.
var reviewed = []given{
	{"stage": "dev"},
	{"stage": "dev", "access": "open"},
	{"stage": "prod"},
	{"stage": "prod", "access": "open"},
}

const snapshotDir = "snapshots"

func snapshotName(s given) string { return strings.ReplaceAll(variant(s), " access=", "-") }

// A reviewer reads these files: they are the templates that are deployed.
func TestTemplateIsAsReviewed(t *testing.T) {
	t.Parallel()
	for _, s := range reviewed {
		t.Run(variant(s), func(t *testing.T) {
			snaps.WithConfig(
				snaps.Dir(snapshotDir),
				snaps.Filename(snapshotName(s)),
				snaps.JSON(snaps.JSONConfig{Width: 100, Indent: "  ", SortKeys: true}),
				// Without this a missing snapshot would be written, and pass.
				snaps.Update(updating()),
			).MatchStandaloneJSON(t, masked(deployed(t, s)))
			if t.Failed() {
				t.Log("To accept this change, run:", updateCommand)
			}
		})
	}
}

// A snapshot that no test asks for says something that is no longer so.
func TestNoSnapshotIsObsolete(t *testing.T) {
	t.Parallel()
	wanted := map[string]bool{}
	for _, s := range reviewed {
		wanted[snapshotName(s)+"_1.snap.json"] = true
	}
	entries, err := os.ReadDir(snapshotDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		file := filepath.Join(snapshotDir, e.Name())
		switch {
		case wanted[e.Name()]:
		case updating():
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s is obsolete. Run: %s", file, updateCommand)
		}
	}
}
