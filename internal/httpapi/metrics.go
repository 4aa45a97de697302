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
// It costs no call, no permission and no waiting.
type metrics struct {
	output   io.Writer
	function string
	now      func() time.Time
}

type (
	metricHeader struct {
		Timestamp         int64 // milliseconds since 1970
		CloudWatchMetrics []metricDirective
	}
	metricDirective struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []metricDefinition
	}
	metricDefinition struct {
		Name string
		Unit string
	}
)

// write counts one request under exactly one of the four outcomes.
func (m metrics) write(requestID string, res result) {
	line := map[string]any{
		contract.MetricDimensionFunction: m.function,
		logRequestID:                     requestID,
	}
	definitions := []metricDefinition{{outcomeMetric(res), "Count"}}
	line[outcomeMetric(res)] = 1
	if res.storeLatency > 0 {
		definitions = append(definitions, metricDefinition{contract.MetricStoreLatency, "Milliseconds"})
		line[contract.MetricStoreLatency] = milliseconds(res.storeLatency)
	}
	line["_aws"] = metricHeader{
		Timestamp: m.now().UnixMilli(),
		CloudWatchMetrics: []metricDirective{{
			Namespace:  contract.MetricNamespace,
			Dimensions: [][]string{{contract.MetricDimensionFunction}},
			Metrics:    definitions,
		}},
	}
	encoded, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	// Nobody can be told when standard output is gone.
	_, _ = m.output.Write(append(encoded, '\n'))
}

func outcomeMetric(res result) string {
	switch {
	case res.status() >= http.StatusInternalServerError:
		return contract.MetricFailed
	case res.problem != nil:
		return contract.MetricRejected
	case res.outcome.Replayed:
		return contract.MetricReplayed
	default:
		return contract.MetricAccepted
	}
}
