package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// The targets on this machine: 'visitplannr local' with the settings of a stage.
var (
	noPermissions = "the local gateway needs no permission"
	noRaised      = "the limits are raised; see prod"
	notAWS        = "only AWS shows it: [aws.md](aws.md)"
	localOpen     = target{"local, dev-open", map[need]string{
		signing: "the API is open", verifying: "the API is open", anotherEditor: "the API is open",
		stranger: "the API is open", strangerProblem: "the API is open",
		invocation: noPermissions, ownLimits: noRaised, awsItself: notAWS,
	}}
	localGateway = target{"local, dev-open, validation=gateway", with(localOpen.lacks, map[need]string{
		functionValidates: "the gateway checks first and only states the rules",
	})}
	localDev = target{"local, dev", map[need]string{
		openAccess: "the API requires signatures", invocation: noPermissions, ownLimits: noRaised, awsItself: notAWS,
	}}
	localProd = target{"local, prod", with(localDev.lacks, map[need]string{ownLimits: ""})}
)

var all = flag.Bool("all", false, "run the suite against the local run with each kind of settings, not only the default ones, and certify each client in every scenario")

// TestLocal runs the suite against the command that developers run.
func TestLocal(t *testing.T) {
	t.Parallel()
	command := buildCommand(t)
	raised := []string{"-c", "throttleRate=10000", "-c", "throttleBurst=5000", "-c", "corsOrigins=" + webOrigin}
	for _, c := range []struct {
		target   target
		settings []string
		limited  []string // the settings of a second run, with the stage's own limits
	}{
		{localOpen, append([]string{"-c", "stage=dev", "-c", "access=open"}, raised...), nil},
		{localGateway, append([]string{"-c", "stage=dev", "-c", "access=open", "-c", "validation=gateway"}, raised...), nil},
		{localDev, append([]string{"-c", "stage=dev"}, raised...), nil},
		{localProd, append([]string{"-c", "stage=prod", "-c", "reservedConcurrency=0"}, raised...), []string{"-c", "stage=prod"}},
	} {
		if c.target.name != localOpen.name && !*all {
			continue
		}
		t.Run(c.target.name, func(t *testing.T) {
			t.Parallel()
			s := startLocal(t, command, c.settings...)
			s.origin = webOrigin
			if c.limited != nil {
				s.limited = startLocal(t, command, c.limited...)
			}
			show(t, s, c.target.lacks)
		})
	}
}

// buildCommand builds the command line once for all its runs.
func buildCommand(t *testing.T) string {
	t.Helper()
	module := check.Value(gobuild.ModuleRoot("."))(t)
	// The go command runs this test anew when a file changed that the test has
	// looked at, but what its child looks at it cannot know.
	err := filepath.WalkDir(module, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "cdk.out", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case filepath.Ext(path) == ".go":
			_, err = os.Stat(path)
		}
		return err
	})
	check.OK(t, err)
	path := filepath.Join(t.TempDir(), "visitplannr")
	check.OK(t, gobuild.Here(t.Context(), module, "cmd/visitplannr", path))
	return path
}

// startLocal starts the command and reads from its line of JSON where the API and the
// table are, and who can sign.
func startLocal(t *testing.T, command string, settings ...string) *system {
	t.Helper()
	local := program.Command(context.Background(), "", command, append([]string{"local", "-json", "-addr", "127.0.0.1:0", "-dynamodb-addr", "127.0.0.1:0"}, settings...)...)
	program.OwnGroup(local)
	log := &lockedBuffer{}
	local.Stderr = log
	stdout := check.Value(local.StdoutPipe())(t)
	check.OK(t, local.Start())
	t.Cleanup(func() {
		_ = local.Process.Signal(syscall.SIGTERM)
		if err := local.Wait(); err != nil {
			t.Errorf("the command ended with %v", err)
		}
		if t.Failed() {
			lines := log.lines("")
			t.Logf("the end of its log:\n%s", strings.Join(lines[max(0, len(lines)-5):], "\n"))
		}
	})
	var run struct {
		API, DynamoDB, Table string
		Signers              []struct{ AccessKeyID, SecretAccessKey string }
	}
	if err := json.NewDecoder(stdout).Decode(&run); err != nil {
		t.Fatalf("it did not say where it is: %v\n%s", err, strings.Join(log.lines(""), "\n"))
	}
	engine := awsAPI{endpoint: func(string) string { return run.DynamoDB }, region: "us-east-1", by: principal{accessKeyID: "local", secret: "local"}}
	s := &system{base: run.API + "/", region: "eu-west-1", items: engine.items(run.Table),
		lines: func(_ *testing.T, text string) []string { return log.lines(text) }}
	// The engine knows the function by its access key.
	function := engine
	function.by.accessKeyID = "local-propose-destination"
	s.allowed = func(t *testing.T, action string) bool {
		var answer any
		operation := "DynamoDB_20120810." + action
		err := function.call(t.Context(), "dynamodb", operation, "1.0", map[string]any{"TableName": run.Table}, &answer)
		return err == nil || !strings.Contains(err.Error(), "AccessDeniedException") // but for what else the request lacks
	}
	for i, p := range []**principal{&s.editor, &s.other, &s.stranger} {
		if i < len(run.Signers) {
			*p = &principal{accessKeyID: run.Signers[i].AccessKeyID, secret: run.Signers[i].SecretAccessKey}
		}
	}
	return s
}

// lockedBuffer keeps what a process logs.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines returns the lines that contain text.
func (b *lockedBuffer) lines(text string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []string
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, text) {
			found = append(found, strings.TrimSuffix(line, "\n"))
		}
	}
	return found
}
