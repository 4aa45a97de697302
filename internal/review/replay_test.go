package review

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
	"visitplannr/internal/settings"
	"visitplannr/test/check"
)

var replays = flag.Bool("replay", false, "plant changes into a clone of the last commit and replay requests; takes minutes")

// An edit replaces a text that a file holds once; without one the file is new.
type edit struct{ file, old, new string }

var website = []edit{
	{"internal/contract/proposal.go", `	PointerName      = PointerRoot + "/name"`, `	PointerName      = PointerRoot + "/name"
	PointerWebsite   = PointerRoot + "/website"`},
	{"internal/contract/proposal.go", `		"name": {`, `		"website": {Type: TypeString, Description: "is text", Example: "https://www.brockholes.org/"},
		"name": {`},
	{"internal/contract/proposal.go", "		}),\n	})", "		}),\n	}, \"website\")"},
	{"internal/httpapi/propose/propose.go", "			Name:      httpapi.Leaf", "			Website:   httpapi.Leaf(r, contract.PointerWebsite, destination.NewWebsite),\n			Name:      httpapi.Leaf"},
	{"internal/destination/destination.go", "	Name      Name\n", "	Name      Name\n	Website   string\n"},
	{"internal/destination/destination.go", "// Latitude is", "// NewWebsite returns what it gets.\nfunc NewWebsite(address string) (string, error) { return address, nil }\n\n// Latitude is"},
	{"internal/destination/event.go", "	Name        string      `json:\"name\"`", "	Name        string      `json:\"name\"`\n	Website     string      `json:\"website,omitempty\"`"},
	{"internal/destination/event.go", "		Name:        p.Name.text,", "		Name:        p.Name.text,\n		Website:     p.Website,"},
}

func TestReplayOfPlantedChanges(t *testing.T) {
	if !*replays {
		t.Skip("takes minutes: give -replay")
	}
	const none = "918 requests answered alike\n"
	clones := [2]string{clone(t), clone(t)}
	for _, p := range []struct {
		name      string
		old, work []edit
		want      []string // what the report says
	}{
		{"a comment", nil, []edit{{"internal/destination/destination.go", "\npackage destination", "\npackage destination // of a day trip"}}, []string{none}},
		{"a dependency", nil, []edit{
			{"go.mod", "golang.org/x/time v0.16.0", "golang.org/x/time v0.15.0"},
			{"go.sum", "golang.org/x/time v0.16.0 h1:", "golang.org/x/time v0.15.0 h1:bbrp8t3bGUeFOx08pvsMYRTCVSMk89u4tKbNOZbp88U=\n" +
				"golang.org/x/time v0.15.0/go.mod h1:Y4YMaQmXwGQZoFaVFk4YpCt4FLQMYKZe9oeV/f4MSno=\ngolang.org/x/time v0.16.0 h1:"},
		}, []string{none}},
		{"a shorter name", nil, []edit{{"internal/contract/proposal.go", "NameMaxCharacters = 200", "NameMaxCharacters = 80"}}, []string{
			`!! POST /destination, the body "name of 200 letters", and `, "before: 200, body ", "after:  400, body ", "must be 1 to 80 characters", "events []"}},
		{"another status", nil, []edit{{"internal/contract/problem.go", "http.StatusUnprocessableEntity", "http.StatusConflict"}}, []string{
			"before: 422, body.status 422\n", "after:  409, body.status 409\n", "a used key and the body"}},
		{"a panic at the start", nil, []edit{{"functions/propose-destination/main.go", "func main() {", "func main() {\n	panic(`no luck`)"}}, []string{
			"the work tree DOES NOT START: ", "no luck", "no request was replayed"}},
		{"another text of a problem", nil, []edit{{"internal/httpapi/body.go", `"is not a known member"`, `"is unknown here"`}}, []string{
			`before: 400, body.errors.detail "is not a known member"`, `after:  400, body.errors.detail "is unknown here"`}},
		{"a new member", nil, website, []string{
			"base could not know the member #/website of POST /destination (requests: 2)", "(is text).\"\n"}},
		{"a removed member", website, nil, []string{`!! POST /destination, the example {"geolocation":{"latitude":53.77,"longitude":-2.63},"name":"Brockholes","website":`, "before: 200, body ", "after:  400, body "}},
		{"a new endpoint", nil, []edit{
			{"internal/contract/endpoint.go", "\t\tProposeDestination,\n", "\t\tProposeDestination, {Function: `show-version`, Method: `GET`, Path: `/version`, Summary: `Show it.`, Answer: Object(`A version.`, map[string]Schema{`version`: {Type: TypeString, Description: `is text`, Example: `1`}})},\n"},
			{"functions/show-version/main.go", "", "package main\n\nimport (\n	\"context\"\n\n	\"github.com/aws/aws-lambda-go/events\"\n	\"github.com/aws/aws-lambda-go/lambda\"\n)\n\nfunc main() {\n	lambda.Start(func(context.Context) (events.APIGatewayProxyResponse, error) {\n		return events.APIGatewayProxyResponse{StatusCode: 200}, nil\n	})\n}\n"},
		}, []string{"base could not know the endpoint GET /version (requests: ", "This API offers GET /version, POST /destination."}},
		{"a commit from before", []edit{{"cmd/visitplannr/local.go", `"json", false`, `"jsn", false`}}, nil, []string{
			"no request was replayed\n- not replayed: base is from before 'visitplannr local -json'\n- the API's description of base is the file that it has committed\n"}},
		{"a new setting", []edit{{"internal/settings/table.go", `row("corsOrigins"`, `row("corsOrigin"`}}, nil, []string{
			none + "- not replayed with corsOrigins set: one of the two has no such setting\n"}},
		{"another cause of events", nil, []edit{{"internal/eventstore/dynamo/item.go", "text(e.CausationID),", `text("cause"),`}}, []string{
			"!! POST /destination, the example {", "before: 200, events [{CausationId: ", "after:  200, events []", "!! (what is stored without a request)"}},
	} {
		t.Run(p.name, func(t *testing.T) {
			var both [2]state
			for i, edits := range [2][]edit{p.old, p.work} {
				both[i] = state{name: [2]string{"base", "the work tree"}[i], dir: clones[i], out: t.TempDir()}
				for _, e := range edits {
					e.plant(t, clones[i])
				}
			}
			found := check.Value(replay(t.Context(), both, Options{}.doing))(t)
			got := (&Report{Behaviour: &found.Behaviour}).Text()
			t.Log(got)
			for _, part := range p.want {
				if !strings.Contains(got, part) {
					t.Errorf("got\n%s\nwant %q in it", got, part)
				}
			}
			if served := found.descriptions[0] != nil; served != (p.name != "a commit from before") {
				t.Errorf("got the description of base: %t", served)
			}
		})
	}
}

func (e edit) plant(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, e.file)
	text, err := os.ReadFile(file)
	if e.old != "" && (err != nil || strings.Count(string(text), e.old) != 1) {
		t.Fatalf("%s does not hold %q once: %v", e.file, e.old, err)
	}
	restore := func() error { return os.WriteFile(file, text, 0o600) }
	if e.old == "" {
		restore = func() error { return os.Remove(file) }
	}
	t.Cleanup(func() { check.OK(t, restore()) })
	check.OK(t, os.MkdirAll(filepath.Dir(file), 0o700))
	check.OK(t, os.WriteFile(file, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600))
}

// clone returns the directory of a clone of the repository's last commit.
func clone(t *testing.T) string {
	t.Helper()
	root, err := gobuild.ModuleRoot(".")
	check.OK(t, err)
	dir := filepath.Join(t.TempDir(), "clone")
	_, err = program.Output(program.Git(t.Context(), root, "clone", "-q", root, dir))
	check.OK(t, err)
	return dir
}

func TestEachSwitchWithALocalEffectIsReplayed(t *testing.T) {
	t.Parallel()
	got := slices.Sorted(maps.Keys(switches()))
	if want := []string{"access", "corsOrigins", "validation"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if local, err := settings.LoadLocal(switches()); err != nil || local.Access != settings.IAM || local.Validation != settings.ByGateway || len(local.CORSOrigins) == 0 {
		t.Errorf("got %+v, %v, want signatures, the gateway's validation and an origin", local, err)
	}
}
