package test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/tidwall/pretty"

	"visitplannr/internal/settings"
	"visitplannr/test/check"
	"visitplannr/test/generated"
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

// reviewed are the templates that are kept as snapshots: what is deployed by default, and
// what diff looks at besides, with every optional part and with what hides one.
var reviewed = map[string]given{
	"dev":      {"stage": "dev"},
	"prod":     {"stage": "prod"},
	"optional": switched(0),
	"apart":    switched(1),
}

func switched(variant int) given {
	s := given{"stage": "prod"}
	maps.Copy(s, settings.Variants()[variant])
	return s
}

var templates = flag.String("templates", "", "write the templates into this folder, for cfn-lint")

const snapshotDir = "snapshots"

// A reviewer reads these files: they are the templates that are deployed.
func TestTemplatesAreUpToDate(t *testing.T) {
	t.Parallel()
	for name, s := range reviewed {
		t.Run(name, func(t *testing.T) {
			tpl := deployed(t, s)
			if *templates != "" {
				check.OK(t, os.WriteFile(filepath.Join(*templates, name+".template.json"), tpl.text, 0o600))
			}
			text := pretty.PrettyOptions([]byte(masked(tpl)), &pretty.Options{Width: 100, Indent: "  ", SortKeys: true})
			generated.Check(t, filepath.Join(snapshotDir, name+".json"), string(text))
		})
	}

	t.Run("no snapshot is left over", func(t *testing.T) {
		files := check.Value(os.ReadDir(snapshotDir))(t)
		for _, f := range files {
			if _, wanted := reviewed[strings.TrimSuffix(f.Name(), ".json")]; !wanted {
				t.Errorf("%s is the snapshot of no template: delete it", f.Name())
			}
		}
	})
}

// An open API is the reviewed one, except that nobody has to sign: not even a deployment
// of another form.
func TestAnOpenApiDiffersInItsAuthorizationAlone(t *testing.T) {
	t.Parallel()
	deployment := regexp.MustCompile(`apiDeployment149F1294[0-9a-f]{32}`) // named by its contents
	for _, stage := range []string{"dev", "prod"} {
		closed := deployment.ReplaceAllString(masked(deployed(t, given{"stage": stage})), "deployment")
		open := deployment.ReplaceAllString(masked(deployed(t, given{"stage": stage, "access": "open"})), "deployment")
		want := strings.ReplaceAll(closed, `"AuthorizationType": "AWS_IAM"`, `"AuthorizationType": "NONE"`)
		if want == closed || open != want {
			t.Errorf("%s:\n%s", stage, diff.Diff("signed, without the signature", []byte(want), "open", []byte(open)))
		}
	}
}
