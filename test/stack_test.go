package test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/stacks"
)

func TestStack(t *testing.T) {
	t.Parallel()
	t.Run("tells where the API, the table and the function are", func(t *testing.T) {
		got := slices.Sorted(maps.Keys(synth(t, settings{"stage": "dev"}).Outputs))
		want(t, "outputs", got, `["`+stacks.OutputAPIURL+`","`+stacks.OutputEventsTable+`","`+stacks.OutputFunctionName+`"]`)
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

	t.Run("takes a second function with one line more", func(t *testing.T) {
		synthesis.Lock()
		defer synthesis.Unlock()
		app, c := newApp(t, settings{"stage": "prod"})
		endpoints := append(stacks.Endpoints(), stacks.Endpoint{
			Function: "read-stream",
			Route:    contract.Route{Method: "GET", Path: "/streams/{name}"},
			Actions:  []string{"dynamodb:Query"},
		})
		stacks.NewStack(app, c, endpoints, standIns(t, endpoints))
		tpl := write(t, app, stacks.StackName(c.Stage))
		want(t, "functions", len(tpl.ids("AWS::Lambda::Function")), "2")
		want(t, "permissions to invoke", len(tpl.ids("AWS::Lambda::Permission")), "2")
		want(t, "tables", len(tpl.ids("AWS::DynamoDB::Table")), "1")
		for _, id := range tpl.ids("AWS::CodeDeploy::DeploymentGroup") {
			// The API's two and the function's own three, not the other function's.
			want(t, "alarms of "+id, len(at(tpl.Resources[id].Properties, "AlarmConfiguration.Alarms").([]any)), "5")
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
