package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
	"visitplannr/stacks"
	"visitplannr/test/check"
)

func TestStack(t *testing.T) {
	t.Parallel()
	t.Run("tells where the API, the table and the function are", func(t *testing.T) {
		got := slices.Sorted(maps.Keys(synth(t, given{"stage": "dev"}).Outputs))
		want(t, "outputs", got, `["`+contract.OutputAPIURL+`","`+contract.OutputEventsTable+`","`+contract.OutputFunctionName+`"]`)
	})

	t.Run("knows no account and no region", func(t *testing.T) {
		for _, s := range everyVariant {
			text := string(synth(t, s).text)
			for _, word := range []string{"us-east-1", "eu-west-1", "arn:aws:"} {
				if strings.Contains(text, word) {
					t.Errorf("%s: got %s in the template", variant(s), word)
				}
			}
		}
	})

	t.Run("wants the version of the CDK's bootstrap that visitplannr check asks for", func(t *testing.T) {
		var tpl struct {
			Rules map[string]struct{ Assertions []any }
		}
		check.OK(t, json.Unmarshal(synth(t, given{"stage": "prod"}).text, &tpl))
		refused := at(tpl.Rules["CheckBootstrapVersion"].Assertions, "0.Assert.Fn::Not.0.Fn::Contains.0").([]any)
		want(t, "versions that are too old", len(refused)+1, fmt.Sprint(settings.CDKBootstrapVersion))
	})

	t.Run("is made from the list of endpoints", func(t *testing.T) {
		synthesis.Lock()
		defer synthesis.Unlock()
		app, c := newApp(t, given{"stage": "prod"})
		endpoints := append(slices.Clone(exemplar),
			contract.Endpoint{Function: "test-stream", Method: "GET", Path: "/test-streams/{name}", TableActions: []string{"Query"}},
			contract.Endpoint{Function: "test-plain", Method: "GET", Path: "/test-plain"}, // no body, no table
		)
		stacks.NewStack(app, c, endpoints, standIns(t, endpoints))
		tpl := write(t, app, c.Stage.StackName())
		want(t, "functions", len(tpl.ids("AWS::Lambda::Function")), "3")
		want(t, "permissions to invoke", len(tpl.ids("AWS::Lambda::Permission")), "3")
		want(t, "tables", len(tpl.ids("AWS::DynamoDB::Table")), "1")
		groups := tpl.ids("AWS::CodeDeploy::DeploymentGroup")
		want(t, "deployment groups", len(groups), "3")
		for _, id := range groups {
			// The API's alarms and the function's own three, not another function's.
			watched := map[string]int{}
			for _, alarm := range at(tpl.Resources[id].Properties, "AlarmConfiguration.Alarms").([]any) {
				name := tpl.Resources[at(alarm, "Name.Ref").(string)].Properties["AlarmName"].(string)
				for _, e := range endpoints {
					if strings.Contains(name, e.Function) {
						watched[e.Function]++
					}
				}
			}
			if len(watched) != 1 || slices.Collect(maps.Values(watched))[0] != 3 {
				t.Errorf("%s watches alarms of functions %v, want the three of one", id, watched)
			}
		}
		told := 0
		for _, id := range tpl.ids("AWS::Lambda::Function") {
			if at(tpl.Resources[id].Properties, "Environment.Variables."+contract.EnvEventsTable) != nil {
				told++
			}
		}
		want(t, "functions that are told of the table", told, "2")
		_, dashboard := tpl.only(t, "AWS::CloudWatch::Dashboard")
		body := compact(t, dashboard.Properties["DashboardBody"])
		for title, wanted := range map[string]bool{
			"test-stream: outcomes": true, "test-stream: operation latency": true,
			"test-plain: outcomes": true, "test-plain: operation latency": false,
		} {
			if got := strings.Contains(body, title); got != wanted {
				t.Errorf("the dashboard has a graph %q: got %t, want %t", title, got, wanted)
			}
		}
		var actions []string
		for _, s := range statements(t, tpl) {
			if strings.Contains(s.action, "dynamodb:") {
				actions = append(actions, s.action)
			}
		}
		slices.Sort(actions)
		want(t, "actions on the table", actions, `["\"dynamodb:PutItem\"","\"dynamodb:Query\""]`)
	})
}
