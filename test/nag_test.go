package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"visitplannr/stacks"
)

// suppression declines one finding of one construct.
type suppression struct {
	path, id, reason string
	appliesTo        string                   // the exact finding, where a rule has several
	only             func(stacks.Config) bool // nil: always
}

// suppressions are the findings of cdk-nag's AwsSolutions that we decline, each
// with the reason that we give a security reviewer. They are made here, and not
// in the stack, so that the deployed template holds nothing of them.
var suppressions = []suppression{
	{path: "propose-destination-role/DefaultPolicy/Resource", id: "AwsSolutions-IAM5", appliesTo: "Resource::*",
		reason: "Active tracing needs xray:PutTraceSegments and xray:PutTelemetryRecords, and X-Ray has no resource to name. The statement holds these two actions only, and a test compares it word by word."},
	{path: "propose-destination-delivery-role/DefaultPolicy/Resource", id: "AwsSolutions-IAM5", appliesTo: "Resource::*",
		reason: "cloudwatch:DescribeAlarms, which only reads, is checked against all alarms whichever are asked for. The statement holds this action only.",
		only:   func(c stacks.Config) bool { return c.Delivery == stacks.Canary }},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG3",
		reason: "No web ACL: unsigned requests are refused, the stage throttles, and bodies are validated strictly. docs/adr/0012 has the price and says when to add one."},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG6",
		reason: "Execution logs would copy requests, headers and all, to a log group that nobody redacts. The access log has one line a request, and the function logs the event redacted."},
	{path: "api/Default/destination/POST/Resource", id: "AwsSolutions-COG4",
		reason: "Editors are IAM principals and sign their requests; there is no user pool. docs/adr/0011 says why."},
	{path: "api/Default/destination/POST/Resource", id: "AwsSolutions-APIG4",
		reason: "access=open is a choice that somebody has to make on the command line, for the walking skeleton as first described. No stage has it by default.",
		only:   func(c stacks.Config) bool { return c.Access == stacks.Open }},
	{path: "api/Resource", id: "AwsSolutions-APIG2",
		reason: "validation=function is a choice: the function validates every body in full, and a test drives the same corpus through both.",
		only:   func(c stacks.Config) bool { return c.Validation == stacks.ByFunction }},
	{path: "events/Resource", id: "AwsSolutions-DDB3",
		reason: "dev holds nothing that is worth restoring, and goes with its stack. prod has point-in-time recovery.",
		only:   func(c stacks.Config) bool { return !c.PointInTimeRecovery }},
}

func (s suppression) holds(c stacks.Config) bool { return s.only == nil || s.only(c) }

// at is the construct's path below the stack.
func (s suppression) at(c stacks.Config) string {
	return strings.ReplaceAll(s.path, "%s", string(c.Stage))
}

func (s suppression) add(stack awscdk.Stack, c stacks.Config) {
	declined := &cdknag.NagPackSuppression{Id: jsii.String(s.id), Reason: jsii.String(s.reason)}
	if s.appliesTo != "" {
		declined.AppliesTo = &[]any{s.appliesTo}
	}
	cdknag.NagSuppressions_AddResourceSuppressionsByPath(stack, *stack.StackName()+"/"+s.at(c), &[]*cdknag.NagPackSuppression{declined}, nil)
}

func TestNagFindsNothing(t *testing.T) {
	for _, s := range []settings{
		{"stage": "dev"},
		{"stage": "prod"},
		{"stage": "prod", "access": "open"},
		{"stage": "prod", "validation": "function"},
		{"stage": "prod", "alarmEmail": "ops@example.org", "corsOrigins": "https://a.example,https://b.example"},
	} {
		t.Run(variant(s), func(t *testing.T) {
			for _, finding := range nag(t, s, true) {
				t.Error(finding)
			}
		})
	}
}

// Every suppression must still be needed: without them, exactly these are found.
func TestNagSuppressionsAreNeeded(t *testing.T) {
	for _, s := range []settings{{"stage": "dev"}, {"stage": "prod", "access": "open", "validation": "function"}} {
		t.Run(variant(s), func(t *testing.T) {
			findings := strings.Join(nag(t, s, false), "\n")
			_, c := newApp(t, s)
			for _, declined := range suppressions {
				if declined.holds(c) && !strings.Contains(findings, declined.at(c)+" "+declined.id) {
					t.Errorf("%s at %s: got no such finding, want the suppression gone", declined.id, declined.at(c))
				}
			}
		})
	}
}

// nag returns what cdk-nag says of the stack with these settings, each finding as
// "path id: text".
func nag(t *testing.T, s settings, suppress bool) []string {
	t.Helper()
	synthesis.Lock()
	defer synthesis.Unlock()
	app, c := newApp(t, s)
	stack := stacks.NewStack(app, c, stacks.Endpoints(), standIns(t, stacks.Endpoints()))
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)
	for _, declined := range suppressions {
		if suppress && declined.holds(c) {
			declined.add(stack, c)
		}
	}
	dir := *app.Synth(nil).Directory()

	// The messages are in the manifest, by construct.
	text, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Artifacts map[string]struct {
			Metadata map[string][]struct {
				Type string
				Data any
			}
		}
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	var findings []string
	for _, artifact := range manifest.Artifacts {
		for path, messages := range artifact.Metadata {
			for _, m := range messages {
				if m.Type == "aws:cdk:error" || m.Type == "aws:cdk:warning" {
					path := strings.TrimPrefix(path, "/"+stacks.StackName(c.Stage)+"/")
					findings = append(findings, fmt.Sprintf("%s %s", path, strings.TrimSpace(fmt.Sprint(m.Data))))
				}
			}
		}
	}
	slices.Sort(findings)
	return findings
}
