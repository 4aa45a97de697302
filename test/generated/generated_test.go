package generated

import (
	"os"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/program"
	"visitplannr/test/check"
)

func TestTheCommandNamesEveryPackageWithAGeneratedFile(t *testing.T) {
	t.Parallel()
	text := check.Value(os.ReadFile("generated.go"))(t)
	const self = "visitplannr/test/generated"
	list := program.Command(t.Context(), "", "go", "list", "-f", "{{.ImportPath}} {{.TestImports}} {{.XTestImports}}", "../../...")
	others := []string{"visitplannr/internal/review", "visitplannr/test/recipes"} // its reports have a command of their own; it names the command
	packages := check.Value(list.Output())(t)
	found := 0
	for line := range strings.Lines(string(packages)) {
		path, imports, _ := strings.Cut(line, " ")
		if !strings.Contains(imports, self) || slices.Contains(others, path) {
			continue
		}
		found++
		if want := " ../../" + strings.TrimPrefix(path, "visitplannr/") + " "; !strings.Contains(string(text), want) {
			t.Errorf("%s checks a generated file and go:generate does not run it", path)
		}
	}
	if found == 0 {
		t.Error("found no package that checks a generated file")
	}
}

func TestADifferenceIsReadableInAPipe(t *testing.T) {
	t.Parallel()
	got := difference(Command, "file", "{\n  \"a\": 1,\n  \"b\": 2\n}\n", "{\n  \"a\": 1,\n  \"b\": 3\n}\n")
	const want = "file is out of date. To accept this change, run: " + Command + `
diff committed made now
--- committed
+++ made now
@@ -1,4 +1,4 @@
 {
   "a": 1,
-  "b": 2
+  "b": 3
 }
`
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
