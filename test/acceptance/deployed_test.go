package acceptance

import (
	"context"
	"encoding/xml"
	"flag"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"visitplannr/test/check"
)

var (
	stackName = flag.String("stack", "", "run the suite against the deployed stack of that `name`, with the ambient AWS region and credentials")
	apiURL    = flag.String("url", "", "run what needs no more than the API against the stage at that `URL`, with the ambient AWS region and credentials")
	evenProd  = flag.Bool("prod", false, "run it against prod too, where it leaves events as everywhere")
)

// The target in AWS. It cannot delete what it made: the function's table holds
// events, and events are forever.
var (
	onePrincipal = "the suite has one principal, that of its environment"
	deployed     = target{"deployed", map[need]string{
		openAccess: "the stack is deployed with `access=iam`",
		noLimits:   "the stage's limits apply, and hundreds of odd events would stay",
		webPages:   "no web origin is allowed by default",
		rolePolicy: "the user who runs it need not be allowed to read IAM; the template's tests check this",
		invocation: "AWS enforces the permission, so every answer of the function shows it; the template's tests check that there is no other",
		stranger:   onePrincipal, strangerProblem: onePrincipal, anotherEditor: onePrincipal,
	}}
)

// TestDeployed runs the suite against a stack in AWS. Each event that it leaves has
// "acceptance-" in its name, and the log of the test says how many there are, and which
// rows of docs/aws.md it measured.
func TestDeployed(t *testing.T) {
	if *stackName == "" && *apiURL == "" {
		t.Skip("run it with -stack NAME or -url URL")
	}
	cfg := check.Value(config.LoadDefaultConfig(t.Context()))(t)
	credentials := check.Value(cfg.Credentials.Retrieve(t.Context()))(t)
	if cfg.Region == "" {
		t.Fatal("no AWS region: set AWS_REGION")
	}
	a := awsAPI{
		endpoint: func(service string) string {
			if cfg.BaseEndpoint != nil {
				return strings.TrimSuffix(*cfg.BaseEndpoint, "/")
			}
			return "https://" + service + "." + cfg.Region + ".amazonaws.com"
		},
		region: cfg.Region,
		by:     principal{credentials.AccessKeyID, credentials.SecretAccessKey, credentials.SessionToken},
	}
	s := &system{base: *apiURL, region: cfg.Region, editor: &a.by, scarce: true}
	lacks, outputs := deployed.lacks, map[string]string{}
	if *stackName == "" {
		onlyURL := "only the URL is known"
		lacks = with(lacks, map[need]string{storedEvents: onlyURL, logLines: onlyURL, accessLog: onlyURL, metrics: onlyURL})
	} else {
		outputs = a.outputs(t.Context(), t, *stackName)
		s.base = outputs["ApiUrl"]
		s.items, s.lines = a.items(outputs["EventsTableName"]), a.lines(firstOf(outputs["FunctionName"]))
	}
	s.base = strings.TrimSuffix(s.base, "/") + "/"
	if !strings.HasPrefix(s.base, "https://") {
		t.Fatalf("the API is at %q: want a URL with https", s.base)
	}
	if (strings.HasSuffix(*stackName, "-prod") || strings.HasSuffix(s.base, "/prod/")) && !*evenProd {
		t.Fatal("this is prod, where the events that the suite leaves are seen by everybody: add -prod if they may be")
	}
	if cfg.BaseEndpoint != nil { // of something that stands for AWS
		s.base, s.host = throughEmulator(t, a.endpoint(""), s.base)
		lacks = with(lacks, map[need]string{awsItself: notAWS})
	} else if *stackName != "" {
		lacks = with(lacks, a.ask(t, s, *stackName, firstOf(outputs["FunctionName"])))
	}
	s.limited = s
	facts := ledger(t)
	t.Log(measured(facts, show(t, s, lacks)))
}

// outputs returns what a deployed stack says of itself.
func (a awsAPI) outputs(ctx context.Context, t *testing.T, stack string) map[string]string {
	t.Helper()
	text := check.Value(a.query(ctx, "cloudformation", url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {stack}}))(t)
	var result struct {
		Outputs []struct{ OutputKey, OutputValue string } `xml:"DescribeStacksResult>Stacks>member>Outputs>member"`
	}
	if err := xml.Unmarshal([]byte(text), &result); err != nil {
		t.Fatalf("DescribeStacks: %v\n%s", err, text)
	}
	outputs := map[string]string{}
	for _, o := range result.Outputs {
		outputs[o.OutputKey] = o.OutputValue
	}
	for _, key := range []string{"ApiUrl", "EventsTableName", "FunctionName"} {
		if outputs[key] == "" {
			t.Fatalf("stack %s has no output %s: got %v", stack, key, outputs)
		}
	}
	return outputs
}
