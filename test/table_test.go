package test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

func TestEventsTable(t *testing.T) {
	t.Parallel()
	t.Run("is keyed by stream and event", func(t *testing.T) {
		// By letter, and not by the constants that the stack uses: a table's keys
		// cannot change, so a change of the constants must not pass.
		_, table := synth(t, given{"stage": "prod"}).only(t, "AWS::DynamoDB::Table")
		want(t, "KeySchema", table.Properties["KeySchema"],
			`[{"AttributeName":"StreamName","KeyType":"HASH"},{"AttributeName":"EventId","KeyType":"RANGE"}]`)
		want(t, "AttributeDefinitions", table.Properties["AttributeDefinitions"],
			`[{"AttributeName":"StreamName","AttributeType":"S"},{"AttributeName":"EventId","AttributeType":"S"}]`)
	})

	t.Run("scales reads and writes at 70 % between its bounds", func(t *testing.T) {
		tpl, c := synth(t, given{"stage": "dev"}), given{"stage": "dev"}.config(t)
		_, table := tpl.only(t, "AWS::DynamoDB::Table")
		want(t, "ProvisionedThroughput", table.Properties["ProvisionedThroughput"], fmt.Sprintf(`{"ReadCapacityUnits":%d,"WriteCapacityUnits":%[1]d}`, c.CapacityMin))
		targets := map[any]bool{}
		for _, id := range tpl.ids("AWS::ApplicationAutoScaling::ScalableTarget") {
			p := tpl.Resources[id].Properties
			targets[p["ScalableDimension"]] = true
			want(t, id+" MinCapacity", p["MinCapacity"], strconv.Itoa(c.CapacityMin))
			want(t, id+" MaxCapacity", p["MaxCapacity"], strconv.Itoa(c.CapacityMax))
		}
		want(t, "dimensions read and write", len(targets), "2")
		policies := tpl.ids("AWS::ApplicationAutoScaling::ScalingPolicy")
		want(t, "policies", len(policies), "2")
		for _, id := range policies {
			want(t, id+" target", at(tpl.Resources[id].Properties, "TargetTrackingScalingPolicyConfiguration.TargetValue"), "70")
		}
	})

	t.Run("on demand has no capacity to scale", func(t *testing.T) {
		// prod is on demand: a burst that the API admits meets capacity from the first second.
		for _, s := range []given{contrary, {"stage": "prod"}} {
			tpl := synth(t, s)
			_, table := tpl.only(t, "AWS::DynamoDB::Table")
			want(t, "BillingMode", table.Properties["BillingMode"], `"PAY_PER_REQUEST"`)
			want(t, "ProvisionedThroughput", table.Properties["ProvisionedThroughput"], "null")
			want(t, "scalable targets", len(tpl.ids("AWS::ApplicationAutoScaling::ScalableTarget")), "0")
		}
	})

	t.Run("prod keeps its data", func(t *testing.T) {
		_, table := synth(t, given{"stage": "prod"}).only(t, "AWS::DynamoDB::Table")
		want(t, "point in time recovery", at(table.Properties, "PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled"), "true")
		want(t, "DeletionProtectionEnabled", table.Properties["DeletionProtectionEnabled"], "true")
		want(t, "DeletionPolicy", table.DeletionPolicy, `"Retain"`)
		want(t, "UpdateReplacePolicy", table.UpdateReplacePolicy, `"Retain"`)
	})

	t.Run("dev goes with its stack", func(t *testing.T) {
		_, table := synth(t, given{"stage": "dev"}).only(t, "AWS::DynamoDB::Table")
		want(t, "DeletionProtectionEnabled", table.Properties["DeletionProtectionEnabled"], "false")
		want(t, "DeletionPolicy", table.DeletionPolicy, `"Delete"`)
		want(t, "UpdateReplacePolicy", table.UpdateReplacePolicy, `"Delete"`)
	})
}

// A table that is there already takes the place of the stack's own everywhere.
func TestEventsTableOfTheSettings(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"dev", "prod"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			const name = "events-restored"
			tpl := synth(t, given{"stage": stage, "eventsTable": name})
			want(t, "tables", len(tpl.ids("AWS::DynamoDB::Table")), "0")
			want(t, "scalable targets", len(tpl.ids("AWS::ApplicationAutoScaling::ScalableTarget")), "0")
			want(t, "output", tpl.Outputs["EventsTableName"].Value, `"`+name+`"`)

			f := functionOf(t, tpl, contract.ProposeDestination)
			want(t, "what the function is told", at(f.Properties, "Environment.Variables."+contract.EnvEventsTable), `"`+name+`"`)
			granted := 0
			for _, s := range statements(t, tpl) {
				if s.action != `"dynamodb:PutItem"` {
					continue
				}
				granted++
				want(t, "grant", json.RawMessage(s.text), `{"Action":"dynamodb:PutItem","Effect":"Allow","Resource":{"Fn::Join":["",["arn:",{"Ref":"AWS::Partition"},":dynamodb:",{"Ref":"AWS::Region"},":",{"Ref":"AWS::AccountId"},":table/`+name+`"]]}}`)
			}
			want(t, "grants", granted, "1")

			watched := 0
			for _, id := range tpl.ids("AWS::CloudWatch::Alarm") {
				if p := tpl.Resources[id].Properties; p["Namespace"] == "AWS/DynamoDB" || at(p, "Metrics.1.MetricStat.Metric.Namespace") == "AWS/DynamoDB" {
					watched++
					if text := compact(t, p); !strings.Contains(text, `"Value":"`+name+`"`) {
						t.Errorf("%s watches another table: %s", id, text)
					}
				}
			}
			if watched < 2 {
				t.Errorf("got %d alarms of the table, want at least 2", watched)
			}
		})
	}
}
