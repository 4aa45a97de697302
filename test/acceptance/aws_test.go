package acceptance

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
)

// What only AWS can show: each is named by a row of docs/aws.md.

// answersForLambda looks at what others were answered, since nothing here makes Lambda
// refuse: an account with few executions does, above all when it is throttled.
func answersForLambda(t *testing.T, r run) {
	got := r.refused.Load()
	if got == nil {
		t.Skip("Lambda refused nothing")
	}
	if found := problem(t, *got, got.status); found.Type != contract.ProblemUnavailable.Type || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d, %s with Retry-After %q", got.status, found.Type, got.header.Get("Retry-After"))
	}
}

func speaksTLS(t *testing.T, r run) {
	u := check.Value(url.Parse(r.base))(t)
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dialer := tls.Dialer{Config: &tls.Config{MinVersion: version, MaxVersion: version}} //nolint:gosec // old versions must be refused
		conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "443")))
		if err == nil {
			conn.Close()
		}
		if spoken := err == nil; spoken != want {
			t.Errorf("%s is spoken: %t (%v), want %t", tls.VersionName(version), spoken, err, want)
		}
	}
}

// refusesAnotherName says another name of the same certificate in the handshake. AWS
// does not document how it refuses that.
func refusesAnotherName(t *testing.T, r run) {
	u := check.Value(url.Parse(r.base))(t)
	_, domain, _ := strings.Cut(u.Hostname(), ".")
	client := &http.Client{Timeout: httpClient.Timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{ServerName: "another." + domain, MinVersion: tls.VersionTLS12}}}
	got, err := r.send(t.Context(), request{body: r.body(), client: client, impatient: true})
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		t.Fatalf("the certificate is not for another name too, so nothing was asked: %v", err)
	}
	if err == nil && (got.status < 400 || got.status > 499) {
		t.Errorf("got %d %s, want a status of 4xx, or no answer", got.status, got.body)
	}
	t.Logf("got %d %s (%v)", got.status, got.body, err)
}

func logsWhoSigned(t *testing.T, r run) {
	got := problem(t, r.must(t, r.notJSON()), http.StatusUnsupportedMediaType)
	var found []string
	err := eventually(t.Context(), time.Minute, func() bool {
		found = r.lines(t, strings.TrimPrefix(got.Instance, "urn:uuid:"))
		return slices.ContainsFunc(found, func(line string) bool { return strings.Contains(line, `"userArn":"`+r.arn+`"`) })
	})
	if err != nil {
		t.Errorf("the log has %q, want a line with the userArn %s", found, r.arn)
	}
}

func logsAccess(t *testing.T, r run) {
	got := r.must(t, r.notJSON())
	want := map[string]string{"requestId": got.header.Get(contract.HeaderRequestID), "extendedRequestId": got.header.Get("x-amz-apigw-id"),
		"status": strconv.Itoa(http.StatusUnsupportedMediaType), "userArn": r.arn}
	var lines []string
	if err := eventually(t.Context(), 3*time.Minute, func() bool {
		lines = r.accesses(t, want["requestId"])
		return len(lines) > 0
	}); err != nil {
		t.Fatalf("no line with %s: %v", want["requestId"], err)
	}
	var line map[string]string
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
		t.Fatalf("line %q: %v", lines[0], err)
	}
	for name, want := range want {
		if line[name] != want {
			t.Errorf("%s is %q, want %q", name, line[name], want)
		}
	}
}

func publishesMetrics(t *testing.T, r run) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // for all of them
	defer cancel()
	for _, m := range r.watched {
		if err := eventually(ctx, time.Hour, func() bool { return r.published(t, m) }); err != nil {
			t.Errorf("CloudWatch has no values of %+v", m)
		}
	}
}

// ask gives a system the probes that only AWS has, and returns reasons for those that
// a stack has not.
func (a awsAPI) ask(t *testing.T, s *system, stack, function string) map[need]string {
	t.Helper()
	var caller struct {
		ARN string `xml:"GetCallerIdentityResult>Arn"`
	}
	text := check.Value(a.query(t.Context(), "sts", url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}))(t)
	check.OK(t, xml.Unmarshal([]byte(text), &caller))
	s.arn = caller.ARN

	u := check.Value(url.Parse(s.base))(t)
	api, _, _ := strings.Cut(u.Host, ".")
	s.watched = []metric{
		{"AWS/ApiGateway", "5XXError", [][2]string{{"ApiName", stack}, {"Stage", path.Base(u.Path)}}},
		{"AWS/Lambda", "Errors", [][2]string{{"FunctionName", function}}},
		{contract.MetricNamespace, contract.MetricAccepted, [][2]string{{contract.MetricDimensionFunction, function}}},
	}
	s.published = a.hasValues

	var settings struct {
		AccessLogSettings struct{ DestinationArn string }
	}
	a.get(t, "apigateway", "/restapis/"+api+"/stages/"+path.Base(u.Path), &settings)
	_, group, logged := strings.Cut(settings.AccessLogSettings.DestinationArn, ":log-group:")
	if !logged {
		return map[need]string{accessLog: "the stage has no access log"}
	}
	s.accesses = func(t *testing.T, text string) []string { return a.find(t, group, text) }
	return nil
}

func (a awsAPI) hasValues(t *testing.T, m metric) bool {
	t.Helper()
	now := time.Now().UTC()
	query := url.Values{"Action": {"GetMetricStatistics"}, "Version": {"2010-08-01"}, "Namespace": {m.namespace}, "MetricName": {m.name},
		"Period": {"60"}, "Statistics.member.1": {"SampleCount"},
		"StartTime": {now.Add(-30 * time.Minute).Format(time.RFC3339)}, "EndTime": {now.Format(time.RFC3339)}}
	for i, d := range m.dimensions {
		prefix := "Dimensions.member." + strconv.Itoa(i+1)
		query.Set(prefix+".Name", d[0])
		query.Set(prefix+".Value", d[1])
	}
	text := check.Value(a.query(t.Context(), "monitoring", query))(t)
	return strings.Contains(text, "<SampleCount>")
}
