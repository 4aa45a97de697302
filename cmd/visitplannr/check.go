package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"visitplannr/internal/contract"
	"visitplannr/internal/eventstore/dynamo"
	"visitplannr/internal/settings"
)

const aboutCheck = `Checks whether a stage can be deployed to an AWS account, and says how to fix what
is missing. Run it before the first 'npx cdk deploy' in an account and region, with
the same -c:

  visitplannr check -c stage=prod -c alarmEmail=ops@example.org

It uses the region and credentials of the AWS tools, and changes nothing. Each check
prints one line; the exit code is 1 if any fails. It needs these permissions:

  sts:GetCallerIdentity          ssm:GetParameter on /cdk-bootstrap/*
  apigateway:GET on /account     lambda:GetAccountSettings, lambda:GetFunctionConcurrency
  cloudformation:DescribeStacks  cloudwatch:DescribeAlarms, cloudwatch:ListDashboards
  dynamodb:DescribeTable, if -c eventsTable is set`

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
	done := c.doing("Asking AWS who you are")
	a, err := openAccount(ctx)
	var who identity
	if err == nil {
		who, err = a.identity(ctx)
	}
	done()
	if err != nil {
		say(levelFail, "credentials", err.Error())
		return errors.New("nothing else can be checked without credentials")
	}
	say(levelOK, "credentials", fmt.Sprintf("%s, region %s", who.ARN, a.region))
	stack, stackErr := a.stack(ctx, stage.Stage.StackName())
	var refused *awsError
	if errors.As(stackErr, &refused) && refused.code == "ValidationError" && strings.Contains(refused.message, "does not exist") {
		stackErr = nil // CloudFormation has no specific code for this
	}
	deployed := stack.Status != "" && stack.Status != "REVIEW_IN_PROGRESS" // that one is still empty
	for _, check := range []struct {
		name string
		ask  func() (string, error)
	}{
		{"stack", func() (string, error) { return stackCanBeDeployed(stage, stack.Status, stackErr) }},
		{"CDK bootstrap", func() (string, error) { return a.bootstrap(ctx, who.Account) }},
		{"API log role", func() (string, error) { return a.logRole(ctx, stage) }},
		{"Lambda concurrency", func() (string, error) { return a.concurrency(ctx, stage, stack) }},
		{"names", func() (string, error) { return a.names(ctx, stage, deployed) }},
		{"events table", func() (string, error) { return a.eventsTable(ctx, stage) }},
	} {
		done := c.doing("Asking AWS: " + check.name)
		text, err := check.ask()
		done()
		if errors.As(err, &refused) {
			err = fmt.Errorf("cannot tell: %w", err)
		}
		if err != nil {
			say(levelFail, check.name, err.Error())
		} else {
			say(levelOK, check.name, text)
		}
	}
	level, text := alarms(stage.AlarmEmail)
	say(level, "alarms", text)
	if failed > 0 {
		return fmt.Errorf("%d checks failed: fix what each names, then check again", failed)
	}
	return nil
}

// alarms says who is notified.
func alarms(email string) (level, text string) {
	switch email {
	case "":
		return levelWarn, "nobody is notified: set -c alarmEmail=ADDRESS"
	case settings.Nobody:
		return levelOK, "nobody is notified, as set by alarmEmail"
	default:
		return levelOK, "sent to " + email + ", once the address is confirmed"
	}
}

// stackCanBeDeployed reports whether CloudFormation can deploy in this status:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
func stackCanBeDeployed(c settings.Config, status string, err error) (string, error) {
	name := c.Stage.StackName()
	switch {
	case err != nil:
		return "", err
	case status == "":
		return name + " does not exist yet", nil
	case status == "ROLLBACK_COMPLETE" || status == "ROLLBACK_FAILED" || status == "DELETE_FAILED":
		return "", fmt.Errorf("%s is in %s and can only be deleted: aws cloudformation delete-stack --stack-name %s", name, status, name)
	case strings.HasSuffix(status, "_FAILED"):
		return "", fmt.Errorf("%s is in %s: see 'A deployment that is stuck' in docs/runbook.md", name, status)
	case strings.HasSuffix(status, "_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS":
		return "", fmt.Errorf("%s is in %s: wait until it is done", name, status)
	}
	return name + " exists, in " + status, nil
}

// bootstrap checks the version that 'cdk bootstrap' recorded.
func (a account) bootstrap(ctx context.Context, id string) (string, error) {
	var answer struct{ Parameter struct{ Value string } }
	err := a.json(ctx, "ssm", "ssm:GetParameter", "AmazonSSM.GetParameter", map[string]string{"Name": "/cdk-bootstrap/hnb659fds/version"}, &answer)
	remedy := fmt.Sprintf("run npx cdk bootstrap aws://%s/%s, with administrator rights", id, a.region)
	if refused, ok := errors.AsType[*awsError](err); ok && refused.code == "ParameterNotFound" {
		return "", fmt.Errorf("not found: %s", remedy)
	}
	if err != nil {
		return "", err
	}
	var version int
	if _, err := fmt.Sscan(answer.Parameter.Value, &version); err != nil || version < settings.CDKBootstrapVersion {
		return "", fmt.Errorf("version %q, want at least %d: %s", answer.Parameter.Value, settings.CDKBootstrapVersion, remedy)
	}
	return fmt.Sprintf("version %d", version), nil
}

// logRole checks that API Gateway may write logs.
func (a account) logRole(ctx context.Context, c settings.Config) (string, error) {
	if !c.AccessLogs {
		return "not needed with accessLogs=false", nil
	}
	var answer struct{ CloudwatchRoleArn string }
	if err := a.rest(ctx, "apigateway", "apigateway:GET on /account", "/account", &answer); err != nil {
		return "", err
	}
	if answer.CloudwatchRoleArn == "" {
		return "", errors.New("the account has none in this region, so the deployment would fail halfway: see 'The log role of API Gateway' in docs/runbook.md, or deploy with -c accessLogs=false")
	}
	return answer.CloudwatchRoleArn, nil
}

// leastUnreserved is the concurrency that Lambda keeps for functions without a
// reservation:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
const leastUnreserved = 100

// concurrency compares what the stage reserves with what the account has. What the
// deployed stack already reserves is the stage's to use again.
func (a account) concurrency(ctx context.Context, c settings.Config, deployed stack) (string, error) {
	var answer struct {
		AccountLimit struct{ ConcurrentExecutions, UnreservedConcurrentExecutions int }
	}
	if err := a.rest(ctx, "lambda", "lambda:GetAccountSettings", "/2016-08-19/account-settings/", &answer); err != nil {
		return "", err
	}
	limit := answer.AccountLimit
	has := fmt.Sprintf("the account has %d, of which %d are not reserved", limit.ConcurrentExecutions, limit.UnreservedConcurrentExecutions)
	need := c.ReservedConcurrency * len(contract.Endpoints())
	if need == 0 {
		return has + "; the stage reserves none", nil
	}
	held, err := a.reserved(ctx, deployed)
	if err != nil {
		return "", err
	}
	has += fmt.Sprintf("; the stage reserves %d", need)
	if held > 0 {
		has += fmt.Sprintf(", and the stack has %d of them", held)
	}
	if missing := need + leastUnreserved - held - limit.UnreservedConcurrentExecutions; missing > 0 {
		return "", fmt.Errorf("%s, and Lambda requires %d to stay unreserved: ask for a higher quota (aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value %d), or deploy with a lower -c reservedConcurrency (0 reserves none)",
			has, leastUnreserved, max(1000, limit.ConcurrentExecutions+missing))
	}
	return has, nil
}

// reserved returns what the functions of a deployed stack reserve:
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConcurrency.html
func (a account) reserved(ctx context.Context, deployed stack) (sum int, err error) {
	for _, name := range strings.FieldsFunc(deployed.output(contract.OutputFunctionName), func(c rune) bool { return c == ',' }) {
		var function struct{ ReservedConcurrentExecutions int }
		err := a.rest(ctx, "lambda", "lambda:GetFunctionConcurrency", "/2019-09-30/functions/"+name+"/concurrency", &function)
		var refused *awsError
		if err != nil && !(errors.As(err, &refused) && refused.status == http.StatusNotFound) { // somebody deleted that one
			return 0, err
		}
		sum += function.ReservedConcurrentExecutions
	}
	return sum, nil
}

// names looks for alarms and dashboards that already have the stack's names:
// CloudFormation would fail to create its own. All other names are generated.
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
		return "", fmt.Errorf("these exist and are not the stack's: %s; delete them (aws cloudwatch delete-alarms --alarm-names NAME…, aws cloudwatch delete-dashboards --dashboard-names NAME…), or find out whose they are", strings.Join(taken, ", "))
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
	return c.EventsTable + " exists", nil
}
