// Package imports holds the test of who may import what. It is a package of its own
// because every change of Go code runs it again, and the tests of the template,
// which link the CDK, need not wait for that.
package imports

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/program"
	"visitplannr/test/check"
)

const module = "visitplannr"

// A rule says what the packages that match its pattern may import directly. The
// first rule that matches a package holds.
type rule struct {
	packages string   // below the module; * is one element, ** any number
	own      []string // packages of this module, in the same notation
	others   []string // prefixes of packages of other modules
	not      []string // prefixes that are left out of others
}

const (
	cdk       = "github.com/aws/aws-cdk-go/"
	construct = "github.com/aws/constructs-go/"
	jsiiGo    = "github.com/aws/jsii-runtime-go"
	sdk       = "github.com/aws/aws-sdk-go-v2/"
	smithy    = "github.com/aws/smithy-go"
	lambdaGo  = "github.com/aws/aws-lambda-go/"
	uuid      = "github.com/google/uuid"
	jsontext  = "github.com/go-json-experiment/json/jsontext"
)

// rules is the table of the design: infrastructure on one side, the domain in
// the middle with nothing but the standard library, adapters around it.
var rules = []rule{
	{packages: "internal/contract"},
	{packages: "internal/eventstore", others: []string{uuid}},
	{packages: "internal/client", own: []string{"internal/contract"}},
	{packages: "internal/decimal"},
	{packages: "internal/terminal"},
	{packages: "internal/destination", own: []string{"internal/contract", "internal/decimal", "internal/eventstore"}, others: []string{uuid}},
	{packages: "internal/eventstore/dynamo", own: []string{"internal/eventstore"}, others: []string{sdk, smithy}},
	{packages: "internal/httpapi", own: []string{"internal/contract", "internal/eventstore"}, others: []string{lambdaGo + "events", lambdaGo + "lambdacontext", uuid, jsontext}},
	{packages: "internal/httpapi/*", own: []string{"internal/contract", "internal/destination", "internal/eventstore", "internal/httpapi"}},
	{packages: "internal/gobuild", own: []string{"internal/program"}},
	{packages: "internal/settings", own: []string{"internal/contract", "internal/gobuild"}},

	{packages: ".", own: []string{"stacks", "internal/contract", "internal/gobuild", "internal/settings"}, others: []string{cdk, construct, jsiiGo}},
	{packages: "stacks", own: []string{"internal/contract", "internal/eventstore", "internal/gobuild", "internal/settings"}, others: []string{cdk, construct, jsiiGo}},
	{packages: "test/**", own: []string{"**"}, others: []string{""}},

	// What is left runs in Lambda or on a developer's machine. It reaches the
	// table through the adapter, so of the SDK it needs the configuration and the
	// signer, and no service.
	{packages: "functions/*", own: []string{"internal/**"}, others: []string{sdk + "config", sdk + "aws", sdk + "credentials", lambdaGo}},
	{packages: "cmd/*", own: []string{"internal/**"}, others: []string{""}, not: []string{sdk + "service/"}},
	{packages: "bench", own: []string{"internal/**"}, others: []string{""}}, // fills tables with the SDK
	{packages: "bench/*", others: []string{lambdaGo}},

	// The door of the local run reaches the table as a function does. What stands in for
	// AWS behind it knows the API's words and AWS's, never the domain or the door.
	{packages: "internal/local", own: []string{"internal/contract", "internal/eventstore", "internal/eventstore/dynamo", "internal/gobuild", "internal/local/*", "internal/settings"},
		others: []string{""}, not: []string{sdk + "service/"}},
	{packages: "internal/local/console", own: []string{"internal/contract", "internal/eventstore", "internal/local/faults", "internal/terminal"}, others: []string{uuid}}, // it shows events
	{packages: "internal/local/*", own: []string{"internal/contract", "internal/decimal", "internal/local/guard", "internal/local/httpserver", "internal/program"}, others: []string{""}, not: []string{sdk + "service/"}},
	{packages: "internal/**", own: []string{"internal/**"}, others: []string{""}, not: []string{sdk + "service/"}},
}

// deniedAtAnyDistance lists what no package may reach, at any distance, unless it stands on
// the right: the command line and the functions must not carry the CDK or oasdiff.
var deniedAtAnyDistance = map[string][]string{
	cdk:                       {".", "stacks", "test/**"},
	construct:                 {".", "stacks", "test/**"},
	jsiiGo:                    {".", "stacks", "test/**"},
	"github.com/cdklabs/":     {".", "stacks", "test/**"}, // cdk-nag, and parts of the CDK
	"github.com/gkampitakis/": {"test/**"},
	"github.com/oasdiff/":     {"internal/review/breaks"},
	"github.com/getkin/":      {"internal/review/breaks"},
}

type listed struct {
	Name       string
	ImportPath string
	Imports    []string
	Deps       []string
	Module     *struct{ Path string }
	Standard   bool
}

func TestImportsKeepToTheDesign(t *testing.T) {
	t.Parallel()
	packages := list(t)

	t.Run("each package imports only what its rule allows", func(t *testing.T) {
		t.Parallel()
		for name, p := range packages.own {
			r, ok := ruleFor(name)
			if !ok {
				t.Errorf("package %s matches no rule: add one to rules in this test", name)
				continue
			}
			for _, imported := range p.Imports {
				if !packages.standard[imported] && !r.allows(imported) {
					t.Errorf("package %s imports %s, which rule %q does not allow", name, imported, r.packages)
				}
			}
		}
	})

	t.Run("no package carries what belongs elsewhere", func(t *testing.T) {
		t.Parallel()
		for name, p := range packages.own {
			for _, dep := range p.Deps {
				for prefix, allowed := range deniedAtAnyDistance {
					if strings.HasPrefix(dep, prefix) && !slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, name) }) {
						t.Errorf("package %s depends on %s, at some distance: only %v may", name, dep, allowed)
					}
				}
			}
		}
	})

	t.Run("what only tests use is in test", func(t *testing.T) {
		t.Parallel()
		used := map[string]bool{}
		for _, p := range packages.own {
			for _, imported := range p.Imports {
				used[imported] = true
			}
		}
		for name, p := range packages.own {
			if !matches("test/**", name) && (p.Name != "main" && !used[p.ImportPath] || slices.Contains(p.Imports, "testing")) {
				t.Errorf("package %s is for tests alone: move it below test, or into _test files", name)
			}
		}
	})

	t.Run("the rules stand for packages that exist", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{".", "stacks", "internal/contract", "internal/destination", "internal/eventstore"} {
			if _, ok := packages.own[name]; !ok {
				t.Errorf("package %s is gone: its rule guards nothing", name)
			}
		}
		if !slices.Contains(packages.own["internal/review/breaks"].Deps, "github.com/getkin/kin-openapi/openapi3") {
			t.Error("breaks does not depend on kin-openapi: the list of what nothing else may reach is out of date")
		}
		if !slices.Contains(packages.own["stacks"].Deps, strings.TrimSuffix(cdk, "/")+"/awscdk/v2") {
			t.Error("stacks does not depend on the CDK: the list of packages is not what this test takes it for")
		}
	})
}

func TestRulesRefuseWhatTheDesignForbids(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to string }{
		{"internal/contract", module + "/internal/eventstore"},
		{"internal/contract", uuid},
		{"internal/eventstore", sdk + "service/dynamodb"},
		{"internal/destination", module + "/internal/httpapi"},
		{"internal/destination", lambdaGo + "events"},
		{"internal/httpapi", lambdaGo + "lambda"},
		{"internal/httpapi", module + "/internal/destination"},
		{"internal/local/apigateway", module + "/internal/destination"},
		{"internal/local/apigateway", module + "/internal/httpapi"},
		{"internal/local/apigateway", module + "/internal/eventstore"},
		{"internal/local/console", module + "/internal/destination"},
		{"internal/local/console", module + "/internal/local"},
		{"internal/local/lambda", module + "/internal/local"},
		{"internal/local", module + "/internal/destination"},
		{"internal/local", module + "/internal/httpapi"},
		{"internal/local", sdk + "service/dynamodb"},
		{"internal/settings", sdk + "config"},
		{"internal/httpapi", module + "/internal/eventstore/dynamo"},
		{"internal/eventstore/dynamo", module + "/internal/destination"},
		{"functions/propose-destination", cdk + "awscdk/v2"},
		{"functions/propose-destination", sdk + "service/dynamodb"},
		{"functions/propose-destination", module + "/stacks"},
		{"cmd/visitplannr", module + "/stacks"},
		{"cmd/visitplannr", sdk + "service/dynamodb"},
		{"stacks", sdk + "config"},
		{"stacks", module + "/internal/destination"},
	} {
		r, ok := ruleFor(c.from)
		if !ok || r.allows(c.to) {
			t.Errorf("%s may import %s: got allowed, want refused", c.from, c.to)
		}
	}
}

type packageList struct {
	own      map[string]listed // by path below the module
	standard map[string]bool
}

// list asks the go command once for all packages and what they depend on. Tests'
// own imports do not count: they never leave this repository.
func list(t *testing.T) packageList {
	t.Helper()
	// The go command runs this test anew when a file changed that the test has
	// looked at, but what its child looks at it cannot know.
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "cdk.out", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case filepath.Ext(path) == ".go":
			_, err = os.Stat(path)
		}
		return err
	})
	check.OK(t, err)
	out := check.Value(program.Output(program.Command(t.Context(), "../..", "go", "list", "-deps", "-json=Name,ImportPath,Imports,Deps,Module,Standard", "./...")))(t)
	packages := packageList{map[string]listed{}, map[string]bool{"C": true}}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		if p.Standard {
			packages.standard[p.ImportPath] = true
		}
		if p.Module != nil && p.Module.Path == module {
			packages.own[below(p.ImportPath)] = p
		}
	}
}

// below returns a package's path below the module; "." is the module's own.
func below(importPath string) string {
	if importPath == module {
		return "."
	}
	return strings.TrimPrefix(importPath, module+"/")
}

func ruleFor(name string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

func (r rule) allows(imported string) bool {
	if imported == module || strings.HasPrefix(imported, module+"/") {
		return slices.ContainsFunc(r.own, func(pattern string) bool { return matches(pattern, below(imported)) })
	}
	starts := func(prefix string) bool { return strings.HasPrefix(imported, prefix) }
	return slices.ContainsFunc(r.others, starts) && !slices.ContainsFunc(r.not, starts)
}

func matches(pattern, name string) bool {
	if prefix, found := strings.CutSuffix(pattern, "**"); found {
		return strings.HasPrefix(name+"/", prefix)
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
