package test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
	"visitplannr/stacks"
	"visitplannr/test/check"
)

func TestAlarms(t *testing.T) {
	t.Parallel()
	t.Run("ring for these reasons and no others", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		var got []string
		for _, id := range tpl.ids("AWS::CloudWatch::Alarm") {
			p := tpl.Resources[id].Properties
			statistic := p["Statistic"]
			if statistic == nil {
				statistic = p["ExtendedStatistic"]
			}
			metric := fmt.Sprint(p["Namespace"], " ", p["MetricName"], " ", statistic)
			want(t, id+" comparison", p["ComparisonOperator"], `"GreaterThanOrEqualToThreshold"`)
			want(t, id+" missing data", p["TreatMissingData"], `"notBreaching"`)
			got = append(got, fmt.Sprintf("%s: %s >= %v in %v of %v minutes",
				p["AlarmName"], metric, p["Threshold"], p["DatapointsToAlarm"], p["EvaluationPeriods"]))
		}
		slices.Sort(got)
		wanted := []string{
			"visitplannr-prod-api-4xx: AWS/ApiGateway 4XXError Average >= 0.5 in 5 of 5 minutes",
			"visitplannr-prod-api-5xx: AWS/ApiGateway 5XXError Sum >= 1 in 2 of 5 minutes",
			"visitplannr-prod-api-latency: AWS/ApiGateway Latency p99 >= 3000 in 3 of 5 minutes",
			"visitplannr-prod-propose-destination-duration: AWS/Lambda Duration Maximum >= 8000 in 2 of 5 minutes",
			"visitplannr-prod-propose-destination-errors: AWS/Lambda Errors Sum >= 1 in 1 of 5 minutes",
			"visitplannr-prod-propose-destination-throttles: AWS/Lambda Throttles Sum >= 1 in 2 of 5 minutes",
			"visitplannr-prod-table-errors-PutItem: AWS/DynamoDB SystemErrors Sum >= 1 in 2 of 5 minutes",
			"visitplannr-prod-table-read-throttles: AWS/DynamoDB ReadThrottleEvents Sum >= 1 in 3 of 5 minutes",
			"visitplannr-prod-table-write-throttles: AWS/DynamoDB WriteThrottleEvents Sum >= 1 in 3 of 5 minutes",
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(wanted, "\n     "))
		}
	})

	t.Run("say what to do, and lead to a heading of the runbook", func(t *testing.T) {
		runbook := check.Value(os.ReadFile("../docs/runbook.md"))(t)
		tpl := synth(t, given{"stage": "prod"})
		link := regexp.MustCompile(`^[A-Z].{30,}\. See docs/runbook\.md#([a-z0-9-]+)\.$`)
		for _, id := range tpl.ids("AWS::CloudWatch::Alarm") {
			description, _ := tpl.Resources[id].Properties["AlarmDescription"].(string)
			m := link.FindStringSubmatch(description)
			if m == nil {
				t.Errorf("%s: got description %q, want advice and a link into docs/runbook.md", id, description)
				continue
			}
			if !regexp.MustCompile(`(?m)^#+ ` + m[1] + `$`).Match(runbook) {
				t.Errorf("%s: docs/runbook.md has no heading %q", id, m[1])
			}
		}
	})

	t.Run("are warned about while nobody is told", func(t *testing.T) {
		synthesis.Lock()
		defer synthesis.Unlock()
		for address, warnings := range map[string]string{"": "1", settings.Nobody: "0", "ops@example.org": "0"} {
			app, c := newApp(t, given{"stage": "prod", "alarmEmail": address})
			stack := stacks.NewStack(app, c, exemplar, standIns(t, exemplar))
			found := *assertions.Annotations_FromStack(stack).FindWarning(jsii.String("*"), assertions.Match_StringLikeRegexp(jsii.String("-c alarmEmail=")))
			want(t, "warnings with alarmEmail="+address, len(found), warnings)
		}
	})

	t.Run("tell somebody when an address is configured", func(t *testing.T) {
		for actions, s := range []given{{"stage": "prod"}, guarded} {
			tpl := synth(t, s)
			want(t, "topics", len(tpl.ids("AWS::SNS::Topic")), fmt.Sprint(actions))
			for _, id := range tpl.ids("AWS::CloudWatch::Alarm") {
				for _, kind := range []string{"AlarmActions", "OKActions"} {
					list, _ := tpl.Resources[id].Properties[kind].([]any)
					want(t, id+" "+kind, len(list), fmt.Sprint(actions))
				}
			}
		}
	})
}

func TestAlarmTopicIsEncrypted(t *testing.T) {
	t.Parallel()
	tpl := synth(t, guarded)
	key, k := tpl.only(t, "AWS::KMS::Key")
	topic, p := tpl.only(t, "AWS::SNS::Topic")
	want(t, "key of the topic", p.Properties["KmsMasterKeyId"], fmt.Sprintf(`{"Fn::GetAtt":["%s","Arn"]}`, key))
	want(t, "rotation", k.Properties["EnableKeyRotation"], "true")
	_, s := tpl.only(t, "AWS::SNS::Subscription")
	want(t, "subscription", s.Properties, fmt.Sprintf(`{"Endpoint":"ops@example.org","Protocol":"email","TopicArn":{"Ref":"%s"}}`, topic))
}

func TestDashboardShowsWhatTheFunctionMeasures(t *testing.T) {
	t.Parallel()
	_, dashboard := synth(t, given{"stage": "prod"}).only(t, "AWS::CloudWatch::Dashboard")
	body := compact(t, dashboard.Properties["DashboardBody"])
	for _, name := range []string{contract.MetricAccepted, contract.MetricReplayed, contract.MetricRejected, contract.MetricFailed, contract.MetricOperationLatency} {
		if !strings.Contains(body, fmt.Sprintf(`[\"%s\",\"%s\",\"%s\"`, contract.MetricNamespace, name, contract.MetricDimensionFunction)) {
			t.Errorf("got no metric %s in the dashboard", name)
		}
	}
}

// units says in what a metric is measured as a graph shows it: over a minute, a count
// is a sum.
var units = map[string]string{
	"Count": "a minute", "4XXError": "a minute", "5XXError": "a minute",
	"Latency": "ms", "IntegrationLatency": "ms",
	contract.MetricAccepted: "a minute", contract.MetricRejected: "a minute", contract.MetricFailed: "a minute", contract.MetricReplayed: "a minute",
	contract.MetricOperationLatency: "ms",
	"Invocations":                   "a minute", "Errors": "a minute", "Throttles": "a minute", "Duration": "ms",
	"ConsumedWriteCapacityUnits": "units a minute", "ProvisionedWriteCapacityUnits": "units a second", "consumed / PERIOD(consumed)": "units a second",
	"WriteThrottleEvents": "a minute", "ReadThrottleEvents": "a minute",
}

func TestNoGraphOfTheDashboardMixesUnits(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"dev", "prod"} {
		_, dashboard := synth(t, given{"stage": stage}).only(t, "AWS::CloudWatch::Dashboard")
		// The body is JSON in pieces, between which CloudFormation puts names.
		var text strings.Builder
		for _, piece := range at(dashboard.Properties["DashboardBody"], "Fn::Join.1").([]any) {
			if s, ok := piece.(string); ok {
				text.WriteString(s)
			} else {
				text.WriteString("x")
			}
		}
		var body struct {
			Widgets []struct {
				Properties struct {
					Title   string
					Metrics [][]any
				}
			}
		}
		check.OK(t, json.Unmarshal([]byte(text.String()), &body))
		graphs := 0
		for _, w := range body.Widgets {
			var unit string
			for _, m := range w.Properties.Metrics {
				options, _ := m[len(m)-1].(map[string]any)
				if options["visible"] == false {
					continue
				}
				what, ok := options["expression"].(string)
				if !ok {
					what = m[1].(string)
				}
				if units[what] == "" {
					t.Errorf("%s, %q: say in what %s is measured", stage, w.Properties.Title, what)
				}
				if unit != "" && unit != units[what] {
					t.Errorf("%s, %q: %s is in %s, beside %s", stage, w.Properties.Title, what, units[what], unit)
				}
				unit = units[what]
				graphs++
			}
		}
		if graphs < 15 {
			t.Errorf("%s: got %d metrics", stage, graphs)
		}
	}
}
