package test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"visitplannr/internal/program"
	"visitplannr/test/check"
)

var askAWS = flag.Bool("runbook", false, "let the AWS command line check the commands of the runbook; needs `aws`, of pip install awscli")

// awsShim stands in for the AWS command line: it lets the real one check the command
// and send it to where nobody listens, and answers as if all were well.
const awsShim = `#!/bin/bash
echo "$*" >> "$CHECKED"
said=$("$REAL_AWS" "$@" --endpoint-url http://127.0.0.1:1 2>&1)
case "$said $1 $2" in
*"Could not connect"*) ;;
*) printf '%s\n' "aws $*" "$said" >> "$CHECKED.refused" ;;
esac
case "$*" in
*Arn*) echo arn:aws:dynamodb:eu-west-1:123456789012:table/events/backup/01489602797149-73d8d5bc ;;
*alarmConfiguration*) echo '{"enabled":true,"alarms":[{"name":"x"}]}' ;;
*) echo ACTIVE ;;
esac
`

// The commands of the runbook run in the order of the page, in one shell. The AWS
// command line knows their parameters; nothing reaches AWS.
func TestCommandsOfTheRunbookAreKnownToTheAWSCommandLine(t *testing.T) {
	t.Parallel()
	if !*askAWS {
		t.Skip("run it with -runbook")
	}
	aws := check.Value(exec.LookPath("aws"))(t)
	text := check.Value(os.ReadFile("../docs/runbook.md"))(t)
	var script strings.Builder
	script.WriteString("set -u\n")
	for _, block := range regexp.MustCompile("(?ms)^ *```sh\n(.*?)^ *```$").FindAllStringSubmatch(string(text), -1) {
		script.WriteString(block[1])
	}
	dir := t.TempDir()
	for name, shim := range map[string]string{
		"aws": awsShim, "npx": "#!/bin/bash\n", "go": "#!/bin/bash\n", "curl": "#!/bin/bash\n", "jq": "#!/bin/bash\necho '{\"StreamName\":{\"S\":\"x\"}}'\n",
	} {
		check.OK(t, os.WriteFile(filepath.Join(dir, name), []byte(shim), 0o755))
	}
	checked := filepath.Join(dir, "checked")
	bash := program.Command(t.Context(), "", "bash", "-c", script.String())
	bash.Dir = t.TempDir()
	bash.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=" + dir, "REAL_AWS=" + aws, "CHECKED=" + checked,
		"AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x", "AWS_SESSION_TOKEN=x", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1"}
	if output, err := bash.CombinedOutput(); err != nil {
		t.Errorf("the commands end with %v:\n%s", err, output)
	}
	if refused, err := os.ReadFile(checked + ".refused"); err == nil {
		t.Errorf("the AWS command line refuses:\n%s", refused)
	}
	commands := check.Value(os.ReadFile(checked))(t)
	for _, want := range []string{"dynamodb restore-table-from-backup", "dynamodb export-table-to-point-in-time", "cloudformation continue-update-rollback",
		"deploy stop-deployment", "iam put-user-policy", "sns list-subscriptions-by-topic"} {
		if !strings.Contains(string(commands), want) {
			t.Errorf("aws %s was not asked for", want)
		}
	}
}

// The loop that copies events back runs against an aws that answers as AWS does: copied,
// there already, and refused.
func TestCopyingEventsBackTellsWhatIsThereFromWhatIsRefused(t *testing.T) {
	t.Parallel()
	text := check.Value(os.ReadFile("../docs/runbook.md"))(t)
	block := regexp.MustCompile("(?s)```sh\n(aws dynamodb scan [^`]*)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the runbook has no loop that scans a table")
	}
	dir := t.TempDir()
	for name, shim := range map[string]string{
		"jq": "#!/bin/bash\ncat\n",
		"aws": `#!/bin/bash
case "$*" in
*" scan "*) printf '"new"\n"old one"\n"big"\n' ;;
*old*) echo 'An error occurred (ConditionalCheckFailedException) when calling the PutItem operation: The conditional request failed' >&2; exit 254 ;;
*big*) echo 'An error occurred (AccessDeniedException) when calling the PutItem operation: no' >&2; exit 254 ;;
esac
`} {
		check.OK(t, os.WriteFile(filepath.Join(dir, name), []byte(shim), 0o755))
	}
	bash := program.Command(t.Context(), "", "bash", "-uc", "table=events\n"+string(block[1]))
	bash.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	output, err := bash.CombinedOutput()
	want := "copied: \"new\"\nalready there: \"old one\"\nREFUSED: \"big\": An error occurred (AccessDeniedException) when calling the PutItem operation: no\n"
	if err != nil || string(output) != want {
		t.Errorf("got %v and\n%swant\n%s", err, output, want)
	}
}

// What the programs say is in the runbook is there.
func TestHeadingsThatProgramsName(t *testing.T) {
	t.Parallel()
	runbook := check.Value(os.ReadFile("../docs/runbook.md"))(t)
	program := check.Value(os.ReadFile("../cmd/visitplannr/check.go"))(t)
	named := regexp.MustCompile(`see '([^']+)' in docs/runbook\.md`).FindAllStringSubmatch(string(program), -1)
	if len(named) < 2 {
		t.Fatalf("got %q", named)
	}
	for _, m := range named {
		if !strings.Contains(string(runbook), "# "+m[1]+"\n") && !strings.Contains(string(runbook), "**"+m[1]+".**") {
			t.Errorf("docs/runbook.md has no %q", m[1])
		}
	}
}
