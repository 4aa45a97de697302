package stacks

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
)

// The width of a dashboard, in grid units.
const dashboardWidth = 24

// showAPI adds a row with what editors see.
func (m *monitoring) showAPI() {
	m.row(
		graph("Requests", m.apiMetric("Count", "Sum"), m.apiMetric("4XXError", "Sum"), m.apiMetric("5XXError", "Sum")),
		graph("API latency (ms)", m.apiMetric("Latency", "p50"), m.apiMetric("Latency", "p99"), m.apiMetric("IntegrationLatency", "p99")),
	)
}

// showFunction adds a row with the function's own metrics and Lambda's.
func (m *monitoring) showFunction(f function, e contract.Endpoint) {
	own := func(name, statistic string) awscloudwatch.IMetric {
		return newMetric(contract.MetricNamespace, name, statistic, map[string]*string{contract.MetricDimensionFunction: f.lambda.FunctionName()})
	}
	outcomes := []awscloudwatch.IMetric{own(contract.MetricAccepted, "Sum"), own(contract.MetricRejected, "Sum"), own(contract.MetricFailed, "Sum")}
	if e.TakesKey {
		outcomes = append(outcomes, own(contract.MetricReplayed, "Sum"))
	}
	graphs := []func(float64) awscloudwatch.IWidget{graph(f.name+": outcomes", outcomes...)}
	if e.UsesTable() {
		graphs = append(graphs, graph(f.name+": operation latency (ms)", own(contract.MetricOperationLatency, "p50"), own(contract.MetricOperationLatency, "p99")))
	}
	m.row(graphs...)
	m.row(
		graph(f.name+": invocations", f.lambda.MetricInvocations(minutely("Sum")), f.lambda.MetricErrors(minutely("Sum")),
			f.lambda.MetricThrottles(minutely("Sum"))),
		graph(f.name+": duration (ms)", f.lambda.MetricDuration(minutely("p50")), f.lambda.MetricDuration(minutely("p99")),
			f.lambda.MetricDuration(minutely("Maximum"))),
	)
}

// showTable adds a row with the use of the table's capacity.
func (m *monitoring) showTable(table awsdynamodb.ITable) {
	metric := func(name, statistic string) awscloudwatch.IMetric {
		return table.Metric(jsii.String(name), minutely(statistic))
	}
	// Consumed capacity is a sum, provisioned capacity is per second. An on-demand
	// table has no provisioned capacity.
	consumed := awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Label:        jsii.String("Consumed"),
		Expression:   jsii.String("consumed / PERIOD(consumed)"),
		UsingMetrics: &map[string]awscloudwatch.IMetric{"consumed": metric("ConsumedWriteCapacityUnits", "Sum")},
		Period:       awscdk.Duration_Minutes(jsii.Number(1)),
	})
	m.row(
		graph("Table: write units a second", consumed, metric("ProvisionedWriteCapacityUnits", "Average")),
		graph("Table: throttles", metric("WriteThrottleEvents", "Sum"), metric("ReadThrottleEvents", "Sum")),
	)
}

// showDashboard puts all rows below the state of all alarms.
func (m *monitoring) showDashboard() {
	var alarms []interfacesawscloudwatch.IAlarmRef
	for _, a := range m.alarms {
		alarms = append(alarms, a)
	}
	rows := []*[]awscloudwatch.IWidget{{awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title:  jsii.String("Alarms"),
		Width:  jsii.Number(dashboardWidth),
		Alarms: &alarms,
	})}}
	rows = append(rows, m.rows...)
	awscloudwatch.NewDashboard(m.stack, jsii.String("dashboard"), &awscloudwatch.DashboardProps{
		DashboardName: jsii.String(m.config.Stage.StackName()),
		Widgets:       &rows,
	})
}

func (m *monitoring) row(graphs ...func(width float64) awscloudwatch.IWidget) {
	var widgets []awscloudwatch.IWidget
	for _, graph := range graphs {
		widgets = append(widgets, graph(dashboardWidth/float64(len(graphs))))
	}
	m.rows = append(m.rows, &widgets)
}

func graph(title string, metrics ...awscloudwatch.IMetric) func(width float64) awscloudwatch.IWidget {
	return func(width float64) awscloudwatch.IWidget {
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: jsii.String(title),
			Width: jsii.Number(width),
			Left:  &metrics,
		})
	}
}
