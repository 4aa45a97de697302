package acceptance

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

var emulate = flag.Bool("emulator", false, "deploy the stack to ministack with the CDK's command line, and run the suite against it; needs Python 3 and Node")

// The targets on the emulator. What it lacks was found with the version that
// requirements.txt names.
var (
	notVerified = "ministack verifies signatures only where it enforces IAM"
	onEmulator  = map[need]string{
		openAccess:  "the stack is deployed with `access=iam`",
		gatewayID:   "ministack gives the function and the client different ids",
		headerLimit: "ministack has no such limit",
		awsItself:   notAWS,
	}
	emulatorDev = target{"emulator, dev", with(onEmulator, map[need]string{
		verifying: notVerified, stranger: notVerified, strangerProblem: notVerified, anotherEditor: notVerified,
		ownLimits: "the limits are raised; see prod",
	})}
	emulatorProd = target{"emulator, prod", with(emulatorDev.lacks, map[need]string{
		ownLimits: "", webPages: "see dev", noLimits: "prod keeps its limits; see dev",
	})}
	emulatorIAM = target{"emulator, dev, IAM enforced", with(onEmulator, map[need]string{
		strangerProblem: "ministack answers with a body of its own",
		ownLimits:       "the limits are raised; see prod",
		noLimits:        "see dev",
	})}
)

// What ministack refuses is taken out of a copy of the synthesized assembly: all
// resources of these types, and nothing else. Count what each stage loses, so that
// nothing else disappears unnoticed.
var takenOut = map[string]map[string]int{
	"dev":  {"AWS::ApplicationAutoScaling::ScalableTarget": 2, "AWS::ApplicationAutoScaling::ScalingPolicy": 2},
	"prod": {"AWS::CodeDeploy::Application": 1, "AWS::CodeDeploy::DeploymentGroup": 1, "UpdatePolicy": 1},
}

const (
	emulatorAccount = "000000000000"
	emulatorRegion  = "us-east-1"
	webOrigin       = "https://editors.example"
)

// root is the account's, which ministack's IAM lets do everything.
var root = principal{accessKeyID: "test", secret: "test"}

// TestEmulator deploys the stack with the CDK's own command line to ministack, which
// runs the function that is deployed.
func TestEmulator(t *testing.T) {
	if !*emulate {
		t.Skip("run it with -emulator")
	}
	e := newEmulator(t)
	e.start(t, false)
	assembly := e.assembly(t, "dev", "throttleRate=10000", "throttleBurst=5000", "corsOrigins="+webOrigin)
	e.cdk(t, "bootstrap", "--app", assembly, "aws://"+emulatorAccount+"/"+emulatorRegion)
	dev := e.deploy(t, "dev", assembly)
	dev.origin = webOrigin
	t.Run(emulatorDev.name, func(t *testing.T) { show(t, dev, emulatorDev.lacks) })

	prod := e.deploy(t, "prod", e.assembly(t, "prod"))
	prod.limited = prod
	t.Run(emulatorProd.name, func(t *testing.T) { show(t, prod, emulatorProd.lacks) })

	dev.editor, dev.other, dev.stranger = e.user(t, "editor", true), e.user(t, "other", true), e.user(t, "stranger", false)
	e.stop(t)
	e.start(t, true)
	t.Run(emulatorIAM.name, func(t *testing.T) { show(t, dev, emulatorIAM.lacks) })
}

// emulator is a ministack with a state of its own.
type emulator struct {
	awsAPI
	module string // directory of the module
	python string // directory of a virtual environment with ministack
	state  string
	port   string
	log    *os.File
	stop   func(t *testing.T)
}

func newEmulator(t *testing.T) *emulator {
	t.Helper()
	module := check.Value(gobuild.ModuleRoot("."))(t)
	listener := check.Value(net.Listen("tcp", "127.0.0.1:0"))(t)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	check.OK(t, errors.Join(err, listener.Close()))
	e := &emulator{module: module, python: virtualEnvironment(t, module), state: t.TempDir(), port: port}
	e.awsAPI = awsAPI{endpoint: func(string) string { return "http://127.0.0.1:" + port }, region: emulatorRegion, by: root}
	if e.log, err = os.Create(filepath.Join(e.state, "ministack.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(e.log.Name())
			t.Logf("the end of ministack's log:\n%s", text[max(0, len(text)-4000):])
		}
		_ = e.log.Close()
	})
	return e
}

// start starts the emulator on the state that an earlier one left.
func (e *emulator) start(t *testing.T, enforceIAM bool) {
	t.Helper()
	url := e.endpoint("")
	command := program.Command(context.Background(), e.state, filepath.Join(e.python, "bin", "ministack"))
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + e.state, "TMPDIR=" + e.state, "STATE_DIR=" + filepath.Join(e.state, "state"),
		"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + e.port, "SFTP_ENABLED=0", "LOG_LEVEL=WARNING",
		"AWS_ENDPOINT_URL=" + url, // functions inherit it
		"PERSIST_STATE=1", fmt.Sprintf("AUTH=%t", enforceIAM),
	}
	command.Stdout, command.Stderr = e.log, e.log
	program.OwnGroup(command) // its functions with it
	check.OK(t, command.Start())
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	stopped := false
	e.stop = func(t *testing.T) {
		if stopped {
			return
		}
		stopped = true
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			t.Error("ministack does not end")
		}
		program.KillGroup(command) // what is left of its functions
	}
	t.Cleanup(func() { e.stop(t) })
	err := eventually(t.Context(), time.Minute, func() bool {
		response, err := http.Get(url + "/_ministack/health")
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, response.Body)
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	check.OK(t, err)
}

// cdk runs the CDK's command line against the emulator.
func (e *emulator) cdk(t *testing.T, arguments ...string) {
	t.Helper()
	command := program.Command(t.Context(), e.module, "npx", append([]string{"--no-install", "cdk"}, arguments...)...)
	command.Env = append(command.Env, "AWS_ENDPOINT_URL="+e.endpoint(""), "AWS_REGION="+emulatorRegion,
		"AWS_ACCESS_KEY_ID="+root.accessKeyID, "AWS_SECRET_ACCESS_KEY="+root.secret, "AWS_SESSION_TOKEN=")
	began := time.Now()
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cdk %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	t.Logf("cdk %s: %v", arguments[0], time.Since(began).Round(100*time.Millisecond))
}

// assembly synthesizes a stage for this machine and takes out what the emulator
// refuses.
func (e *emulator) assembly(t *testing.T, stage string, settings ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), stage)
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	arguments := []string{"synth", "--quiet", "--output", dir, "-c", "stage=" + stage, "-c", "architecture=" + architecture}
	for _, setting := range settings {
		arguments = append(arguments, "-c", setting)
	}
	e.cdk(t, arguments...)
	path := filepath.Join(dir, "visitplannr-"+stage+".template.json")
	text, err := os.ReadFile(path)
	check.OK(t, err)
	var template map[string]any
	check.OK(t, json.Unmarshal(text, &template))
	out := map[string]int{}
	resources := template["Resources"].(map[string]any)
	for id, resource := range resources {
		kind := leaf(resource, "Type")
		if strings.HasPrefix(kind, "AWS::ApplicationAutoScaling::") || strings.HasPrefix(kind, "AWS::CodeDeploy::") {
			out[kind]++
			delete(resources, id)
		} else if _, found := resource.(map[string]any)["UpdatePolicy"]; found {
			out["UpdatePolicy"]++
			delete(resource.(map[string]any), "UpdatePolicy")
		}
	}
	if !maps.Equal(out, takenOut[stage]) {
		t.Errorf("took %v out of %s's template, want %v", out, stage, takenOut[stage])
	}
	if text, err = json.Marshal(template); err == nil {
		err = os.WriteFile(path, text, 0o644)
	}
	check.OK(t, err)
	return dir
}

// deploy deploys a stage as an operator would.
func (e *emulator) deploy(t *testing.T, stage, assembly string) *system {
	t.Helper()
	outputs := filepath.Join(t.TempDir(), "outputs.json")
	e.cdk(t, "deploy", "--app", assembly, "--require-approval", "never", "--outputs-file", outputs)
	text := check.Value(os.ReadFile(outputs))(t)
	var stacks map[string]struct{ ApiUrl, EventsTableName, FunctionName string }
	check.OK(t, json.Unmarshal(text, &stacks))
	stack := stacks["visitplannr-"+stage]
	if stack.EventsTableName == "" || stack.FunctionName == "" {
		t.Fatalf("outputs %s", text)
	}
	function := firstOf(stack.FunctionName)
	s := &system{
		region:  emulatorRegion,
		editor:  &root,
		items:   e.items(stack.EventsTableName),
		lines:   e.lines(function),
		allowed: e.allowed(function, stack.EventsTableName),
	}
	s.base, s.host = throughEmulator(t, e.endpoint(""), stack.ApiUrl)
	api, _, _ := strings.Cut(s.host, ".")
	s.mayInvoke = func(t *testing.T, route string) bool { return e.mayInvoke(t, api, stage, route) }
	return s
}

// firstOf returns the first of several names: that of the endpoint which proposes.
func firstOf(names string) string {
	first, _, _ := strings.Cut(names, ",")
	return first
}

// throughEmulator returns the URL at which the emulator serves a stage, and the Host
// that tells it which API is meant: what the stack gives out names AWS's host.
func throughEmulator(t *testing.T, endpoint, apiURL string) (base, host string) {
	t.Helper()
	u := check.Value(url.Parse(apiURL))(t)
	id, _, _ := strings.Cut(u.Host, ".")
	return endpoint + u.Path, id + ".execute-api.localhost"
}

// lines returns a probe that searches the log of a function.
func (a awsAPI) lines(function string) func(t *testing.T, text string) []string {
	return func(t *testing.T, text string) []string {
		t.Helper()
		return a.find(t, a.configuration(t, function).LoggingConfig.LogGroup, text)
	}
}

// find returns the lines of a log group that contain a text.
func (a awsAPI) find(t *testing.T, group, text string) (lines []string) {
	t.Helper()
	var found struct{ Events []struct{ Message string } }
	input := map[string]any{"logGroupName": group, "filterPattern": `"` + text + `"`}
	check.OK(t, a.call(t.Context(), "logs", "Logs_20140328.FilterLogEvents", "1.1", input, &found))
	for _, e := range found.Events {
		lines = append(lines, e.Message)
	}
	return lines
}

// configuration is what Lambda says of a function.
func (a awsAPI) configuration(t *testing.T, function string) (c struct {
	Role          string
	LoggingConfig struct{ LogGroup string }
}) {
	t.Helper()
	a.get(t, "lambda", "/2015-03-31/functions/"+function+"/configuration", &c)
	return c
}

// mayInvoke tells whether the function behind an API's one route lets the API invoke
// it by a route. ministack invokes without asking, so its answers do not show that.
func (a awsAPI) mayInvoke(t *testing.T, api, stage, route string) bool {
	t.Helper()
	var resources json.RawMessage
	a.get(t, "apigateway", "/restapis/"+api+"/resources?embed=methods", &resources)
	targets := regexp.MustCompile(`functions/(arn:[^/"]+)/invocations`).FindAllSubmatch(resources, -1)
	if len(targets) != 1 {
		t.Fatalf("the API has the functions %s, want one", targets)
	}
	var answer struct{ Policy string }
	a.get(t, "lambda", "/2015-03-31/functions/"+url.PathEscape(string(targets[0][1]))+"/policy", &answer)
	var policy struct {
		Statement []struct {
			Effect, Action string
			Principal      struct{ Service string }
			Condition      struct{ ArnLike map[string]string }
		}
	}
	if err := json.Unmarshal([]byte(answer.Policy), &policy); err != nil {
		t.Fatalf("policy %q: %v", answer.Policy, err)
	}
	source := "arn:aws:execute-api:" + a.region + ":" + emulatorAccount + ":" + api + "/" + stage + "/" + route
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || s.Action != "lambda:InvokeFunction" || s.Principal.Service != "apigateway.amazonaws.com" {
			t.Errorf("the policy has the statement %+v, want only API Gateway's", s)
		}
		for _, pattern := range s.Condition.ArnLike {
			glob := "^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, `.*`) + "$"
			if regexp.MustCompile(glob).MatchString(source) {
				return true
			}
		}
	}
	return false
}

// allowed returns a probe that asks IAM what the role of a function may do to a
// table.
func (e *emulator) allowed(function, table string) func(t *testing.T, action string) bool {
	return func(t *testing.T, action string) bool {
		t.Helper()
		text, err := e.query(t.Context(), "iam", url.Values{
			"Action": {"SimulatePrincipalPolicy"}, "Version": {"2010-05-08"},
			"PolicySourceArn":       {e.configuration(t, function).Role},
			"ActionNames.member.1":  {"dynamodb:" + action},
			"ResourceArns.member.1": {"arn:aws:dynamodb:" + emulatorRegion + ":" + emulatorAccount + ":table/" + table},
		})
		check.OK(t, err)
		var result struct {
			Decisions []string `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member>EvalDecision"`
		}
		if err := xml.Unmarshal([]byte(text), &result); err != nil || len(result.Decisions) != 1 {
			t.Fatalf("SimulatePrincipalPolicy: %v\n%s", err, text)
		}
		return result.Decisions[0] == "allowed"
	}
}

// user makes a user with an access key, who may or may not call dev's API.
func (e *emulator) user(t *testing.T, name string, may bool) *principal {
	t.Helper()
	iam := func(parameters ...string) string {
		t.Helper()
		values := url.Values{"Version": {"2010-05-08"}, "UserName": {name}}
		for i := 0; i < len(parameters); i += 2 {
			values.Set(parameters[i], parameters[i+1])
		}
		return check.Value(e.query(t.Context(), "iam", values))(t)
	}
	iam("Action", "CreateUser")
	if may {
		iam("Action", "PutUserPolicy", "PolicyName", "propose", "PolicyDocument", fmt.Sprintf(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:Invoke","Resource":"arn:aws:execute-api:%s:%s:*/dev/*"}]}`,
			emulatorRegion, emulatorAccount))
	}
	var made struct {
		ID     string `xml:"CreateAccessKeyResult>AccessKey>AccessKeyId"`
		Secret string `xml:"CreateAccessKeyResult>AccessKey>SecretAccessKey"`
	}
	if err := xml.Unmarshal([]byte(iam("Action", "CreateAccessKey")), &made); err != nil || made.Secret == "" {
		t.Fatalf("CreateAccessKey: %v", err)
	}
	return &principal{accessKeyID: made.ID, secret: made.Secret}
}

// virtualEnvironment returns the directory of one with what requirements.txt names.
// Where there is no Python the test is skipped, but not in CI.
func virtualEnvironment(t *testing.T, module string) string {
	t.Helper()
	dir := filepath.Join(module, "build", "python")
	python, err := exec.LookPath("python3")
	if err != nil {
		skipOutsideCI(t, "there is no python3")
	}
	for _, command := range [][]string{
		{python, "-m", "venv", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", filepath.Join(module, "test", "acceptance", "requirements.txt")},
	} {
		if output, err := program.Command(context.WithoutCancel(t.Context()), "", command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, output)
		}
	}
	return dir
}

// skipOutsideCI skips a test whose tools are missing. In CI they may not be.
func skipOutsideCI(t *testing.T, reason string) {
	t.Helper()
	if slices.Contains([]string{"true", "1"}, os.Getenv("CI")) {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
