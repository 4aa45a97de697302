package acceptance

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
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
		binary := filepath.Join(t.TempDir(), "propose")
		check.Value(program.Output(program.Command(t.Context(), module, "go", "build", "-o", binary, file)))(t)
		return []string{binary}
	}},
}

// The programs run as the page shows them.
func TestClientsOfThePage(t *testing.T) {
	t.Parallel()
	module := check.Value(gobuild.ModuleRoot("."))(t)
	page := check.Value(os.ReadFile("../../docs/clients.md"))(t)
	programs := map[string]string{}
	for _, block := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		programs[block[1]] = block[2]
	}
	if len(programs) != len(clients) {
		t.Errorf("the page has programs in %d languages, want %d", len(programs), len(clients))
	}
	local := startLocal(t, buildCommand(t), "-c", "access=iam", "-c", "throttleRate=10000", "-c", "throttleBurst=5000")
	for _, c := range clients {
		t.Run(c.language, func(t *testing.T) {
			t.Parallel()
			// Node looks for packages beside the program and above it; the go command
			// passes over a directory with such a name.
			build := filepath.Join(module, "build")
			check.OK(t, os.MkdirAll(build, 0o755))
			dir := check.Value(os.MkdirTemp(build, "_client-"))(t)
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			file := filepath.Join(dir, c.file)
			check.OK(t, os.WriteFile(file, []byte(programs[c.language]), 0o600))
			showClient(t, local, c.language, c.command(t, module, file))
		})
	}
}

// showClient runs a program for each of the things that it must be able to do.
func showClient(t *testing.T, local *system, language string, command []string) {
	t.Helper()
	target := check.Value(url.Parse(local.base))(t)
	// In front of the API stands what answers the first request with a 503.
	var requests atomic.Int32
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 1 {
			w.Header().Set("Content-Type", contract.MediaTypeProblem)
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"detail":"not confirmed","instance":"urn:uuid:0"}`))
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(busy.Close)

	propose := func(as *principal, latitude string) (stdout, stderr string, err error) {
		t.Helper()
		client := program.Command(t.Context(), "", command[0], append(command[1:], "Ynys Môn, by "+language, latitude, "-4.3")...)
		client.Env = append(withoutAWS(client.Env), "API_URL="+busy.URL+contract.ProposeDestination.Path, "KEY=the-key-of-"+language,
			"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID="+as.accessKeyID, "AWS_SECRET_ACCESS_KEY="+as.secret,
			"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
		var out, errs bytes.Buffer
		client.Stdout, client.Stderr = &out, &errs
		err = client.Run()
		return strings.TrimSpace(out.String()), errs.String(), err
	}

	stream, stderr, err := propose(local.editor, "53.28")
	if err != nil || !strings.HasPrefix(stream, "destination-") {
		t.Fatalf("got %q, %q, %v; want the stream's name after a 503", stream, stderr, err)
	}
	if requests.Load() != 2 {
		t.Errorf("the program sent %d requests, want 2", requests.Load())
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
