package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"visitplannr/internal/contract"
	"visitplannr/stacks"
)

// finding is one of cdk-nag's AwsSolutions that we decline, with the reason that
// we give a security reviewer.
type finding struct {
	path       string // %s is the stage, %f each endpoint's function, %r its path and method
	id, reason string
	only       func(given) bool // nil: always
}

// declined lists them all. They are declined here and not in the stack, so that
// the deployed template holds nothing of cdk-nag. They hang off what somebody asked
// for, and not off what the stack made of it: a default that changes is found.
var declined = []finding{
	{path: "%f-role/DefaultPolicy/Resource", id: "AwsSolutions-IAM5[Resource::*]",
		reason: "Active tracing needs xray:PutTraceSegments and xray:PutTelemetryRecords, and X-Ray has no resource to name. The statement holds these two actions only, and a test compares it word by word."},
	{path: "%f-delivery-role/DefaultPolicy/Resource", id: "AwsSolutions-IAM5[Resource::*]",
		reason: "cloudwatch:DescribeAlarms, which only reads, is checked against all alarms whichever are asked for. The statement holds this action only.",
		only:   func(s given) bool { return s["stage"] == "prod" }},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG3",
		reason: "No web ACL: unsigned requests are refused, the stage throttles, and bodies are validated strictly. docs/adr/0012 has the price and says when to add one."},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG6",
		reason: "Execution logs would copy requests, headers and all, to a log group that nobody redacts. The access log has one line a request, and the function logs the event redacted."},
	{path: "api/Default%r/Resource", id: "AwsSolutions-COG4",
		reason: "Editors are IAM principals and sign their requests; there is no user pool. docs/adr/0011 says why."},
	{path: "api/Default%r/Resource", id: "AwsSolutions-APIG4",
		reason: "access=open is a choice that somebody has to make on the command line, for the walking skeleton as first described. No stage has it by default.",
		only:   func(s given) bool { return s["access"] == "open" }},
	{path: "api/Resource", id: "AwsSolutions-APIG2",
		reason: "The function validates every body in full, and a test drives the same corpus through gateway and function. docs/adr/0022 says what the gateway cannot tell an editor.",
		only:   func(s given) bool { return s["validation"] != "gateway" }},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG1",
		reason: "accessLogs=false is for an account without API Gateway's log role. No stage has it by default.",
		only:   func(s given) bool { return s["accessLogs"] == "false" }},
	{path: "events/Resource", id: "AwsSolutions-DDB3",
		reason: "dev holds nothing that is worth restoring, and goes with its stack. prod has point-in-time recovery.",
		only:   func(s given) bool { return s["stage"] == "dev" }},
}

// Nothing is found that is not declined, and nothing is declined that is not found.
func TestNagFindsOnlyWhatIsDeclined(t *testing.T) {
	t.Parallel()
	for _, s := range []given{
		{"stage": "dev"},
		switched(0),
		switched(1),
	} {
		t.Run(variant(s), func(t *testing.T) {
			t.Parallel()
			for _, complaint := range undeclined(s, nag(t, s, nil)) {
				t.Error(complaint)
			}
		})
	}
}

// A fault that somebody builds into prod is found, by its rule's name, and by
// nothing else: what looks at the findings above can see.
func TestNagFindsWhatIsPlanted(t *testing.T) {
	t.Parallel()
	prod := given{"stage": "prod"}
	for _, c := range []struct {
		outcome, id string
		plant       func(awscdk.Stack)
	}{
		{"a role with a managed policy", "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AdministratorAccess]", func(stack awscdk.Stack) {
			role := stack.Node().FindChild(jsii.String("propose-destination-role")).(awsiam.Role)
			role.AddManagedPolicy(awsiam.ManagedPolicy_FromAwsManagedPolicyName(jsii.String("AdministratorAccess")))
		}},
		{"a table without point-in-time recovery", "AwsSolutions-DDB3", func(stack awscdk.Stack) {
			table := stack.Node().FindChild(jsii.String("events")).Node().DefaultChild().(awsdynamodb.CfnTable)
			table.SetPointInTimeRecoverySpecification(&awsdynamodb.CfnTable_PointInTimeRecoverySpecificationProperty{
				PointInTimeRecoveryEnabled: jsii.Bool(false),
			})
		}},
	} {
		t.Run(c.outcome, func(t *testing.T) {
			t.Parallel()
			got := undeclined(prod, nag(t, prod, c.plant))
			if len(got) != 1 || !strings.Contains(got[0], " "+c.id+": ") {
				t.Errorf("got %q, want one finding of %s", got, c.id)
			}
		})
	}
}

// undeclined returns the findings that nobody declined for these settings, and a
// complaint for each one that was declined and is not found.
func undeclined(s given, found []string) []string {
	var complaints []string
	for _, d := range declined {
		if d.only != nil && !d.only(s) {
			continue
		}
		prefixes := map[string]bool{} // of all endpoints, or but one
		for _, e := range contract.Endpoints() {
			path := strings.NewReplacer("%s", s["stage"], "%f", e.Function, "%r", e.Path+"/"+e.Method).Replace(d.path)
			prefixes[path+" "+d.id+":"] = true
		}
		for prefix := range prefixes {
			rest := slices.DeleteFunc(slices.Clone(found), func(f string) bool { return strings.HasPrefix(f, prefix) })
			if len(rest) == len(found) {
				complaints = append(complaints, prefix+" is declined, but not found any more")
			}
			found = rest
		}
	}
	return append(complaints, found...)
}

// nag returns what cdk-nag says of the stack with these settings, each finding as
// "path id: text". plant, if any, changes the stack first.
func nag(t *testing.T, s given, plant func(awscdk.Stack)) []string {
	t.Helper()
	synthesis.Lock()
	defer synthesis.Unlock()
	app, c := newApp(t, s)
	// As the command line does: findings are read here and do not end the synthesis.
	app.Node().SetContext(jsii.String("@aws-cdk/core:failSynthOnValidationErrors"), false)
	stack := stacks.NewStack(app, c, contract.Endpoints(), standIns(t, contract.Endpoints()))
	if plant != nil {
		plant(stack)
	}
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)

	// Where the messages are written changes with the CDK: it knows. A rule that
	// cannot be evaluated is a warning.
	annotations := assertions.Annotations_FromStack(stack)
	all := assertions.Match_AnyValue()
	messages := slices.Concat(
		*annotations.FindError(jsii.String("*"), all),
		*annotations.FindWarning(jsii.String("*"), all))
	var findings []string
	for _, m := range messages {
		path, text := *m.Id, m.Entry.Data //nolint:staticcheck // the type has moved to a package that does not exist in Go
		path = strings.TrimPrefix(path, "/"+c.Stage.StackName()+"/")
		findings = append(findings, path+" "+strings.TrimSpace(fmt.Sprint(text)))
	}
	slices.Sort(findings)
	return findings
}
