package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/contract"
)

// statement is one IAM statement of a template, by what it is attached to.
type statement struct{ owner, action, text string }

// statements returns every IAM statement of the template, trust policies and
// resource policies included, wherever it hides.
func statements(t *testing.T, tpl template) []statement {
	var found []statement
	var walk func(owner string, value any)
	walk = func(owner string, value any) {
		switch v := value.(type) {
		case map[string]any:
			if _, ok := v["Effect"]; ok {
				found = append(found, statement{owner, compact(t, v["Action"]), compact(t, v)})
				return
			}
			for key, inner := range v {
				walk(owner+"."+key, inner)
			}
		case []any:
			for _, inner := range v {
				walk(owner, inner)
			}
		}
	}
	for id, r := range tpl.Resources {
		walk(id, r.Properties)
	}
	slices.SortFunc(found, func(a, b statement) int { return strings.Compare(a.owner+a.text, b.owner+b.text) })
	return found
}

// The whole of what anything in the stack may do, statement by statement: one
// more action, wildcard or principal fails this test.
func TestPrivilegesAreExactlyThese(t *testing.T) {
	t.Parallel()
	t.Run("in dev", func(t *testing.T) {
		tpl := deployed(t, given{"stage": "dev"})
		compareStatements(t, statements(t, tpl), privilegesOfTheFunctions(t, tpl, contract.Endpoints()))
	})

	t.Run("in prod with an alarm address", func(t *testing.T) {
		tpl := synth(t, guarded)
		function, _ := tpl.only(t, "AWS::Lambda::Function")
		key, _ := tpl.only(t, "AWS::KMS::Key")
		topic, _ := tpl.only(t, "AWS::SNS::Topic")
		topicPolicy, _ := tpl.only(t, "AWS::SNS::TopicPolicy")
		_, delivery := tpl.only(t, "AWS::CodeDeploy::DeploymentGroup")
		role := at(delivery.Properties, "ServiceRoleArn.Fn::GetAtt.0").(string)
		policy := policyOf(t, tpl, role) + ".PolicyDocument.Statement"
		const ofThisAccount = `"Condition":{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}}`

		compareStatements(t, statements(t, tpl), append(privilegesOfTheFunctions(t, tpl, exemplar), [][2]string{
			{role + ".AssumeRolePolicyDocument.Statement",
				`{"Action":"sts:AssumeRole",` + ofThisAccount + `,"Effect":"Allow","Principal":{"Service":"codedeploy.amazonaws.com"}}`},
			{policy, fmt.Sprintf(`{"Action":["lambda:GetAlias","lambda:GetProvisionedConcurrencyConfig","lambda:UpdateAlias"],"Effect":"Allow",`+
				`"Resource":[{"Fn::GetAtt":["%[1]s","Arn"]},{"Fn::Join":[":",[{"Fn::GetAtt":["%[1]s","Arn"]},"live"]]}]}`, function)},
			{policy, // CloudWatch checks this action against all alarms
				`{"Action":"cloudwatch:DescribeAlarms","Effect":"Allow","Resource":"*"}`},
			{key + ".KeyPolicy.Statement", // in a key's policy, * is this key
				`{"Action":"kms:*","Effect":"Allow","Principal":{"AWS":{"Fn::Join":["",["arn:",{"Ref":"AWS::Partition"},":iam::",{"Ref":"AWS::AccountId"},":root"]]}},"Resource":"*"}`},
			{key + ".KeyPolicy.Statement",
				`{"Action":["kms:Decrypt","kms:GenerateDataKey"],` + ofThisAccount + `,"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Resource":"*"}`},
			{topicPolicy + ".PolicyDocument.Statement", fmt.Sprintf(`{"Action":"sns:Publish","Condition":{"Bool":{"aws:SecureTransport":"false"}},`+
				`"Effect":"Deny","Principal":"*","Resource":{"Ref":"%s"},"Sid":"AllowPublishThroughSSLOnly"}`, topic)},
			{topicPolicy + ".PolicyDocument.Statement", fmt.Sprintf(`{"Action":"sns:Publish",`+ofThisAccount+
				`,"Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Resource":{"Ref":"%s"},"Sid":"AlarmsOfThisAccount"}`, topic)},
		}...))
	})
}

// privilegesOfTheFunctions lists what the endpoints' functions may do, and who may
// be them.
func privilegesOfTheFunctions(t *testing.T, tpl template, endpoints []contract.Endpoint) [][2]string {
	t.Helper()
	table, _ := tpl.only(t, "AWS::DynamoDB::Table")
	var all [][2]string
	for _, e := range endpoints {
		f := functionOf(t, tpl, e)
		logs := at(f.Properties, "LoggingConfig.LogGroup.Ref")
		role := at(f.Properties, "Role.Fn::GetAtt.0").(string)
		policy := policyOf(t, tpl, role) + ".PolicyDocument.Statement"
		all = append(all, [][2]string{
			{role + ".AssumeRolePolicyDocument.Statement",
				`{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}`},
			{policy, fmt.Sprintf(`{"Action":["logs:CreateLogStream","logs:PutLogEvents"],"Effect":"Allow","Resource":{"Fn::GetAtt":["%s","Arn"]}}`, logs)},
			{policy, // X-Ray has no resources to name
				`{"Action":["xray:PutTelemetryRecords","xray:PutTraceSegments"],"Effect":"Allow","Resource":"*"}`},
		}...)
		if e.UsesTable() {
			actions := `"dynamodb:` + strings.Join(e.TableActions, `","dynamodb:`) + `"`
			if len(e.TableActions) > 1 {
				actions = "[" + actions + "]"
			}
			all = append(all, [2]string{policy, fmt.Sprintf(`{"Action":%s,"Effect":"Allow","Resource":{"Fn::GetAtt":["%s","Arn"]}}`, actions, table)})
		}
	}
	return all
}

// functionOf returns an endpoint's function.
func functionOf(t *testing.T, tpl template, e contract.Endpoint) resource {
	t.Helper()
	for _, id := range tpl.ids("AWS::Lambda::Function") {
		if description, _ := tpl.Resources[id].Properties["Description"].(string); strings.HasSuffix(description, ": "+e.Function) {
			return tpl.Resources[id]
		}
	}
	t.Fatalf("there is no function of %s", e.Route())
	return resource{}
}

// policyOf returns the one policy that is attached to the role, and to it alone.
func policyOf(t *testing.T, tpl template, role string) string {
	t.Helper()
	var found []string
	for _, id := range tpl.ids("AWS::IAM::Policy") {
		if roles := compact(t, tpl.Resources[id].Properties["Roles"]); strings.Contains(roles, role) {
			want(t, "roles of "+id, tpl.Resources[id].Properties["Roles"], fmt.Sprintf(`[{"Ref":"%s"}]`, role))
			found = append(found, id)
		}
	}
	if len(found) != 1 {
		t.Fatalf("got policies %v of role %s, want one", found, role)
	}
	return found[0]
}

// compareStatements wants exactly these pairs of owner and text.
func compareStatements(t *testing.T, got []statement, wanted [][2]string) {
	t.Helper()
	var found [][2]string
	for _, s := range got {
		pair := [2]string{s.owner, s.text}
		found = append(found, pair)
		if !slices.Contains(wanted, pair) {
			t.Errorf("got a statement that nobody intended:\n%s\n%s", s.owner, s.text)
		}
	}
	for _, pair := range wanted {
		if !slices.Contains(found, pair) {
			t.Errorf("want a statement that is not there:\n%s\n%s", pair[0], pair[1])
		}
	}
}

var everyVariant = []given{{"stage": "dev"}, {"stage": "prod"}, {"stage": "prod", "access": "open"}, guarded, contrary}

func TestNoActionHasAWildcard(t *testing.T) {
	t.Parallel()
	for _, s := range everyVariant {
		t.Run(variant(s), func(t *testing.T) {
			for _, s := range statements(t, synth(t, s)) {
				// Somebody must be able to administer a key, and the key's own policy
				// is where that is said: it gives the account all, on this key alone.
				if strings.Contains(s.action, "*") && s.action != `"kms:*"` {
					t.Errorf("%s: got a wildcard in %s", s.owner, s.text)
				}
			}
		})
	}
}

func TestOnlyTheRouteMayInvokeTheFunction(t *testing.T) {
	t.Parallel()
	for _, s := range everyVariant {
		t.Run(variant(s), func(t *testing.T) {
			tpl := synth(t, s)
			id, p := tpl.only(t, "AWS::Lambda::Permission")
			api, _ := tpl.only(t, "AWS::ApiGateway::RestApi")
			stage, _ := tpl.only(t, "AWS::ApiGateway::Stage")
			want(t, id+" Principal", p.Properties["Principal"], `"apigateway.amazonaws.com"`)
			want(t, id+" Action", p.Properties["Action"], `"lambda:InvokeFunction"`)
			want(t, id+" SourceArn", at(p.Properties, "SourceArn.Fn::Join.1"), fmt.Sprintf(
				`["arn:",{"Ref":"AWS::Partition"},":execute-api:",{"Ref":"AWS::Region"},":",{"Ref":"AWS::AccountId"},":",{"Ref":"%s"},"/",{"Ref":"%s"},"/POST/destination"]`, api, stage))
		})
	}
}
