package stacks

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/internal/settings"
)

// monitoring is what an operator needs to notice and judge a failure: alarms, and a
// dashboard, whose rows are in dashboard.go.
type monitoring struct {
	stack  awscdk.Stack
	config settings.Config
	notify awscloudwatch.IAlarmAction // nil: nobody is notified
	alarms []awscloudwatch.Alarm
	ofAPI  []awscloudwatch.Alarm
	rows   []*[]awscloudwatch.IWidget
}

func newMonitoring(stack awscdk.Stack, c settings.Config) *monitoring {
	m := &monitoring{stack: stack, config: c}
	switch c.AlarmEmail {
	case "":
		awscdk.Annotations_Of(stack).AddWarningV2(jsii.String("visitplannr:alarmEmail"), jsii.String(
			"The alarms of "+string(c.Stage)+" notify nobody. Set -c alarmEmail=ADDRESS, or -c alarmEmail="+settings.Nobody+" if that is intended."), nil)
	case settings.Nobody:
	default:
		m.notify = awscloudwatchactions.NewSnsAction(newAlarmTopic(stack, c.AlarmEmail))
	}
	return m
}

// alarm says when a metric is a reason to act, and what to do then. It evaluates each
// of the last five minutes.
type alarm struct {
	heading   string // in docs/runbook.md; also the alarm's name, unless name is set
	metric    awscloudwatch.IMetric
	threshold float64 // rings at or above this value
	minutes   int     // of the last five that must reach the threshold
	advice    string  // what to do first, in a sentence
	name      string
}

func (m *monitoring) add(alarms ...alarm) []awscloudwatch.Alarm {
	var added []awscloudwatch.Alarm
	for _, a := range alarms {
		if a.name == "" {
			a.name = a.heading
		}
		created := awscloudwatch.NewAlarm(m.stack, jsii.String(a.name), &awscloudwatch.AlarmProps{
			AlarmName:          jsii.String(m.config.Stage.StackName() + "-" + a.name),
			AlarmDescription:   jsii.String(a.advice + " See docs/runbook.md#" + a.heading + "."),
			Metric:             a.metric,
			Threshold:          jsii.Number(a.threshold),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			EvaluationPeriods:  jsii.Number(5),
			DatapointsToAlarm:  jsii.Number(a.minutes),
			// No data is normal: at night nobody proposes anything.
			TreatMissingData: awscloudwatch.TreatMissingData_NOT_BREACHING,
		})
		if m.notify != nil {
			created.AddAlarmAction(m.notify)
			created.AddOkAction(m.notify)
		}
		added = append(added, created)
	}
	m.alarms = append(m.alarms, added...)
	return added
}

// minutely returns the options of a per-minute metric.
func minutely(statistic string) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{
		Statistic: jsii.String(statistic),
		Period:    awscdk.Duration_Minutes(jsii.Number(1)),
	}
}

// apiMetric returns a metric of the API's stage, with dimensions from the settings.
// References to the resources would be circular: alarm, deployment group, alias,
// method, stage, alarm.
func (m *monitoring) apiMetric(name, statistic string) awscloudwatch.Metric {
	return newMetric("AWS/ApiGateway", name, statistic, map[string]*string{
		"ApiName": jsii.String(apiName(m.config)),
		"Stage":   jsii.String(string(m.config.Stage)),
	})
}

// newMetric returns a per-minute metric that no construct of the CDK offers.
func newMetric(namespace, name, statistic string, dimensions map[string]*string) awscloudwatch.Metric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(namespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &dimensions,
		Statistic:     jsii.String(statistic),
		Period:        awscdk.Duration_Minutes(jsii.Number(1)),
	})
}

// watchAPI adds alarms for failures on our side and for slow answers.
func (m *monitoring) watchAPI() {
	m.ofAPI = m.add(
		alarm{heading: "api-5xx", metric: m.apiMetric("5XXError", "Sum"), threshold: 1, minutes: 2,
			advice: "Editors get 5xx answers: find the request ids in the API's access log, then the cause in the function's log."},
		alarm{heading: "api-latency", metric: m.apiMetric("Latency", "p99"), threshold: 3000, minutes: 3,
			advice: "One request in a hundred takes 3 s or more: look at the traces, and at the table's throttles."})
	// This alarm does not roll a new version back, or one faulty client could stop
	// every deployment.
	m.add(alarm{heading: "api-4xx", metric: m.apiMetric("4XXError", "Average"), threshold: 0.5, minutes: 5,
		advice: "Half of all requests have been refused for five minutes: see in the access log whether it is one client, or all since a deployment."})
	m.showAPI()
}

// watchFunction adds alarms for a function that fails or is about to. It returns the
// alarms that roll back a new version of the function, including the API's.
func (m *monitoring) watchFunction(f function, e contract.Endpoint) []awscloudwatch.Alarm {
	name := func(kind string) string { return f.name + "-" + kind }
	own := m.add(
		alarm{heading: "function-errors", name: name("errors"), metric: f.lambda.MetricErrors(minutely("Sum")), threshold: 1, minutes: 1,
			advice: "The function crashed or timed out, which no request should cause: read the stack trace in its log, and roll back if the version is new."},
		alarm{heading: "function-throttles", name: name("throttles"), metric: f.lambda.MetricThrottles(minutely("Sum")), threshold: 1, minutes: 2,
			advice: "Lambda refuses to start the function: raise its reserved concurrency, or the account's limit."},
		alarm{heading: "function-duration", name: name("duration"), metric: f.lambda.MetricDuration(minutely("Maximum")), threshold: 0.8 * float64(settings.FunctionTimeout.Milliseconds()), minutes: 2,
			advice: "Requests take nearly as long as the function's timeout: look for a slow table in the traces."})
	m.showFunction(f, e)
	return slices.Concat(m.ofAPI, own)
}

// watchTable adds alarms for a table that cannot serve its requests.
func (m *monitoring) watchTable(table awsdynamodb.ITable, endpoints []contract.Endpoint) {
	for _, kind := range []string{"Read", "Write"} {
		m.add(alarm{heading: "table-throttles", name: "table-" + strings.ToLower(kind) + "-throttles", threshold: 1, minutes: 3,
			metric: table.Metric(jsii.String(kind+"ThrottleEvents"), minutely("Sum")),
			advice: "The table throttles for minutes on end: raise capacityMax, or look for one stream that takes all writes."})
	}
	// System errors are counted per operation, so watch the operations in use.
	var watched []string
	for _, e := range endpoints {
		for _, operation := range e.TableActions {
			if slices.Contains(watched, operation) {
				continue
			}
			watched = append(watched, operation)
			m.add(alarm{heading: "table-errors", name: "table-errors-" + operation, threshold: 1, minutes: 2,
				metric: table.Metric(jsii.String("SystemErrors"), &awscloudwatch.MetricOptions{
					Statistic:     jsii.String("Sum"),
					Period:        awscdk.Duration_Minutes(jsii.Number(1)),
					DimensionsMap: &map[string]*string{"TableName": table.TableName(), "Operation": jsii.String(operation)},
				}),
				advice: "DynamoDB answers with internal errors: see the AWS Health Dashboard. Editors are told to retry."})
		}
	}
	m.showTable(table)
}
