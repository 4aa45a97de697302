package httpapi

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"visitplannr/internal/contract"
)

// metrics writes CloudWatch metrics as log lines in the embedded metric format:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
// This needs no API call, no permission and no waiting.
type metrics struct {
	output   io.Writer
	function string
	now      func() time.Time
}

// metricDirective tells CloudWatch which members of a line are metrics.
type (
	metricDirective struct {
		Timestamp         int64 // milliseconds since 1970
		CloudWatchMetrics []metricSet
	}
	metricSet struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metricDefinition
	}
	metricDefinition struct{ Name, Unit string }
)

// write counts one request under exactly one of the four outcomes.
func (m metrics) write(r *Request, res result) {
	outcome := outcomeMetric(res)
	defined := []metricDefinition{{outcome, "Count"}}
	line := map[string]any{
		contract.MetricDimensionFunction: m.function,
		logRequestID:                     r.ID,
		logExtendedRequestID:             r.extendedID(),
		outcome:                          1,
	}
	if res.operationLatency > 0 {
		defined = append(defined, metricDefinition{contract.MetricOperationLatency, "Milliseconds"})
		line[contract.MetricOperationLatency] = milliseconds(res.operationLatency)
	}
	line["_aws"] = metricDirective{m.now().UnixMilli(), []metricSet{{
		contract.MetricNamespace, [][]string{{contract.MetricDimensionFunction}}, defined,
	}}}
	encoded, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	// If standard output is gone, there is nowhere to report it.
	_, _ = m.output.Write(append(encoded, '\n'))
}

func outcomeMetric(res result) string {
	switch {
	case res.status() >= http.StatusInternalServerError:
		return contract.MetricFailed
	case res.problem != nil:
		return contract.MetricRejected
	case res.answer.Replayed:
		return contract.MetricReplayed
	default:
		return contract.MetricAccepted
	}
}
