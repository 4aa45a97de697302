package review

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"visitplannr/internal/program"
)

const (
	deploymentTitle  = "!! What else a deployment does"
	requirementTitle = "!! Requirements"

	securityPolicyPage = "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies-update.html"
	accessModePage     = "https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html"
	concurrencyPage    = "https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"
)

// effects are what changed values make a deployment do. The first %s is the resource.
var effects = []struct {
	value      *regexp.Regexp // matches the resource's type and the path, with a space between
	when       func(d stackDiff, c Change) bool
	text, page string
}{
	{regexp.MustCompile(`^AWS::ApiGateway::RestApi Properties\.(SecurityPolicy|EndpointAccessMode)`), inPlace,
		"%s: the change of TLS policy or access mode takes about 15 minutes, in which the API can be called", securityPolicyPage},
	{regexp.MustCompile(`^AWS::ApiGateway::RestApi Properties\.EndpointConfiguration`), func(d stackDiff, c Change) bool {
		return inPlace(d, c) && slices.ContainsFunc([]Template{d.before, d.after}, func(t Template) bool {
			return at(t[c.ID], "Properties", "EndpointAccessMode") == "STRICT"
		})
	}, "%s: the endpoint type cannot change while the access mode is STRICT: deploy BASIC first", accessModePage},
	{regexp.MustCompile(`ReservedConcurrentExecutions$`), func(_ stackDiff, c Change) bool { return c.After != nil },
		"%s: its reservation comes out of the account's concurrency, of which 100 must stay unreserved: AWS refuses it in a small account (check tells)", concurrencyPage},
	{regexp.MustCompile(`^AWS::Lambda::Alias $`), func(_ stackDiff, c Change) bool { return c.isNew() },
		"%s: a new alias leads to its version at once, without a canary", "docs/runbook.md#after-a-deployment"},
	{regexp.MustCompile(`^AWS::ApiGateway::Stage Properties\.DeploymentId`), inPlace,
		"%s: shows a new deployment of the API at once, without a canary", "docs/runbook.md#after-a-deployment"},
}

// inPlace reports whether a resource that stays changes.
func inPlace(d stackDiff, c Change) bool { return d.status[c.ID] == changed }

var shifting = regexp.MustCompile(`(Canary|Linear)(\d+)Percent(?:Every)?(\d+)Minutes?`)

// besides lists what a deployment does that the changed values do not say.
func (d stackDiff) besides() []Finding {
	var list []Finding
	add := func(page, text string, args ...any) {
		list = append(list, Finding{Kind: Deployment, Stages: []string{d.stage}, With: d.with, Title: deploymentTitle, Text: "   " + fmt.Sprintf(text, args...), Page: page})
	}
	versions := false
	for _, c := range d.changes {
		values := []Change{c}
		if c.isNew() {
			values = append(values, c.values()...)
		}
		for _, v := range values {
			for _, e := range effects {
				if e.value.MatchString(v.Type+" "+v.Path) && e.when(d, v) {
					add(e.page, e.text, v.Type+" "+v.ID)
				}
			}
		}
		versions = versions || c.Type == "AWS::Lambda::Version" && c.isNew()
		if c.isGone() && keeps(at(c.Before, "DeletionPolicy")) && !alwaysReplaced.MatchString(c.Type) {
			add("docs/runbook.md#delete", "%s %s: stays in the account, costs what it costs, and belongs to no stack", c.Type, c.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(d.after)) {
		how := shifting.FindStringSubmatch(fmt.Sprint(at(d.after[id], "Properties", "DeploymentConfigName")))
		if versions && how != nil && d.after.kind(id) == "AWS::CodeDeploy::DeploymentGroup" {
			then := map[string]string{"Canary": "then all", "Linear": "then as many more, and so on"}[how[1]]
			add("docs/runbook.md#stop-a-canary", "%s %s: %s %% of the requests go to the new version for %s minutes, %s", d.after.kind(id), id, how[2], how[3], then)
		}
	}
	return list
}

// onlyCode reports whether nothing but functions' code changes.
func (d stackDiff) onlyCode() bool {
	return len(d.changes) > 0 && !slices.ContainsFunc(d.changes, func(c Change) bool {
		_, derived := c.key()
		return !derived
	})
}

// sources lists what the files of two states make of a deployment.
func sources(ctx context.Context, old, work state, onlyCode bool) ([]Finding, error) {
	var list []Finding
	add := func(title, page, text string) {
		list = append(list, Finding{Kind: Deployment, Title: title, Text: "   " + text, Page: page})
	}
	if onlyCode {
		packages, err := changedPackages(ctx, old.dir, work.dir)
		switch {
		case err != nil:
			add(deploymentTitle, "", "Only the functions' code changed; its packages cannot be compared: "+err.Error())
		case len(packages) == 0:
			add(deploymentTitle, "", "Only the functions' code changed, in no package of this module: by a requirement or another Go release")
		default:
			add(deploymentTitle, "", "Only the functions' code changed: "+strings.Join(packages, ", "))
		}
	}
	golden, _ := filepath.Glob(filepath.Join(work.dir, "test/e2e/testdata/events/*.json"))
	for _, file := range golden {
		name, _ := filepath.Rel(work.dir, file)
		if _, err := os.Stat(filepath.Join(old.dir, name)); errors.Is(err, os.ErrNotExist) {
			add(deploymentTitle, "docs/events.md", "Events of a new form, as "+filepath.ToSlash(name)+": older releases cannot read them, so a rollback or the rest of a canary answers their retries with 503")
		}
	}
	before, err := requirements(old.dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", old.name, err)
	}
	after, err := requirements(work.dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", work.name, err)
	}
	for _, name := range keys(before, after) {
		if b, a := before[name], after[name]; b != a {
			add(requirementTitle, "", fmt.Sprintf("~ %s: %s -> %s", name, cmp.Or(b, "none"), cmp.Or(a, "none")))
		}
	}
	return list, nil
}

// requirements returns the versions that go.mod and package.json name, where there are such
// files.
func requirements(dir string) (map[string]string, error) {
	found := map[string]string{}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err == nil {
		file, err := modfile.ParseLax("go.mod", text, nil)
		if err != nil {
			return nil, err
		}
		if file.Go != nil {
			found["go"] = file.Go.Version
		}
		if file.Toolchain != nil {
			found["toolchain"] = file.Toolchain.Name
		}
		for _, r := range file.Require {
			found[r.Mod.Path] = r.Mod.Version
		}
		for _, r := range file.Replace {
			found["replace "+r.Old.String()] = r.New.String()
		}
	}
	if text, err = os.ReadFile(filepath.Join(dir, "package.json")); err == nil {
		var file struct{ Dependencies, DevDependencies, OptionalDependencies, Engines map[string]string }
		if err := json.Unmarshal(text, &file); err != nil {
			return nil, fmt.Errorf("package.json: %w", err)
		}
		for _, group := range []map[string]string{file.Dependencies, file.DevDependencies, file.OptionalDependencies, file.Engines} {
			maps.Copy(found, group)
		}
	}
	return found, nil
}

// changedPackages returns the packages of this module in the functions whose files differ.
func changedPackages(ctx context.Context, oldDir, newDir string) ([]string, error) {
	files, changed := map[string]int{}, map[string]bool{} // a file of one state alone is counted once
	for _, dir := range []string{oldDir, newDir} {
		list := program.Command(ctx, dir, "go", "list", "-deps", "-f",
			`{{with .Module}}{{if .Main}}{{range $.GoFiles}}{{$.ImportPath}}/{{.}} {{end}}{{range $.EmbedFiles}}{{$.ImportPath}}/{{.}} {{end}}{{.Path}}{{"\n"}}{{end}}{{end}}`, "./functions/...")
		list.Env = append(list.Env, "GOOS=linux", "CGO_ENABLED=0")
		output, err := program.Output(list)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(output) {
			names := strings.Fields(line)
			for _, name := range names[:len(names)-1] {
				text, err := os.ReadFile(filepath.Join(dir, strings.TrimPrefix(name, names[len(names)-1])))
				if err != nil {
					return nil, err
				}
				files[name+"\x00"+string(text)]++
			}
		}
	}
	for file, count := range files {
		if name, _, _ := strings.Cut(file, "\x00"); count == 1 {
			changed[path.Dir(name)] = true
		}
	}
	return slices.Sorted(maps.Keys(changed)), nil
}
