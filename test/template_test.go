package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/settings"
	"visitplannr/stacks"
	"visitplannr/test/check"
)

// template is a synthesized CloudFormation template.
type template struct {
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
	text      []byte
}

type resource struct {
	Type                string
	Properties          map[string]any
	Metadata            map[string]any
	DependsOn           any
	DeletionPolicy      string
	UpdateReplacePolicy string
	UpdatePolicy        map[string]any
}

// settings are context keys as -c gives them.
type given map[string]string

// contrary turns every switch that no stage turns by default.
var contrary = given{
	"stage": "dev", "validation": "gateway", "capacity": "on-demand", "accessLogs": "false",
	"reservedConcurrency": "27", "corsOrigins": "https://a.example,https://b.example",
}

// guarded is prod with all that it can have.
var guarded = given{"stage": "prod", "alarmEmail": "ops@example.org", "corsOrigins": "https://a.example"}

// scratch holds what the tests synthesize. TestMain removes it.
var scratch = func() string {
	dir, err := os.MkdirTemp("", "visitplannr-test-")
	if err != nil {
		panic(err)
	}
	return dir
}()

// One Node process serves all, and constructs are not safe for parallel use, unlike
// the tests that look at what comes of them: each variant is synthesized once,
// under the lock, and shared as plain values.
var (
	synthesis   sync.Mutex
	synthesized = map[string]template{}
)

// exemplar is the API that the tests of single intents look at: what holds of one
// function holds of another.
var exemplar = []contract.Endpoint{contract.ProposeDestination}

// synth returns the template of the exemplar with these settings.
func synth(t *testing.T, s given) template {
	t.Helper()
	return synthOf(t, s, exemplar)
}

// deployed returns the template that is deployed, that of all endpoints.
func deployed(t *testing.T, s given) template {
	t.Helper()
	return synthOf(t, s, contract.Endpoints())
}

// synthOf returns the template as npx cdk synth writes it, except for the functions'
// code: a stand-in keeps the tests fast.
func synthOf(t *testing.T, s given, endpoints []contract.Endpoint) template {
	t.Helper()
	synthesis.Lock()
	defer synthesis.Unlock()
	name := variant(s)
	for _, e := range endpoints {
		name += " " + e.Function
	}
	if known, ok := synthesized[name]; ok {
		return known
	}
	app, c := newApp(t, s)
	stacks.NewStack(app, c, endpoints, standIns(t, endpoints))
	synthesized[name] = write(t, app, c.Stage.StackName())
	return synthesized[name]
}

// variant names settings: "dev", "prod access=open".
func variant(s given) string {
	parts := []string{s["stage"]}
	if parts[0] == "" {
		parts[0] = string(settings.Dev)
	}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		if key != "stage" {
			parts = append(parts, key+"="+s[key])
		}
	}
	return strings.Join(parts, " ")
}

// context returns the settings as the CDK passes them on.
func (s given) context() map[string]any {
	context := map[string]any{}
	for key, value := range s {
		context[key] = value
	}
	return context
}

// config returns the settings with the stage's defaults.
func (s given) config(t *testing.T) settings.Config {
	t.Helper()
	return check.Value(settings.Load(s.context()))(t)
}

// contextOf returns the context of cdk.json, feature flags and all, and the setting
// that takes the warning away.
func contextOf(t *testing.T) map[string]any {
	t.Helper()
	var cdk struct {
		Context map[string]any `json:"context"`
	}
	text := check.Value(os.ReadFile("../cdk.json"))(t)
	check.OK(t, json.Unmarshal(text, &cdk))
	cdk.Context["alarmEmail"] = settings.Nobody // the same template, without the warning
	return cdk.Context
}

// newApp makes an app with the context that the command line would give it: that
// of cdk.json, feature flags and all, and the settings. In CI every template that
// any test synthesizes is validated.
func newApp(t *testing.T, s given) (awscdk.App, settings.Config) {
	t.Helper()
	context := contextOf(t)
	maps.Copy(context, s.context())
	dir := check.Value(os.MkdirTemp(scratch, "cdk.out-"))(t)
	app, err := stacks.NewApp(awscdk.AppProps{
		Context:            &context,
		Outdir:             jsii.String(dir),
		AnalyticsReporting: jsii.Bool(false), // as cdk.json's versionReporting
	})
	check.OK(t, err)
	c := check.Value(settings.Load(stacks.Context(app)))(t)
	return app, c
}

// standIns gives each function a directory with a tiny file in place of its code.
func standIns(t *testing.T, endpoints []contract.Endpoint) stacks.Assets {
	t.Helper()
	assets := stacks.Assets{}
	for _, e := range endpoints {
		dir := filepath.Join(scratch, "assets", e.Function)
		check.OK(t, os.MkdirAll(dir, 0o755))
		check.OK(t, os.WriteFile(filepath.Join(dir, gobuild.Executable), []byte(e.Function), 0o755))
		assets[e.Function] = dir
	}
	return assets
}

// write synthesizes the app and reads one stack's template back.
func write(t *testing.T, app awscdk.App, stack string) template {
	t.Helper()
	return readTemplate(t, *app.Synth(nil).Directory(), stack)
}

func readTemplate(t *testing.T, dir, stack string) template {
	t.Helper()
	text := check.Value(os.ReadFile(filepath.Join(dir, stack+".template.json")))(t)
	var tpl template
	check.OK(t, json.Unmarshal(text, &tpl))
	tpl.text = text
	return tpl
}

// ids returns the logical ids of the resources of a type, sorted.
func (tpl template) ids(resourceType string) []string {
	var ids []string
	for id, r := range tpl.Resources {
		if r.Type == resourceType {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// only returns the one resource of a type, and its logical id.
func (tpl template) only(t *testing.T, resourceType string) (string, resource) {
	t.Helper()
	ids := tpl.ids(resourceType)
	if len(ids) != 1 {
		t.Fatalf("got %d resources of type %s %v, want 1", len(ids), resourceType, ids)
	}
	return ids[0], tpl.Resources[ids[0]]
}

// at follows a path such as "TracingConfig.Mode" or "Tags.0.Key"; what is not
// there is nil.
func at(value any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

// compact returns a value as one line of JSON, its keys sorted: what a test
// compares and prints.
func compact(t *testing.T, value any) string {
	t.Helper()
	text := check.Value(json.Marshal(value))(t)
	return string(text)
}

// want fails the test unless the value's JSON is the text.
func want(t *testing.T, what string, value any, text string) {
	t.Helper()
	if got := compact(t, value); got != text {
		t.Errorf("%s:\n got %s\nwant %s", what, got, text)
	}
}
