package acceptance

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/internal/gobuild"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// A client is a program of docs/clients.md.
type client struct {
	language string
	file     string
	command  func(t *testing.T, module, file string) []string
}

var clients = []client{
	{"python", "propose.py", func(t *testing.T, module, file string) []string {
		python := filepath.Join(module, "build", "python", "bin", "python")
		if _, err := os.Stat(python); err != nil {
			python = "python3"
		}
		if err := program.Command(t.Context(), "", python, "-c", "import botocore").Run(); err != nil {
			skipOutsideCI(t, "there is no Python with botocore: python3 -m venv build/python && build/python/bin/pip install -r test/acceptance/requirements.txt")
		}
		return []string{python, file}
	}},
	{"javascript", "propose.mjs", func(t *testing.T, module, file string) []string {
		_, err := exec.LookPath("node")
		_, err2 := os.Stat(filepath.Join(module, "node_modules", "@smithy", "signature-v4"))
		if err := errors.Join(err, err2); err != nil {
			skipOutsideCI(t, "there is no Node with @smithy/signature-v4: npm ci")
		}
		return []string{"node", file}
	}},
	{"go", "main.go", func(t *testing.T, module, file string) []string {
		binary := filepath.Join(filepath.Dir(file), "propose")
		check.Value(program.Output(program.Command(t.Context(), module, "go", "build", "-o", binary, file)))(t)
		return []string{binary}
	}},
}

// broken are variants of the page's Python program, each with one line replaced. In the
// scenario these grades fail, and no others.
var broken = map[string]struct{ line, replaced, scenario, failed string }{
	"without a key":        {`, "Idempotency-Key": key}`, "}", "lost-reply", "key stored"},
	"with a new key a try": {"request = AWSRequest", `headers["Idempotency-Key"] = str(uuid.uuid4()); request = AWSRequest`, "lost-reply", "key stored"},
	"that do not wait":     {`time.sleep(int(answer.headers.get("Retry-After", 2)))`, "pass", "429", "retry-after"},
	"that believe a 502":   {"if answer.code in", `if answer.code == 502: return {"streamName": "stored"}` + "\n            if answer.code in", "502", "attempts stored exit"},
}

// The programs run as the page shows them.
func TestClientsOfThePage(t *testing.T) {
	t.Parallel()
	page := check.Value(os.ReadFile("../../docs/clients.md"))(t)
	programs := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		programs[block[1]] = block[2]
	}
	if len(programs) != len(clients) {
		t.Errorf("the page has programs in %d languages, want %d", len(programs), len(clients))
	}
	module := check.Value(gobuild.ModuleRoot("."))(t)
	// Node looks for packages beside the program and above it; the go command passes over
	// a directory with such a name.
	build := filepath.Join(module, "build")
	check.OK(t, os.MkdirAll(build, 0o755))
	dir := check.Value(os.MkdirTemp(build, "_client-"))(t)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		check.OK(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	visitplannr := buildCommand(t)
	local := startLocal(t, visitplannr, "-c", "access=iam", "-c", "throttleRate=10000", "-c", "throttleBurst=5000")
	// Certified clients wait most of the time, so they run at once, whatever -parallel says.
	var certifying sync.WaitGroup
	defer certifying.Wait()
	certify := func(name, failed, scenario string, client ...string) {
		if scenario == "" && !*all {
			scenario = "lost-reply" // the one that nothing but a key survives
		}
		certifying.Go(func() {
			out, err := program.Output(program.Command(t.Context(), "", visitplannr, slices.Concat([]string{"certify", "-only", scenario, "--"}, client)...))
			var grades []string
			for _, line := range regexp.MustCompile(`(?m)^  FAIL  ([a-z-]+) `).FindAllStringSubmatch(out, -1) {
				grades = append(grades, line[1])
			}
			if got := strings.Join(grades, " "); got != failed || (err != nil) != (failed != "") {
				t.Errorf("%s: got failed grades %q, %v; want %q\n%s", name, got, err, failed, out)
			}
		})
	}
	certify("visitplannr propose", "", "", "sh", "-c",
		`exec "$0" propose -sign -url "$API_URL" -name Brockholes -latitude 53.77 -longitude -2.63`, visitplannr)
	for _, c := range clients {
		t.Run(c.language, func(sub *testing.T) {
			command := c.command(sub, module, write(c.file, programs[c.language]))
			certify(c.language, "", "", append(command, "Brockholes", "53.77", "-2.63")...)
			showClient(sub, local, c.language, command)
			if c.language != "python" || !*all {
				return
			}
			for name, b := range broken {
				if !strings.Contains(programs["python"], b.line) {
					t.Errorf("the program has no %s", b.line)
				}
				file := write(name+".py", strings.Replace(programs["python"], b.line, b.replaced, 1))
				certify("clients "+name, b.failed, b.scenario, command[0], file, "Brockholes", "53.77", "-2.63")
			}
		})
	}
}

// showClient runs a program for what certify does not see: what it says.
func showClient(t *testing.T, local *system, language string, command []string) {
	t.Helper()
	propose := func(as *principal, latitude string) (stdout, stderr string, err error) {
		t.Helper()
		client := program.Command(t.Context(), "", command[0], append(command[1:], "Ynys Môn, by "+language, latitude, "-4.3")...)
		client.Env = append(withoutAWS(client.Env), "API_URL="+strings.TrimSuffix(local.base, "/")+contract.ProposeDestination.Path, "KEY=the-key-of-"+language,
			"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+as.accessKeyID, "AWS_SECRET_ACCESS_KEY="+as.secret,
			"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
		var out, errs bytes.Buffer
		client.Stdout, client.Stderr = &out, &errs
		err = client.Run()
		return strings.TrimSpace(out.String()), errs.String(), err
	}

	stream, stderr, err := propose(local.editor, "53.28")
	if err != nil || !strings.HasPrefix(stream, "destination-") {
		t.Fatalf("got %q, %q, %v; want the stream's name", stream, stderr, err)
	}
	if again, stderr, err := propose(local.editor, "53.28"); err != nil || again != stream {
		t.Errorf("with the same key got %q, %q, %v; want %q again", again, stderr, err, stream)
	}
	if _, stderr, err := propose(local.editor, "91"); err == nil || !strings.Contains(stderr, "#/geolocation/latitude must be a number between -90 and 90") || !strings.Contains(stderr, "urn:uuid:") {
		t.Errorf("of a mistake it says %q (%v), want what is wrong, where, and the instance", stderr, err)
	}
	if _, stderr, err := propose(local.stranger, "53.28"); err == nil || !strings.Contains(stderr, contract.ProblemForbidden.Detail) {
		t.Errorf("of a principal who may not it says %q (%v), want %q", stderr, err, contract.ProblemForbidden.Detail)
	}
	if got := len((run{local, "by " + language}).events(t)); got != 1 {
		t.Errorf("stored %d events, want 1", got)
	}
}

// withoutAWS leaves the developer's own AWS configuration out of an environment.
func withoutAWS(environment []string) []string {
	return slices.DeleteFunc(environment, func(variable string) bool { return strings.HasPrefix(variable, "AWS_") })
}
