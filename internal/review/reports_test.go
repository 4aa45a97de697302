package review_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tidwall/sjson"

	"visitplannr/internal/review"
	"visitplannr/test/check"
	"visitplannr/test/generated"
)

// The templates in testdata are cut from those that are deployed.
const (
	table    = "Resources.events26E65764"
	function = "Resources.proposedestination6432010A"
	method   = "Resources.apidestinationPOSTE6C6CDB7"
	policy   = "Resources.proposedestinationroleDefaultPolicy1A3F84AD"
)

// A plant is a change of the templates: values by their path; nil deletes.
type plant map[string]any

func allow(action, resource any) map[string]any {
	return map[string]any{"Effect": "Allow", "Action": action, "Resource": resource}
}

func getAtt(id, name string) map[string]any { return map[string]any{"Fn::GetAtt": []string{id, name}} }

func ref(id string) map[string]any { return map[string]any{"Ref": id} }

func resource(kind string, properties map[string]any) map[string]any {
	return map[string]any{"Type": kind, "Properties": properties}
}

var both = []string{"dev", "prod"}

//go:generate go test . -run UpToDate -update

// plants are what a reviewer must not overlook. Each has a golden report, which
// go generate ./internal/review writes.
var plants = map[string]struct {
	both, prod plant
	stages     []string  // that are compared; nil: dev
	contract   [2]string // what is replaced in docs/openapi.yaml
	words      [2]string // likewise
	files      map[string]string
}{
	"the table's key is renamed": {both: plant{
		table + ".Properties.KeySchema.1.AttributeName":            "Event",
		table + ".Properties.AttributeDefinitions.1.AttributeName": "Event",
	}, stages: both},
	"the table is another construct": {both: plant{
		table:                     nil,
		"Resources.journal26E657": resource("AWS::DynamoDB::Table", map[string]any{"KeySchema": []any{}}),
	}, stages: both},
	"a grant is wider": {both: plant{
		policy + ".Properties.PolicyDocument.Statement.1.Action":   []string{"dynamodb:PutItem", "dynamodb:DeleteItem"},
		policy + ".Properties.PolicyDocument.Statement.1.Resource": "*",
	}},
	"the API is open": {both: plant{method + ".Properties.AuthorizationType": "NONE"}},
	"a function is new": {both: plant{
		"Resources.listlogs": resource("AWS::Logs::LogGroup", map[string]any{"RetentionInDays": 14}),
		"Resources.listrole": resource("AWS::IAM::Role", map[string]any{"AssumeRolePolicyDocument": map[string]any{"Version": "2012-10-17",
			"Statement": []any{map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": "lambda.amazonaws.com"}}}}}),
		"Resources.listpolicy": resource("AWS::IAM::Policy", map[string]any{"Roles": []any{ref("listrole")}, "PolicyName": "list",
			"PolicyDocument": map[string]any{"Statement": []any{allow("dynamodb:Query", getAtt("events26E65764", "Arn")), allow("logs:PutLogEvents", getAtt("listlogs", "Arn"))}}}),
		"Resources.list": resource("AWS::Lambda::Function", map[string]any{"Role": getAtt("listrole", "Arn"), "Handler": "bootstrap", "Runtime": "provided.al2023",
			"Environment": map[string]any{"Variables": map[string]any{"EVENTS_TABLE": ref("events26E65764")}}}),
		"Resources.listmethod": resource("AWS::ApiGateway::Method", map[string]any{"HttpMethod": "GET", "AuthorizationType": "NONE",
			"ResourceId": ref("apidestination070D23EB"), "RestApiId": ref("apiC8550315"), "Integration": map[string]any{"Uri": getAtt("list", "Arn")}}),
	}},
	"a function has a URL": {both: plant{"Resources.url": resource("AWS::Lambda::Url", map[string]any{
		"AuthType": "NONE", "TargetFunctionArn": getAtt("proposedestination6432010A", "Arn"), "Cors": map[string]any{"AllowOrigins": []string{"*"}}})}},
	"the table has a policy": {both: plant{table + ".Properties.ResourcePolicy": map[string]any{"PolicyDocument": map[string]any{
		"Statement": []any{map[string]any{"Effect": "Allow", "Action": "dynamodb:*", "Principal": "*", "Resource": "*"}}}}}},
	"events are streamed to a function": {both: plant{
		table + ".Properties.StreamSpecification": map[string]any{"StreamViewType": "NEW_IMAGE"},
		"Resources.project": resource("AWS::Lambda::EventSourceMapping", map[string]any{
			"EventSourceArn": getAtt("events26E65764", "StreamArn"), "FunctionName": ref("proposedestination6432010A"), "StartingPosition": "LATEST"}),
	}},
	"a function has a layer and another variable": {both: plant{
		function + ".Properties.Layers":                              []any{"arn:aws:lambda:eu-west-2:123456789012:layer:agent:7"},
		function + ".Properties.Environment.Variables.LOG_BODIES":    "true",
		function + ".Properties.Environment.Variables.CORS_ORIGINS":  "*",
		"Resources.layergrant":                                       resource("AWS::Lambda::LayerVersionPermission", map[string]any{"Action": "lambda:GetLayerVersion", "Principal": "*"}),
		function + ".Properties.Environment.Variables.EVENTS_TABLE2": nil,
	}},
	"an alarm is deafer and one is gone": {both: plant{
		"Resources.proposedestinationerrorsD31F4AEA.Properties.Threshold": 100,
		"Resources.api5xx1F762CB3":                                        nil,
	}},
	"prod keeps less": {prod: plant{
		table + ".Properties.DeletionProtectionEnabled":                                   false,
		table + ".Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": false,
		table + ".DeletionPolicy":                                                         "Delete",
		"Resources.apilogs31139245.Properties.RetentionInDays":                            1,
	}, stages: both},
	"a throttle is higher in one stage": {prod: plant{"Resources.apiDeploymentStageprod896C8101.Properties.MethodSettings.0.ThrottlingRateLimit": 5000}, stages: both},
	"a path is renamed": {
		both:     plant{"Resources.apidestination070D23EB.Properties.PathPart": "destinations"},
		contract: [2]string{"  /destination:", "  /destinations:"},
	},
	"a limit is narrower": {
		both:     plant{"Resources.apiproposedestinationbody50B8C97D.Properties.Schema.properties.geolocation.properties.latitude.maximum": 80},
		contract: [2]string{"maximum: 90", "maximum: 80"},
	},
	"a limit is wider, and another is said in words": {
		contract: [2]string{"maximum: 90", "maximum: 95"}, words: [2]string{"description: must be 1 to 200 characters", "description: must be 1 to 80 characters"},
	},
	"requirements are newer, and events have another form": {files: map[string]string{
		"go.mod":       "module example\n\ngo 1.26.1\n\nrequire example.org/newer v1.1.0\n",
		"package.json": `{"devDependencies": {"aws-cdk": "2.2.0", "other": "1.0.0"}}`,
		"test/e2e/testdata/events/destinationProposed-2.json": "{}",
	}},
	"a deployment takes long, or is refused": {stages: both, both: plant{
		"Resources.apiC8550315.Properties.SecurityPolicy":                 "SecurityPolicy_TLS13_1_3_2025_09",
		"Resources.apiC8550315.Properties.EndpointAccessMode":             "STRICT",
		"Resources.apiC8550315.Properties.EndpointConfiguration":          map[string]any{"Types": []string{"EDGE"}},
		function + ".Properties.ReservedConcurrentExecutions":             900,
		function + ".Properties.Environment.Variables.GOMEMLIMIT":         "1MiB",
		"Resources.proposedestinationlogs91328E11":                        nil,
		"Resources.apiDeploymentStagedev96712F43.Properties.DeploymentId": ref("other"),
	}},
	"only code is new": {files: map[string]string{"functions/f/f.go": "package main\n\nfunc main() { println() }\n"}, stages: both, both: plant{function + ".Properties.Code.S3Key": strings.Repeat("1", 64) + ".zip"},
		prod: plant{"Resources.proposedestinationCurrentVersion0123ABCD0123456789abcdef0123456789abcdef": nil, "Resources.proposedestinationCurrentVersion4567CDEFfedcba9876543210fedcba9876543210": resource("AWS::Lambda::Version", map[string]any{}),
			"Resources.proposedestinationliveE513D270.Properties.FunctionVersion": getAtt("proposedestinationCurrentVersion4567CDEFfedcba9876543210fedcba9876543210", "Version")}},
	"the table has a key of its own": {both: plant{
		"Resources.key":                        resource("AWS::KMS::Key", map[string]any{"KeyPolicy": map[string]any{"Statement": []any{allow("kms:*", "*")}}}),
		table + ".Properties.SSESpecification": map[string]any{"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": ref("key")},
	}},
}

func TestReportsOfPlantedChangesAreUpToDate(t *testing.T) {
	t.Parallel()
	for name, p := range plants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, put := stages(t)
			if p.stages == nil {
				p.stages = []string{"dev"}
			}
			for file, text := range p.files {
				put(file, text)
			}
			put("dev.json", planted(t, read(t, "testdata/dev.json"), p.both))
			put("prod.json", planted(t, planted(t, read(t, "testdata/prod.json"), p.both), p.prod))
			description := read(t, "../../docs/openapi.yaml")
			put("docs/openapi.yaml", strings.Replace(strings.Replace(description, p.contract[0], p.contract[1], 1), p.words[0], p.words[1], 1))

			report := check.Value(review.Diff(t.Context(), review.Options{Root: dir, Base: "base", Stages: p.stages}))(t)
			got := report.Markdown()
			checkPicture(t, got)
			golden := filepath.Join("testdata", "reports", strings.ReplaceAll(strings.ReplaceAll(name, "'", ""), " ", "-")+".md")
			generated.CheckBy(t, "go generate ./internal/review", golden, got)
		})
	}
}

func TestMarkdownIsOneComment(t *testing.T) {
	t.Parallel()
	dir, put := stages(t)
	changes := plant{table + ".Properties.TableName": "a```b````c"}
	for i := range 1000 {
		changes[fmt.Sprintf("Resources.alarm%d", i)] = resource("AWS::CloudWatch::Alarm", map[string]any{"AlarmName": ref("events26E65764")})
	}
	put("dev.json", planted(t, read(t, "testdata/dev.json"), changes))
	report := check.Value(review.Diff(t.Context(), review.Options{Root: dir, Base: "base", Stages: []string{"dev"}}))(t)
	got := report.Markdown()
	checkPicture(t, got)
	if n := utf8.RuneCountInString(got); n > 65_536 || n < 60_000 {
		t.Errorf("got %d characters, want most of 65,536 and no more", n)
	}
	if want := "go run ./cmd/visitplannr diff base"; !strings.Contains(got, want) {
		t.Errorf("got no advice to run %q for the rest", want)
	}
	marker, _, _ := strings.Cut(got, "\n")
	if !strings.Contains(read(t, "../../.github/workflows/ci.yml"), `startswith("`+marker+`")`) {
		t.Errorf("ci.yml does not look for the comment that begins with %q", marker)
	}
	if n := strings.Count(got, "\n`````\n"); n != 2 {
		t.Errorf("got %d fences that what is inside cannot end, want 2", n)
	}
	if !strings.HasSuffix(got, "`\n\n</details>\n") {
		t.Errorf("got the end %q, want the blocks closed", got[len(got)-100:])
	}
}

var (
	drawn = regexp.MustCompile(`(?m)^  (n\d+|more)\["([^"\]]*)"\](:::[a-z]+)?$`)
	arrow = regexp.MustCompile(`(?m)^  (n\d+) --> (n\d+)$`)
)

// checkPicture holds the picture, where there is one, to the few forms that it is
// made of, which mermaid is known to parse.
func checkPicture(t *testing.T, markdown string) {
	t.Helper()
	_, rest, found := strings.Cut(markdown, "```mermaid\nflowchart LR\n")
	if !found {
		return
	}
	picture, _, _ := strings.Cut(rest, "```")
	nodes := map[string]bool{}
	for _, m := range drawn.FindAllStringSubmatch(picture, -1) {
		nodes[m[1]] = true
	}
	arrows := arrow.FindAllStringSubmatch(picture, -1)
	for _, m := range arrows {
		if !nodes[m[1]] || !nodes[m[2]] {
			t.Errorf("got the arrow %q between nodes that are not drawn", m[0])
		}
	}
	if n := len(nodes); n == 0 || n > 25 {
		t.Errorf("got %d nodes, want 1 to 25", n)
	}
	if got, want := strings.Count(picture, "\n"), len(nodes)+len(arrows)+strings.Count(picture, "\n  classDef "); got != want {
		t.Errorf("got %d lines, want %d: a line of the picture has another form\n%s", got, want, picture)
	}
}

// stages makes a repository whose stages are those of testdata, with the CDK's own
// command line for the diff.
func stages(t *testing.T) (dir string, put func(name, text string)) {
	t.Helper()
	cdk := check.Value(filepath.Abs("../../node_modules/.bin/cdk"))(t)
	if _, err := os.Stat(cdk); err != nil {
		t.Skip("the CDK's command line is not installed: run npm ci")
	}
	dir, put = repository(t)
	put("node_modules/.bin/cdk", strings.Replace(fakeCDK, `printf 'WARNING %s (Annotation)\n   of the stack\n\nResources\n' "$(cat note)"; echo "[~] diff of $*"; exit`, `exec "`+cdk+`" "$@"`, 1))
	put("dev.json", read(t, "testdata/dev.json"))
	put("prod.json", read(t, "testdata/prod.json"))
	put("docs/openapi.yaml", read(t, "../../docs/openapi.yaml"))
	put("go.mod", "module example\n\ngo 1.26\n\nrequire example.org/newer v1.0.0\n")
	put("package.json", `{"devDependencies": {"aws-cdk": "2.1.0"}}`)
	put("functions/f/f.go", "package main\n\nfunc main() {}\n")
	git(t, dir, "tag", "-d", "base")
	commit(t, dir, "base")
	return dir, put
}

func planted(t *testing.T, template string, p plant) string {
	t.Helper()
	var err error
	for _, path := range slices.Sorted(maps.Keys(p)) { // cdk diff keeps the order
		value := p[path]
		if value == nil {
			template, err = sjson.Delete(template, path)
		} else {
			template, err = sjson.Set(template, path, value)
		}
		check.OK(t, err)
	}
	return template
}

func read(t *testing.T, file string) string {
	t.Helper()
	text := check.Value(os.ReadFile(file))(t)
	return string(text)
}
