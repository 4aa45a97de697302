package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/stacks"
	"visitplannr/test/check"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	t.Run("prod shifts requests to a new version while the alarms are silent", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		group, g := tpl.only(t, "AWS::CodeDeploy::DeploymentGroup")
		app, _ := tpl.only(t, "AWS::CodeDeploy::Application")
		_, alias := tpl.only(t, "AWS::Lambda::Alias")
		want(t, "how the alias is updated", alias.UpdatePolicy, fmt.Sprintf(
			`{"CodeDeployLambdaAliasUpdate":{"ApplicationName":{"Ref":"%s"},"DeploymentGroupName":{"Ref":"%s"}}}`, app, group))
		want(t, "shift", g.Properties["DeploymentConfigName"], `"CodeDeployDefault.LambdaCanary10Percent5Minutes"`)
		want(t, "rollback", g.Properties["AutoRollbackConfiguration"],
			`{"Enabled":true,"Events":["DEPLOYMENT_FAILURE","DEPLOYMENT_STOP_ON_REQUEST","DEPLOYMENT_STOP_ON_ALARM"]}`)
		var names []string
		for i := 0; at(g.Properties, fmt.Sprintf("AlarmConfiguration.Alarms.%d", i)) != nil; i++ {
			id := at(g.Properties, fmt.Sprintf("AlarmConfiguration.Alarms.%d.Name.Ref", i)).(string)
			names = append(names, strings.TrimPrefix(tpl.Resources[id].Properties["AlarmName"].(string), "visitplannr-prod-"))
		}
		want(t, "alarms that roll back", names,
			`["api-5xx","api-latency","propose-destination-errors","propose-destination-throttles","propose-destination-duration"]`)
	})

	t.Run("prod keeps the version that it would roll back to", func(t *testing.T) {
		_, version := synth(t, given{"stage": "prod"}).only(t, "AWS::Lambda::Version")
		want(t, "DeletionPolicy", version.DeletionPolicy, `"Retain"`)
	})

	t.Run("prod sends requests to the alias", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		alias, _ := tpl.only(t, "AWS::Lambda::Alias")
		_, permission := tpl.only(t, "AWS::Lambda::Permission")
		want(t, "may be invoked", permission.Properties["FunctionName"], fmt.Sprintf(`{"Ref":"%s"}`, alias))
		if uri := compact(t, at(method(t, tpl, "POST").Properties, "Integration.Uri")); !strings.Contains(uri, fmt.Sprintf(`{"Ref":"%s"}`, alias)) {
			t.Errorf("got integration %s, want the alias %s in it", uri, alias)
		}
	})

	t.Run("dev has no alias, so code can be swapped in place", func(t *testing.T) {
		tpl := synth(t, given{"stage": "dev"})
		for _, kind := range []string{"AWS::Lambda::Alias", "AWS::Lambda::Version", "AWS::CodeDeploy::DeploymentGroup"} {
			want(t, kind, len(tpl.ids(kind)), "0")
		}
	})

	t.Run("new code changes the asset and the version, and nothing else", func(t *testing.T) {
		for _, stage := range []string{"dev", "prod"} {
			before := synth(t, given{"stage": stage})
			after := synthWithCode(t, given{"stage": stage}, "other code")
			if string(before.text) == string(after.text) {
				t.Errorf("%s: got the same template for other code", stage)
			}
			if masked(before) != masked(after) {
				t.Errorf("%s: got a change besides the asset's hash and the version:\n%s\n%s", stage, masked(before), masked(after))
			}
		}
	})
}

// synthWithCode synthesizes with functions whose code is the given text.
func synthWithCode(t *testing.T, s given, code string) template {
	t.Helper()
	assets := stacks.Assets{}
	for _, e := range exemplar {
		dir := t.TempDir()
		check.OK(t, os.WriteFile(filepath.Join(dir, gobuild.Executable), []byte(code), 0o755))
		assets[e.Function] = dir
	}
	synthesis.Lock()
	defer synthesis.Unlock()
	app, c := newApp(t, s)
	stacks.NewStack(app, c, exemplar, assets)
	return write(t, app, c.Stage.StackName())
}
