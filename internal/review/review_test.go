package review_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"visitplannr/internal/program"
	"visitplannr/internal/review"
	"visitplannr/test/check"
)

const template = `{"Resources": {
  "table": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": {
    "KeySchema": [{"AttributeName": "StreamName", "KeyType": "HASH"}], "DeletionProtectionEnabled": true}},
  "policy": {"Type": "AWS::IAM::Policy", "Properties": {"PolicyDocument": {"Statement": [
    {"Action": "dynamodb:PutItem", "Effect": "Allow", "Resource": {"Fn::GetAtt": ["table", "Arn"]}}]}}},
  "method": {"Type": "AWS::ApiGateway::Method", "Properties": {"AuthorizationType": "AWS_IAM"}},
  "stage": {"Type": "AWS::ApiGateway::Stage", "Properties": {"MethodSettings": [{"ThrottlingRateLimit": 50}]}},
  "alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}},
  "logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 365}},
  "topic": {"Type": "AWS::SNS::Topic", "Properties": {"KmsMasterKeyId": "key"}},
  "function": {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Key": "a.zip"}, "Description": "x"}}
}}`

func TestConcerns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, old, new string // what is replaced in the template
		want           []string
	}{
		{"an action more", `"dynamodb:PutItem"`, `["dynamodb:PutItem","dynamodb:DeleteItem"]`, []string{
			"Who may do what", `~ AWS::IAM::Policy policy PolicyDocument.Statement.0: Allow dynamodb:PutItem on table.Arn -> Allow dynamodb:PutItem, dynamodb:DeleteItem on table.Arn`}},
		{"a statement more", `"Statement": [`, `"Statement": [{"Action": "s3:*", "Effect": "Allow", "Resource": "*"},`, []string{
			"Who may do what", `~ AWS::IAM::Policy policy PolicyDocument.Statement: without [], with [Allow s3:* on *]`}},
		{"open access", `AWS_IAM`, `NONE`, []string{
			"Who may call the API, and with what", `~ AWS::ApiGateway::Method method AuthorizationType: "AWS_IAM" -> "NONE"`}},
		{"another answer to preflights", `"AWS_IAM"`, `"AWS_IAM", "Integration": {"IntegrationResponses": ["*"]}`, []string{
			"Who may call the API, and with what", `~ AWS::ApiGateway::Method method Integration.IntegrationResponses: none -> ["*"]`}},
		{"a table that goes with the stack", `"DeletionPolicy": "Retain"`, `"DeletionPolicy": "Delete"`, []string{
			"What happens to stored data", `~ AWS::DynamoDB::Table table DeletionPolicy: "Retain" -> "Delete"`}},
		{"deletion protection gone", `, "DeletionProtectionEnabled": true`, ``, []string{
			"What happens to stored data", `~ AWS::DynamoDB::Table table DeletionProtectionEnabled: true -> none`}},
		{"another key", `StreamName`, `Stream`, []string{
			"What happens to stored data", `~ AWS::DynamoDB::Table table KeySchema.0.AttributeName: "StreamName" -> "Stream"`}},
		{"shorter retention", `365`, `1`, []string{
			"What happens to stored data", `~ AWS::Logs::LogGroup logs RetentionInDays: 365 -> 1`}},
		{"another key of encryption", `"KmsMasterKeyId": "key"`, `"KmsMasterKeyId": "other"`, []string{
			"Encryption", `~ AWS::SNS::Topic topic KmsMasterKeyId: "key" -> "other"`}},
		{"another throttle", `50`, `5000`, []string{
			"Limits and capacity", `~ AWS::ApiGateway::Stage stage MethodSettings.0.ThrottlingRateLimit: 50 -> 5000`}},
		{"a deafer alarm", `"Threshold": 1`, `"Threshold": 100`, []string{
			"Alarms, logs and rollback", `~ AWS::CloudWatch::Alarm alarm Threshold: 1 -> 100`}},
		{"new code and another description", `"a.zip"}, "Description": "x"`, `"b.zip"}, "Description": "y"`, nil},
		{"nothing", `x`, `x`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(template, c.old, c.new, 1)
			if got := concerns(t, template, changed); !slices.Equal(got, c.want) {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
		})
	}

	const empty = `{"Resources": {}}`

	t.Run("a resource that is gone is one line", func(t *testing.T) {
		t.Parallel()
		want := []string{
			"Who may do what", "- AWS::IAM::Policy policy",
			"Who may call the API, and with what", "- AWS::ApiGateway::Method method",
			"What happens to stored data", "- AWS::DynamoDB::Table table", "- AWS::Logs::LogGroup logs",
			"What code runs, and in which environment", "- AWS::Lambda::Function function",
			"Alarms, logs and rollback", "- AWS::CloudWatch::Alarm alarm", "- AWS::SNS::Topic topic",
		}
		if got := concerns(t, template, empty); !slices.Equal(got, want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
	})

	t.Run("a resource that is new is one line, and what it lets anybody do", func(t *testing.T) {
		t.Parallel()
		want := []string{
			"Who may do what", "+ AWS::IAM::Policy policy: PolicyDocument.Statement [Allow dynamodb:PutItem on table.Arn]",
			"Who may call the API, and with what", `+ AWS::ApiGateway::Method method: AuthorizationType "AWS_IAM"`,
			"What happens to stored data", "+ AWS::DynamoDB::Table table", "+ AWS::Logs::LogGroup logs",
			"What code runs, and in which environment", "+ AWS::Lambda::Function function",
			"Alarms, logs and rollback", "+ AWS::CloudWatch::Alarm alarm", "+ AWS::SNS::Topic topic",
		}
		if got := concerns(t, empty, template); !slices.Equal(got, want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
	})

	t.Run("the gravest comes first", func(t *testing.T) {
		t.Parallel()
		var got []string
		other := strings.NewReplacer("PutItem", "*", "AWS_IAM", "NONE", "Retain", "Delete", `"key"`, `"other"`, "50", "5", `"Threshold": 1`, `"Threshold": 9`)
		for _, line := range concerns(t, template, other.Replace(template)) {
			if !strings.HasPrefix(line, "~ ") {
				got = append(got, line)
			}
		}
		want := []string{"Who may do what", "Who may call the API, and with what", "What happens to stored data", "Encryption",
			"Limits and capacity", "Alarms, logs and rollback"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// concerns returns the titles and lines of what affects security or safety.
func concerns(t *testing.T, before, after string) []string {
	t.Helper()
	b := check.Value(review.ParseTemplate([]byte(before)))(t)
	a := check.Value(review.ParseTemplate([]byte(after)))(t)
	var lines []string
	title := ""
	for _, f := range review.Concerns(review.Changes(b, a)) {
		if f.Kind != review.Concern {
			continue
		}
		if f.Title != title {
			title = f.Title
			lines = append(lines, strings.TrimPrefix(title, "!! "))
		}
		lines = append(lines, f.Change.String())
	}
	return lines
}

// fakeCDK stands in for the CDK's command line: it synthesizes the file template.json of
// its directory, or that of the stage, or with corsOrigins switched.json, refuses the
// setting that a file names, and shows that it was asked for a diff.
const fakeCDK = `#!/bin/sh
set -e
[ -z "$AWS_ACCESS_KEY_ID" ] || { echo "got credentials"; exit 1; }
if [ "$1" = diff ]; then printf 'WARNING %s (Annotation)\n   of the stack\n\nResources\n' "$(cat note)"; echo "[~] diff of $*"; exit; fi
while [ $# -gt 0 ]; do case $1 in --output) out=$2;; stage=*) stage=${1#stage=};; corsOrigins=*) on=switched.json;;
  $(cat refused)=*) echo "setting \"$(cat refused)\" is refused"; exit 1;; esac; shift; done
in=$stage.json; [ -f $in ] || in=template.json; [ ! -f "$on" ] || in=$on
grep -q Resources $in || { echo "template.json is broken"; exit 1; }
echo "$out" >>"$0.used"
mkdir -p $out && cp $in $out/visitplannr-$stage.template.json
echo "\"$(cat note) [ack: note]\"" >$out/visitplannr-$stage.metadata.json
echo '{"version":"36.0.0","artifacts":{"visitplannr-'$stage'":{"type":"aws:cloudformation:stack",
  "environment":"aws://unknown-account/unknown-region","properties":{
  "templateFile":"visitplannr-'$stage'.template.json","terminationProtection":'$(cat protected)'}}}}' >$out/manifest.json
`

// repository makes one with a commit that holds the template, and returns its
// directory and a function that writes a file of the work tree.
func repository(t *testing.T) (dir string, put func(name, text string)) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh to stand in for the CDK's command line")
	}
	dir = t.TempDir()
	put = func(name, text string) {
		t.Helper()
		write(t, filepath.Join(dir, name), text)
	}
	put("node_modules/.bin/cdk", fakeCDK)
	put(".gitignore", "/node_modules/\n")
	put("README.md", "before there was an app\n")
	git(t, dir, "init", "-q")
	commit(t, dir, "empty")
	put("cdk.json", "{}")
	put("template.json", template)
	put("protected", "true")
	put("refused", "nothing")
	put("note", "alarms notify nobody")
	commit(t, dir, "base")
	return dir, put
}

func commit(t *testing.T, dir, tag string) {
	t.Helper()
	git(t, dir, "add", "-A")
	git(t, dir, "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false", "commit", "-qm", tag)
	git(t, dir, "tag", tag)
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := program.Output(program.Git(context.WithoutCancel(t.Context()), dir, args...))
	if err != nil {
		t.Fatalf("git %v: %v", args, err)
	}
	return out
}

func TestMembersOfTheReportsJSONAreDocumented(t *testing.T) {
	t.Parallel()
	page := read(t, "../../docs/review.md")
	for _, kind := range []reflect.Type{reflect.TypeFor[review.Report](), reflect.TypeFor[review.Finding](), reflect.TypeFor[review.Behaviour](),
		reflect.TypeFor[review.Difference](), reflect.TypeFor[review.Change]()} {
		for _, field := range reflect.VisibleFields(kind) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); !strings.Contains(page, "`"+name+"`") {
				t.Errorf("docs/review.md lacks %q of %s", name, kind)
			}
		}
	}
}

func TestDiff(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "not for the CDK")

	diff := func(t *testing.T, dir, base string) (string, error) {
		report, err := review.Diff(t.Context(), review.Options{Root: dir, Base: base, Stages: []string{"dev", "prod"}})
		wantNothingLeftOver(t)
		if err != nil {
			return "", err
		}
		return report.Text(), nil
	}

	t.Run("says that nothing changes", func(t *testing.T) {
		dir, _ := repository(t)
		got, err := diff(t, dir, "base")
		want := "dev and prod: no changes\n\nCompared:\n- the templates of dev and prod, as they are deployed\n"
		if err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("got %q, %v\nwant %q first", got, err, want)
		}
	})

	t.Run("puts what is dangerous before the whole, and says once what stages share", func(t *testing.T) {
		dir, put := repository(t)
		put("template.json", strings.Replace(template, "AWS_IAM", "NONE", 1))
		put("protected", "false")
		got := check.Value(diff(t, dir, "base"))(t)
		for _, part := range []string{"dev and prod: 1 changed\n", `AuthorizationType: "AWS_IAM" -> "NONE"`,
			"==== dev\n!! What happens to stored data\n   ~ AWS::CloudFormation::Stack visitplannr-dev DeletionProtection: true -> false\n"} {
			if strings.Count(got, part) != 1 {
				t.Errorf("got\n%s\nwant %q once", got, part)
			}
		}
		if strings.Index(got, "AuthorizationType") > strings.Index(got, "diff of diff") {
			t.Errorf("got\n%s\nwant what is dangerous before the whole", got)
		}
		if strings.Contains(got, "WARNING") || strings.Contains(got, "of the stack") {
			t.Errorf("got\n%s\nwant no warning that the change does not make", got)
		}
		report := check.Value(review.Diff(t.Context(), review.Options{Root: dir, Base: "base", Stages: []string{"dev"}}))(t)
		var data review.Report
		if err := json.Unmarshal([]byte(report.JSON()), &data); err != nil || data.Text() != report.Text() || data.SchemaVersion != review.SchemaVersion {
			t.Errorf("got %s, %v; want the same report as data", report.JSON(), err)
		}
		put("note", "alarms ring at night")
		if got, err := diff(t, dir, "base"); err != nil || strings.Count(got, "WARNING alarms ring at night") != 1 {
			t.Errorf("got\n%s, %v\nwant the new warning once", got, err)
		}
	})

	t.Run("shows what differs only with a switch on, and what it could not compare", func(t *testing.T) {
		dir, put := repository(t)
		put("switched.json", template)
		put("refused", "validation")
		commit(t, dir, "switched")
		put("refused", "nothing")
		put("template.json", strings.Replace(template, "50", "60", 1))
		put("switched.json", strings.NewReplacer("50", "60", "AWS_IAM", "NONE", `"x"`, `"y"`).Replace(template))
		got, err := diff(t, dir, "switched")
		check.OK(t, err)
		for _, part := range []string{"dev and prod: 1 changed\n", "==== dev and prod, with alarmEmail, ", "corsOrigins, ", `AuthorizationType: "AWS_IAM" -> "NONE"`,
			"Other changes\n   ~ AWS::Lambda::Function function Description: ", "ThrottlingRateLimit: 50 -> 60", "validation set (switched refuses validation)"} {
			if strings.Count(got, part) != 1 && part != "corsOrigins, " {
				t.Errorf("got\n%s\nwant %q once", got, part)
			}
		}

		put("switched.json", "{}")
		got, err = diff(t, dir, "switched")
		if want := "!! Is not synthesized any more\n   the work tree: "; err != nil || strings.Count(got, want) != 2 || !strings.Contains(got, "set: NOT compared, the work tree: ") {
			t.Errorf("got\n%s, %v\nwant %q for both variants", got, err, want)
		}
	})

	t.Run("a base without an app is said so", func(t *testing.T) {
		dir, _ := repository(t)
		if _, err := diff(t, dir, "empty"); !errors.Is(err, review.ErrNoApp) {
			t.Errorf("got %v, want %v", err, review.ErrNoApp)
		}
	})

	t.Run("names a base that is not a commit", func(t *testing.T) {
		dir, _ := repository(t)
		for _, base := range []string{"nonsense", "--help", ""} {
			_, err := diff(t, dir, base)
			if err == nil || !strings.Contains(err.Error(), `"`+base+`" is not a commit`) || strings.Contains(err.Error(), "shallow") {
				t.Errorf("base %q: got %v, want it named, and no word of a shallow clone", base, err)
			}
		}
	})

	t.Run("sources that do not synthesize end with their own message", func(t *testing.T) {
		dir, put := repository(t)
		put("template.json", "{}")
		if _, err := diff(t, dir, "base"); err == nil || !strings.Contains(err.Error(), "the work tree") || !strings.Contains(err.Error(), "template.json is broken") {
			t.Errorf("got %v, want the state and what the command line said", err)
		}
	})

	t.Run("an error of both states is told once", func(t *testing.T) {
		dir, put := repository(t)
		put("template.json", "{}")
		commit(t, dir, "broken")
		_, err := diff(t, dir, "broken")
		if err == nil || strings.Count(err.Error(), "template.json is broken") != 1 || !strings.HasPrefix(err.Error(), "broken and the work tree: ") {
			t.Errorf("got %v, want the message once, and both states", err)
		}
	})

	t.Run("a command line that is not installed is said so", func(t *testing.T) {
		dir, _ := repository(t)
		check.OK(t, os.RemoveAll(filepath.Join(dir, "node_modules")))
		if _, err := diff(t, dir, "base"); err == nil || !strings.Contains(err.Error(), "npm ci") {
			t.Errorf("got %v, want the advice to run npm ci", err)
		}
	})
}
