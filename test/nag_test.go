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

	"visitplannr/internal/contract"
	"visitplannr/stacks"
)

// finding is one of cdk-nag's AwsSolutions that we decline, with the reason that
// we give a security reviewer.
type finding struct {
	path, id, reason string
	only             func(given) bool // nil: always
}

// declined lists them all. They are declined here and not in the stack, so that
// the deployed template holds nothing of cdk-nag. They hang off what somebody asked
// for, and not off what the stack made of it: a default that changes is found.
var declined = []finding{
	{path: "propose-destination-role/DefaultPolicy/Resource", id: "AwsSolutions-IAM5[Resource::*]",
		reason: "Active tracing needs xray:PutTraceSegments and xray:PutTelemetryRecords, and X-Ray has no resource to name. The statement holds these two actions only, and a test compares it word by word."},
	{path: "propose-destination-delivery-role/DefaultPolicy/Resource", id: "AwsSolutions-IAM5[Resource::*]",
		reason: "cloudwatch:DescribeAlarms, which only reads, is checked against all alarms whichever are asked for. The statement holds this action only.",
		only:   func(s given) bool { return s["stage"] == "prod" }},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG3",
		reason: "No web ACL: unsigned requests are refused, the stage throttles, and bodies are validated strictly. docs/adr/0012 has the price and says when to add one."},
	{path: "api/DeploymentStage.%s/Resource", id: "AwsSolutions-APIG6",
		reason: "Execution logs would copy requests, headers and all, to a log group that nobody redacts. The access log has one line a request, and the function logs the event redacted."},
	{path: "api/Default/destination/POST/Resource", id: "AwsSolutions-COG4",
		reason: "Editors are IAM principals and sign their requests; there is no user pool. docs/adr/0011 says why."},
	{path: "api/Default/destination/POST/Resource", id: "AwsSolutions-APIG4",
		reason: "access=open is a choice that somebody has to make on the command line, for the walking skeleton as first described. No stage has it by default.",
		only:   func(s given) bool { return s["access"] == "open" }},
	{path: "api/Resource", id: "AwsSolutions-APIG2",
		reason: "The function validates every body in full, and a test drives the same corpus through gateway and function. docs/adr/0022 says what the gateway cannot tell an editor.",
		only:   func(s given) bool { return s["validation"] != "gateway" }},
	{path: "events/Resource", id: "AwsSolutions-DDB3",
		reason: "dev holds nothing that is worth restoring, and goes with its stack. prod has point-in-time recovery.",
		only:   func(s given) bool { return s["stage"] == "dev" }},
}

// Nothing is found that is not declined, and nothing is declined that is not found.
func TestNagFindsOnlyWhatIsDeclined(t *testing.T) {
	t.Parallel()
	for _, s := range []given{
		{"stage": "dev"},
		{"stage": "prod", "access": "open", "validation": "gateway"},
		{"stage": "prod", "alarmEmail": "ops@example.org", "corsOrigins": "https://a.example,https://b.example"},
	} {
		t.Run(variant(s), func(t *testing.T) {
			found := nag(t, s)
			for _, d := range declined {
				if d.only != nil && !d.only(s) {
					continue
				}
				prefix := strings.ReplaceAll(d.path, "%s", s["stage"]) + " " + d.id + ":"
				rest := slices.DeleteFunc(slices.Clone(found), func(f string) bool { return strings.HasPrefix(f, prefix) })
				if len(rest) == len(found) {
					t.Errorf("%s is declined, but not found any more", prefix)
				}
				found = rest
			}
			for _, f := range found {
				t.Error(f)
			}
		})
	}
}

// nag returns what cdk-nag says of the stack with these settings, each finding as
// "path id: text".
func nag(t *testing.T, s given) []string {
	t.Helper()
	synthesis.Lock()
	defer synthesis.Unlock()
	app, c := newApp(t, s)
	stacks.NewStack(app, c, contract.Endpoints(), standIns(t, contract.Endpoints()))
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)
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
