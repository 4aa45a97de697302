package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/settings"
)

const aboutCheck = `Asks the account whether a stage can be deployed to it, and says what to do where it
cannot. Run it before the first 'npx cdk deploy' in an account and region, with the
same -c:

  visitplannr check -c stage=prod -c alarmEmail=ops@example.org

It uses the region and the credentials that the AWS tools use, and changes nothing.
Each check is a line; the exit code is 1 when one fails. It needs, of the account:

  sts:GetCallerIdentity          ssm:GetParameter on /cdk-bootstrap/*
  apigateway:GET on /account     lambda:GetAccountSettings
  cloudformation:DescribeStacks  cloudwatch:DescribeAlarms, cloudwatch:ListDashboards
  dynamodb:DescribeTable, where -c eventsTable names one`

// Levels of a check's line.
const (
	levelOK   = "ok"
	levelWarn = "WARN"
	levelFail = "FAIL"
)

func runCheck(ctx context.Context, c *cli, args []string) error {
	given := settingFlags{}
	set := c.flags(aboutCheck)
	set.Var(given, "c", "a setting, `key=value`; may be repeated")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	values := map[string]any{}
	for key, value := range given {
		values[key] = value
	}
	stage, err := settings.Load(values)
	if err != nil {
		return c.misuse(set, "%v", err)
	}
	failed := 0
	say := func(level, name, text string) {
		if level == levelFail {
			failed++
		}
		fmt.Fprintf(c.stdout, "%-4s  %-18s %s\n", level, name, text)
	}
	a, err := openAccount(ctx)
	if err != nil {
		say(levelFail, "credentials", err.Error())
		return errors.New("without credentials nothing else can be asked")
	}
	say(levelOK, "credentials", fmt.Sprintf("%s, region %s", a.arn, a.region))
	status, stackErr := a.stackStatus(ctx, stage.Stage.StackName())
	deployed := status != "" && stackErr == nil
	for _, check := range []struct {
		name string
		ask  func() (string, error)
	}{
		{"stack", func() (string, error) { return stackCanBeDeployed(stage, status, stackErr) }},
		{"CDK bootstrap", func() (string, error) { return a.bootstrap(ctx) }},
		{"API log role", func() (string, error) { return a.logRole(ctx, stage) }},
		{"Lambda concurrency", func() (string, error) { return a.concurrency(ctx, stage, deployed) }},
		{"names", func() (string, error) { return a.names(ctx, stage, deployed) }},
		{"events table", func() (string, error) { return a.eventsTable(ctx, stage) }},
	} {
		if text, err := check.ask(); err != nil {
			say(levelFail, check.name, err.Error())
		} else {
			say(levelOK, check.name, text)
		}
	}
	switch stage.AlarmEmail {
	case "":
		say(levelWarn, "alarms", "nobody hears them: say who does with -c alarmEmail=ADDRESS")
	case settings.Nobody:
		say(levelOK, "alarms", "nobody hears them, as the settings want")
	default:
		say(levelOK, "alarms", "told to "+stage.AlarmEmail+", once the address is confirmed")
	}
	if failed > 0 {
		return fmt.Errorf("%d failed; do what each says, and check again", failed)
	}
	return nil
}

// stackCanBeDeployed judges the state that the stack is in:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
func stackCanBeDeployed(c settings.Config, status string, err error) (string, error) {
	name := c.Stage.StackName()
	switch {
	case err != nil:
		return "", err
	case status == "":
		return name + " is not there yet", nil
	case status == "ROLLBACK_COMPLETE" || status == "ROLLBACK_FAILED" || status == "DELETE_FAILED":
		return "", fmt.Errorf("%s is in %s, and can only be deleted: aws cloudformation delete-stack --stack-name %s", name, status, name)
	case strings.HasSuffix(status, "_FAILED"):
		return "", fmt.Errorf("%s is in %s: see 'A deployment that is stuck' in docs/runbook.md", name, status)
	case strings.HasSuffix(status, "_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS":
		return "", fmt.Errorf("%s is in %s: wait until it is done", name, status)
	}
	return name + " is there, in " + status, nil
}

// bootstrap asks for what 'cdk bootstrap' leaves behind.
func (a account) bootstrap(ctx context.Context) (string, error) {
	var answer struct{ Parameter struct{ Value string } }
	err := a.json(ctx, "ssm", "ssm:GetParameter", "AmazonSSM.GetParameter", map[string]string{"Name": "/cdk-bootstrap/hnb659fds/version"}, &answer)
	remedy := fmt.Sprintf("run npx cdk bootstrap aws://%s/%s, with administrator rights", a.id, a.region)
	var refused *awsError
	if errors.As(err, &refused) && refused.code == "ParameterNotFound" {
		return "", fmt.Errorf("there is none: %s", remedy)
	}
	if err != nil {
		return "", err
	}
	var version int
	if _, err := fmt.Sscan(answer.Parameter.Value, &version); err != nil || version < settings.BootstrapVersion {
		return "", fmt.Errorf("version %q, want at least %d: %s", answer.Parameter.Value, settings.BootstrapVersion, remedy)
	}
	return fmt.Sprintf("version %d", version), nil
}

// logRole asks whether API Gateway may write logs at all.
func (a account) logRole(ctx context.Context, c settings.Config) (string, error) {
	if !c.AccessLogs {
		return "not needed with accessLogs=false", nil
	}
	var answer struct{ CloudwatchRoleArn string }
	if err := a.rest(ctx, "apigateway", "apigateway:GET on /account", "/account", &answer); err != nil {
		return "", err
	}
	if answer.CloudwatchRoleArn == "" {
		return "", errors.New("the account has none in this region, and the deployment would fail half way: see 'The log role of API Gateway' in docs/runbook.md, or deploy with -c accessLogs=false")
	}
	return answer.CloudwatchRoleArn, nil
}

// leastUnreserved is what Lambda keeps for functions that reserve nothing:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
const leastUnreserved = 100

// concurrency compares what the stage reserves with what the account has.
func (a account) concurrency(ctx context.Context, c settings.Config, deployed bool) (string, error) {
	var answer struct {
		AccountLimit struct{ ConcurrentExecutions, UnreservedConcurrentExecutions int }
	}
	if err := a.rest(ctx, "lambda", "lambda:GetAccountSettings", "/2016-08-19/account-settings/", &answer); err != nil {
		return "", err
	}
	limit := answer.AccountLimit
	has := fmt.Sprintf("the account has %d, of which %d are not reserved", limit.ConcurrentExecutions, limit.UnreservedConcurrentExecutions)
	need := c.ReservedConcurrency * len(contract.Endpoints())
	switch {
	case need == 0:
		return has + "; the stage reserves none", nil
	case deployed:
		return has + ", beside what the stack reserves already", nil
	case limit.UnreservedConcurrentExecutions-need < leastUnreserved:
		return "", fmt.Errorf("%s; the stage reserves %d, and Lambda wants %d to stay: ask for a higher quota (aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value %d), or deploy with -c reservedConcurrency=0",
			has, need, leastUnreserved, max(1000, limit.ConcurrentExecutions-limit.UnreservedConcurrentExecutions+need+leastUnreserved))
	}
	return fmt.Sprintf("%s; the stage reserves %d", has, need), nil
}

// names asks for alarms and a dashboard that are there already and not the stack's:
// CloudFormation would not take them over. All other names are generated.
func (a account) names(ctx context.Context, c settings.Config, deployed bool) (string, error) {
	if deployed {
		return "the stack's own", nil
	}
	prefix := c.Stage.StackName()
	var answer struct {
		Alarms     []string `xml:"DescribeAlarmsResult>MetricAlarms>member>AlarmName"`
		Dashboards []string `xml:"ListDashboardsResult>DashboardEntries>member>DashboardName"`
	}
	for action, parameter := range map[string]string{"DescribeAlarms": "AlarmNamePrefix", "ListDashboards": "DashboardNamePrefix"} {
		if err := a.query(ctx, "monitoring", "cloudwatch:"+action, url.Values{"Action": {action}, "Version": {"2010-08-01"}, parameter: {prefix}}, &answer); err != nil {
			return "", err
		}
	}
	taken := slices.DeleteFunc(slices.Concat(answer.Alarms, answer.Dashboards), func(name string) bool {
		return name != prefix && !strings.HasPrefix(name, prefix+"-")
	})
	if len(taken) > 0 {
		return "", fmt.Errorf("%s would not be taken over: delete them (aws cloudwatch delete-alarms --alarm-names NAME…, aws cloudwatch delete-dashboards --dashboard-names NAME…), or find out whose they are", strings.Join(taken, ", "))
	}
	return "free", nil
}

func (a account) eventsTable(ctx context.Context, c settings.Config) (string, error) {
	if c.EventsTable == "" {
		return "the stack makes one", nil
	}
	if err := dynamo.New(dynamo.Connect(a.endpoint("dynamodb"), a.region, a.credentials), c.EventsTable).CheckTable(ctx); err != nil {
		return "", fmt.Errorf("%s cannot be used: %w", c.EventsTable, err)
	}
	return c.EventsTable + " is there", nil
}

// stackStatus returns the state of a stack, or "" when there is none.
func (a account) stackStatus(ctx context.Context, name string) (string, error) {
	var answer struct {
		Status string `xml:"DescribeStacksResult>Stacks>member>StackStatus"`
	}
	err := a.query(ctx, "cloudformation", "cloudformation:DescribeStacks", url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {name}}, &answer)
	var refused *awsError
	if errors.As(err, &refused) && refused.code == "ValidationError" && strings.Contains(refused.message, "does not exist") {
		return "", nil // CloudFormation has no code of its own for this
	}
	return answer.Status, err
}

// account is an AWS account, in one region, as the AWS tools would reach it.
//
// It asks for the few operations that are needed by itself: the SDK's clients of these
// services know hundreds, which everybody who starts this command would compile.
type account struct {
	id, arn, region string
	credentials     aws.Credentials
	base            *string // AWS_ENDPOINT_URL
}

// openAccount finds out who asks.
func openAccount(ctx context.Context) (account, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return account{}, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return account{}, errors.New("no region is set: set AWS_REGION")
	}
	a := account{region: cfg.Region, base: cfg.BaseEndpoint}
	if a.credentials, err = cfg.Credentials.Retrieve(ctx); err != nil {
		return account{}, fmt.Errorf("there are none: sign in (aws sso login, or aws configure): %w", err)
	}
	var answer struct {
		ID  string `xml:"GetCallerIdentityResult>Account"`
		ARN string `xml:"GetCallerIdentityResult>Arn"`
	}
	if err := a.query(ctx, "sts", "sts:GetCallerIdentity", url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}, &answer); err != nil {
		return account{}, fmt.Errorf("AWS does not take them: sign in again: %w", err)
	}
	a.id, a.arn = answer.ID, answer.ARN
	return a, nil
}

func (a account) endpoint(service string) string {
	if a.base != nil {
		return strings.TrimSuffix(*a.base, "/")
	}
	suffix := ""
	if strings.HasPrefix(a.region, "cn-") {
		suffix = ".cn"
	}
	return "https://" + service + "." + a.region + ".amazonaws.com" + suffix
}

// The three ways in which AWS's services are asked. permission is the action that it
// takes; answer gets what comes back. Their errors are of type *awsError when the
// service refused.

func (a account) query(ctx context.Context, service, permission string, parameters url.Values, answer any) error {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return a.call(ctx, http.MethodPost, service, permission, "/", header, []byte(parameters.Encode()), func(text []byte) error { return xml.Unmarshal(text, answer) })
}

func (a account) json(ctx context.Context, service, permission, target string, input, answer any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {target}}
	return a.call(ctx, http.MethodPost, service, permission, "/", header, body, func(text []byte) error { return json.Unmarshal(text, answer) })
}

func (a account) rest(ctx context.Context, service, permission, path string, answer any) error {
	header := http.Header{"Accept": {"application/json"}} // API Gateway's default is HAL
	return a.call(ctx, http.MethodGet, service, permission, path, header, nil, func(text []byte) error { return json.Unmarshal(text, answer) })
}

// checkTimeout bounds one question.
const checkTimeout = 20 * time.Second

func (a account) call(ctx context.Context, method, service, permission, path string, header http.Header, body []byte, decode func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, a.endpoint(service)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, a.credentials, request, hex.EncodeToString(hash[:]), service, a.region, time.Now()); err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: is there a network, and is %s a region? %w", a.region, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err != nil {
		return fmt.Errorf("read the answer to %s: %w", permission, err)
	}
	if response.StatusCode != http.StatusOK {
		return refusalOf(response, text, permission)
	}
	if err := decode(text); err != nil {
		return fmt.Errorf("the answer to %s is none: %w", permission, err)
	}
	return nil
}

// awsError is what a service said instead of an answer.
type awsError struct {
	status                    int
	code, message, permission string
}

func (e *awsError) Error() string {
	if e.status == http.StatusForbidden || strings.HasPrefix(e.code, "AccessDenied") {
		return fmt.Sprintf("not known: you need the permission %s (%s: %s)", e.permission, e.code, e.message)
	}
	return fmt.Sprintf("not known: %s: %d %s: %s", e.permission, e.status, e.code, e.message)
}

// refusalOf reads a refusal in either of the two languages of AWS's services.
func refusalOf(response *http.Response, text []byte, permission string) *awsError {
	e := &awsError{status: response.StatusCode, permission: permission}
	var asXML struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	var asJSON struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // or Message: names match in any case
	}
	if xml.Unmarshal(text, &asXML) == nil && asXML.Code != "" {
		e.code, e.message = asXML.Code, asXML.Message
		return e
	}
	_ = json.Unmarshal(text, &asJSON) // what is neither has no code
	e.code, e.message = asJSON.Type, asJSON.Message
	if e.code == "" {
		e.code = response.Header.Get("X-Amzn-Errortype")
	}
	e.code, _, _ = strings.Cut(e.code[strings.LastIndexByte(e.code, '#')+1:], ":")
	return e
}
