package httpapi

import (
	"encoding/json"
	"fmt"
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

// metricDirective tells CloudWatch which members of a line are metrics. It is text
// because encoding/json would have to learn its types first, which is a tenth of
// a millisecond of each cold start. Its verbs: the time in milliseconds since
// 1970, the outcome, and the definition of the latency, if there is one.
const (
	metricDirective = `{"Timestamp":%d,"CloudWatchMetrics":[{` +
		`"Namespace":"` + contract.MetricNamespace + `",` +
		`"Dimensions":[["` + contract.MetricDimensionFunction + `"]],` +
		`"Metrics":[{"Name":"%s","Unit":"Count"}%s]}]}`
	latencyDefinition = `,{"Name":"` + contract.MetricStoreLatency + `","Unit":"Milliseconds"}`
)

// write counts one request under exactly one of the four outcomes.
func (m metrics) write(requestID string, res result) {
	line := map[string]any{
		contract.MetricDimensionFunction: m.function,
		logRequestID:                     requestID,
		outcomeMetric(res):               1,
	}
	latency := ""
	if res.storeLatency > 0 {
		latency = latencyDefinition
		line[contract.MetricStoreLatency] = milliseconds(res.storeLatency)
	}
	line["_aws"] = json.RawMessage(fmt.Sprintf(metricDirective, m.now().UnixMilli(), outcomeMetric(res), latency))
	encoded, err := json.Marshal(line)
	if err != nil {
		panic(err) // strings and numbers always encode, and the directive is JSON
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
	case res.answer.Replayed:
		return contract.MetricReplayed
	default:
		return contract.MetricAccepted
	}
}
