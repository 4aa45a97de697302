package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"visitplannr/internal/contract"
	"visitplannr/stacks"
	"visitplannr/test/check"
)

func TestTemplatesAreValidated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		where string
		env   map[string]string
		want  bool
	}{
		{"not on a developer's machine", nil, false},
		{"in CI", map[string]string{"CI": "true"}, true},
		{"anywhere by hand", map[string]string{"CDK_VALIDATION": "true"}, true},
		{"not in CI, by hand", map[string]string{"CI": "true", "CDK_VALIDATION": "false"}, false},
	} {
		t.Run(c.where, func(t *testing.T) {
			t.Parallel()
			if got := stacks.ValidatesTemplates(func(key string) string { return c.env[key] }); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}

	// docs/adr/0017 says who sees what. The CDK calls a value outside its enum a
	// warning, whatever cdk.json says: --strict makes the command line fail on those.
	t.Run("strictly: each fault is found by its place, and errors fail the synthesis", func(t *testing.T) {
		if !stacks.ValidatesTemplates(os.Getenv) {
			t.Skip("the check takes seconds to start: CDK_VALIDATION=true runs it, and so does CI")
		}
		synthesis.Lock()
		defer synthesis.Unlock()
		app, c := newApp(t, given{"stage": "prod"})
		stack := stacks.NewStack(app, c, contract.Endpoints(), standIns(t, contract.Endpoints()))
		override := func(resourceType, property string, value any) {
			firstOf(t, stack, resourceType).AddPropertyOverride(jsii.String(property), value)
		}
		override("AWS::ApiGateway::Stage", "TracingEnable", true)
		override("AWS::CloudWatch::Alarm", "EvaluationPeriods", "often")
		override("AWS::Lambda::Function", "TracingConfig.Mode", "Activ")
		firstOf(t, stack, "AWS::DynamoDB::Table").AddPropertyDeletionOverride(jsii.String("KeySchema"))
		override("AWS::Logs::LogGroup", "LogGroupName", map[string]any{"Ref": "Nothing"})

		failure := func() (failure any) {
			defer func() { failure = recover() }()
			app.Synth(nil)
			return nil
		}()
		if failure == nil {
			t.Error("got a synthesis that succeeds")
		}
		found := report(t, *app.Outdir())
		for _, want := range []string{
			"error TracingEnable:", "error EvaluationPeriods:", "warning TracingConfig.Mode:", "error Properties: 'KeySchema'", "error LogGroupName: 'Nothing'",
		} {
			if !strings.Contains(found, want) {
				t.Errorf("got no %q in\n%s", want, found)
			}
		}
	})
}

// firstOf returns the first resource of a type in the stack.
func firstOf(t *testing.T, stack awscdk.Stack, resourceType string) awscdk.CfnResource {
	t.Helper()
	for _, c := range *stack.Node().FindAll(constructs.ConstructOrder_PREORDER) {
		if r, ok := c.(awscdk.CfnResource); ok && *r.CfnResourceType() == resourceType {
			return r
		}
	}
	t.Fatalf("got no %s", resourceType)
	return nil
}

// report returns what the CDK found in the templates that are in dir, one line
// each: severity and description.
func report(t *testing.T, dir string) string {
	t.Helper()
	text := check.Value(os.ReadFile(filepath.Join(dir, "validation-report.json")))(t)
	var all struct {
		PluginReports []struct {
			Violations []struct{ Severity, Description string }
		}
	}
	check.OK(t, json.Unmarshal(text, &all))
	var lines []string
	for _, r := range all.PluginReports {
		for _, v := range r.Violations {
			lines = append(lines, v.Severity+" "+v.Description)
		}
	}
	return strings.Join(lines, "\n")
}
