package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

// reply is what one of AWS's services says to one question.
type reply struct {
	status int
	body   string
}

// An account in which prod can be deployed, as AWS's API references print the answers.
var ready = map[string]reply{
	"sts": {200, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<Arn>arn:aws:iam::123456789012:user/Alice</Arn><UserId>AKIAI44QH8DHBEXAMPLE</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`},
	"cloudformation": {400, `<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type><Code>ValidationError</Code>` +
		`<Message>Stack with id visitplannr-prod does not exist</Message></Error><RequestId>x</RequestId></ErrorResponse>`},
	"ssm":        {200, `{"Parameter":{"Name":"/cdk-bootstrap/hnb659fds/version","Type":"String","Value":"30","Version":1}}`},
	"apigateway": {200, `{"cloudwatchRoleArn":"arn:aws:iam::123456789012:role/apigateway-logs","throttleSettings":{"burstLimit":5000,"rateLimit":10000.0},"features":["UsagePlans"]}`},
	"lambda":     {200, `{"AccountLimit":{"TotalCodeSize":80530636800,"CodeSizeUnzipped":262144000,"CodeSizeZipped":52428800,"ConcurrentExecutions":100000,"UnreservedConcurrentExecutions":100000},"AccountUsage":{"TotalCodeSize":0,"FunctionCount":0}}`},
	"monitoring DescribeAlarms": {200, `<DescribeAlarmsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><DescribeAlarmsResult>` +
		`<MetricAlarms><member><AlarmName>visitplannr-production-api-5xx</AlarmName></member></MetricAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>`},
	"monitoring ListDashboards": {200, `<ListDashboardsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><ListDashboardsResult><DashboardEntries/></ListDashboardsResult></ListDashboardsResponse>`},
	"dynamodb":                  {200, `{"Table":{"TableName":"events-restored","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"StreamName","KeyType":"HASH"},{"AttributeName":"EventId","KeyType":"RANGE"}]}}`},
}

func inState(state string) reply {
	return reply{200, `<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><DescribeStacksResult><Stacks><member>` +
		`<StackName>visitplannr-prod</StackName><StackStatus>` + state + `</StackStatus>` +
		`<Outputs><member><OutputKey>FunctionName</OutputKey><OutputValue>visitplannr-prod-f</OutputValue></member></Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`}
}

// reserved is what prod's functions reserve together.
var reserved = 100 * len(contract.Endpoints())

// quota is an account of which so much is not reserved.
func quota(unreserved int) reply {
	return reply{200, fmt.Sprintf(`{"AccountLimit":{"ConcurrentExecutions":100000,"UnreservedConcurrentExecutions":%d}}`, unreserved)}
}

// holding is a function that reserves so much.
func holding(reserved int) reply {
	return reply{200, fmt.Sprintf(`{"ReservedConcurrentExecutions":%d}`, reserved)}
}

// signedFor finds the service in a signature's scope.
var signedFor = regexp.MustCompile(`Credential=\w+/\d+/eu-west-1/([a-z]+)/aws4_request`)

// fakeAWS answers as the account does, but for the replies that are given.
func fakeAWS(t *testing.T, instead map[string]reply) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := signedFor.FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil {
			t.Errorf("%s %s is not signed for a service: %q", r.Method, r.URL, r.Header.Get("Authorization"))
			return
		}
		service := m[1]
		if strings.HasPrefix(r.URL.Path, "/2019-09-30/functions/visitplannr-prod-f/concurrency") {
			service += " reserved"
		}
		if service == "monitoring" {
			service += " " + r.PostFormValue("Action")
		} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		answer, found := instead[service]
		if !found {
			answer = ready[service]
		}
		if service == "apigateway" && answer.status == 403 {
			w.Header().Set("X-Amzn-Errortype", "AccessDeniedException:http://internal.amazon.com/")
		}
		if service == "dynamodb" {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		}
		w.WriteHeader(answer.status)
		fmt.Fprint(w, answer.body)
	}))
	t.Cleanup(server.Close)
	awsEnvironment(t, server.URL)
}

// The SDK reads the environment of the process, so these tests are not parallel.
func TestCheck(t *testing.T) {
	t.Run("passes where a stage can be deployed", func(t *testing.T) {
		fakeAWS(t, nil)
		got := visitplannr(t.Context(), nil, "check", "-c", "stage=prod", "-c", "alarmEmail=ops@example.org", "-c", "eventsTable=events-restored")
		want := `ok    credentials        arn:aws:iam::123456789012:user/Alice, region eu-west-1
ok    stack              visitplannr-prod does not exist yet
ok    CDK bootstrap      version 30
ok    API log role       arn:aws:iam::123456789012:role/apigateway-logs
ok    Lambda concurrency the account has 100000, of which 100000 are not reserved; the stage reserves ` + fmt.Sprint(reserved) + `
ok    names              free
ok    events table       events-restored exists
ok    alarms             sent to ops@example.org, once the address is confirmed
`
		if got.code != 0 || got.stdout != want || got.stderr != "" {
			t.Errorf("got exit code %d, %q and\n%s\nwant 0 and\n%s", got.code, got.stderr, got.stdout, want)
		}
	})

	for _, c := range []struct {
		title    string
		settings []string
		instead  map[string]reply
		line     string // a pattern of the line that tells
		code     int
	}{
		{"no bootstrap", nil, map[string]reply{"ssm": {400, `{"__type":"ParameterNotFound"}`}},
			`FAIL  CDK bootstrap .*npx cdk bootstrap aws://123456789012/eu-west-1`, 1},
		{"an old bootstrap", nil, map[string]reply{"ssm": {200, `{"Parameter":{"Value":"5"}}`}},
			`FAIL  CDK bootstrap +version "5", want at least 6: run npx cdk bootstrap`, 1},
		{"a bootstrap that one may not see", nil, map[string]reply{"ssm": {400, `{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: x is not authorized"}`}},
			`FAIL  CDK bootstrap .*permission ssm:GetParameter \(AccessDeniedException: User: x`, 1},
		{"no log role", nil, map[string]reply{"apigateway": {200, `{"throttleSettings":{}}`}}, `FAIL  API log role .*docs/runbook\.md.*-c accessLogs=false`, 1},
		{"no log role where none is needed", []string{"accessLogs=false"}, map[string]reply{"apigateway": {200, `{}`}}, `ok    API log role +not needed`, 0},
		{"a log role that one may not see", nil, map[string]reply{"apigateway": {403, `{"Message":"User: x is not authorized"}`}},
			`FAIL  API log role .*permission apigateway:GET on /account \(AccessDeniedException`, 1},
		{"the quota of a new account", nil, map[string]reply{"lambda": {200, `{"AccountLimit":{"ConcurrentExecutions":10,"UnreservedConcurrentExecutions":10}}`}},
			`FAIL  Lambda concurrency .*has 10, .*reserves \d+, .*request-service-quota-increase .*--desired-value 1000`, 1},
		{"the quota of a new account where nothing is reserved", []string{"reservedConcurrency=0"},
			map[string]reply{"lambda": {200, `{"AccountLimit":{"ConcurrentExecutions":10,"UnreservedConcurrentExecutions":10}}`}}, `ok    Lambda concurrency`, 0},
		{"a quota that others reserve", nil, map[string]reply{"lambda": quota(reserved + 99)},
			`FAIL  Lambda concurrency .*--desired-value 100001`, 1},
		{"a quota that is just enough", nil, map[string]reply{"lambda": quota(reserved + 100)},
			`ok    Lambda concurrency`, 0},
		{"a stack that is deployed", nil, map[string]reply{"cloudformation": inState("UPDATE_COMPLETE"),
			"monitoring DescribeAlarms": {500, ""}, "lambda": quota(100), "lambda reserved": holding(reserved)},
			`ok    stack +visitplannr-prod exists, in UPDATE_COMPLETE`, 0},
		{"a reservation that is raised on a stack", []string{"reservedConcurrency=300"}, map[string]reply{"cloudformation": inState("UPDATE_COMPLETE"),
			"lambda": quota(3*reserved - reserved + 99), "lambda reserved": holding(reserved)},
			`FAIL  Lambda concurrency .*reserves \d+, and the stack has \d+ of them, .*--desired-value 100001`, 1},
		{"a reservation that is raised as far as it can be", []string{"reservedConcurrency=300"}, map[string]reply{"cloudformation": inState("UPDATE_COMPLETE"),
			"lambda": quota(3*reserved - reserved + 100), "lambda reserved": holding(reserved)}, `ok    Lambda concurrency`, 0},
		{"a stack without a reservation", nil, map[string]reply{"cloudformation": inState("UPDATE_COMPLETE"), "lambda": quota(reserved + 99),
			"lambda reserved": {200, `{}`}}, `FAIL  Lambda concurrency .*--desired-value 100001`, 1},
		{"a stack whose function is gone", nil, map[string]reply{"cloudformation": inState("UPDATE_COMPLETE"), "lambda": quota(reserved + 100),
			"lambda reserved": {404, `{"__type":"ResourceNotFoundException"}`}}, `ok    Lambda concurrency`, 0},
		{"a reservation that one may not see", nil, map[string]reply{"cloudformation": inState("UPDATE_COMPLETE"),
			"lambda reserved": {403, `{"__type":"AccessDeniedException"}`}}, `FAIL  Lambda concurrency .*permission lambda:GetFunctionConcurrency`, 1},
		{"alarms beside a change set that waits", nil, map[string]reply{"cloudformation": inState("REVIEW_IN_PROGRESS"), "lambda reserved": {200, `{}`},
			"monitoring DescribeAlarms": {200, strings.ReplaceAll(ready["monitoring DescribeAlarms"].body, "production", "prod")}}, `FAIL  names `, 1},
		{"a first deployment that failed", nil, map[string]reply{"cloudformation": inState("ROLLBACK_COMPLETE")}, `FAIL  stack .*delete-stack --stack-name visitplannr-prod`, 1},
		{"a roll back that failed", nil, map[string]reply{"cloudformation": inState("UPDATE_ROLLBACK_FAILED")}, `FAIL  stack .*A deployment that is stuck.*docs/runbook\.md`, 1},
		{"a deployment under way", nil, map[string]reply{"cloudformation": inState("UPDATE_IN_PROGRESS")}, `FAIL  stack .*wait`, 1},
		{"a change set that waits", nil, map[string]reply{"cloudformation": inState("REVIEW_IN_PROGRESS"), "lambda reserved": {200, `{}`}}, `ok    stack `, 0},
		{"an alarm of the same name", nil, map[string]reply{"monitoring DescribeAlarms": {200, strings.ReplaceAll(ready["monitoring DescribeAlarms"].body, "production", "prod")}},
			`FAIL  names +these exist and are not the stack.s: visitplannr-prod-api-5xx`, 1},
		{"a dashboard of the same name", nil, map[string]reply{"monitoring ListDashboards": {200, `<ListDashboardsResponse><ListDashboardsResult><DashboardEntries>` +
			`<member><DashboardName>visitplannr-prod</DashboardName></member></DashboardEntries></ListDashboardsResult></ListDashboardsResponse>`}},
			`FAIL  names +these exist and are not the stack.s: visitplannr-prod;`, 1},
		{"alarms that one may not see", nil, map[string]reply{"monitoring DescribeAlarms": {403, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`}},
			`FAIL  names +.*permission cloudwatch:DescribeAlarms \(AccessDenied: no\)`, 1},
		{"a table that is not there", []string{"eventsTable=nope"}, map[string]reply{"dynamodb": {400, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`}},
			`FAIL  events table +nope cannot be used: `, 1},
		{"alarms that nobody hears", []string{"alarmEmail="}, nil, `WARN  alarms .*-c alarmEmail=ADDRESS`, 0},
		{"credentials that have expired", nil, map[string]reply{"sts": {403, `<ErrorResponse><Error><Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error></ErrorResponse>`}},
			`FAIL  credentials .*ExpiredToken`, 1},
		{"something that is not AWS", nil, map[string]reply{"ssm": {200, `<html>`}}, `FAIL  CDK bootstrap .*ssm:GetParameter`, 1},
	} {
		t.Run("tells "+c.title, func(t *testing.T) {
			fakeAWS(t, c.instead)
			args := []string{"check", "-c", "stage=prod", "-c", "alarmEmail=ops@example.org"}
			for _, s := range c.settings {
				args = append(args, "-c", s)
			}
			got := visitplannr(t.Context(), nil, args...)
			if got.code != c.code || !regexp.MustCompile(`(?m)^`+c.line).MatchString(got.stdout) {
				t.Errorf("got exit code %d and\n%swant %d and %s", got.code, got.stdout, c.code, c.line)
			}
			if failed := strings.Contains(got.stdout, "FAIL"); failed != (c.code == 1) {
				t.Errorf("exit code %d, but a line says FAIL: %t", got.code, failed)
			}
		})
	}

	t.Run("says what to set where there is no region", func(t *testing.T) {
		fakeAWS(t, nil)
		t.Setenv("AWS_REGION", "")
		t.Setenv("AWS_DEFAULT_REGION", "")
		if got := visitplannr(t.Context(), nil, "check"); got.code != 1 || !strings.Contains(got.stdout, "set AWS_REGION") {
			t.Errorf("got %+v", got)
		}
	})

	t.Run("refuses settings that cdk would refuse", func(t *testing.T) {
		if got := visitplannr(t.Context(), nil, "check", "-c", "stage=live"); got.code != 2 || !strings.Contains(got.stderr, "dev or prod") {
			t.Errorf("got %+v", got)
		}
	})
}
