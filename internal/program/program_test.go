package program_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"visitplannr/internal/program"
	"visitplannr/test/check"
)

// Not parallel: it exports variables.
func TestGoBuildsForThisMachineFromGoModWhateverIsExported(t *testing.T) {
	text := check.Value(os.ReadFile("../../cdk.json"))(t)
	var cdk struct{ App string }
	check.OK(t, json.Unmarshal(text, &cdk))
	variables, isGo := strings.CutSuffix(cdk.App, "go run .")
	if !isGo {
		t.Fatalf("got the app %q, want it to end with go run .", cdk.App)
	}
	for name, value := range map[string]string{"GOOS": "plan9", "GOARCH": "386", "GOFLAGS": "-mod=vendor -tags=other", "GOWORK": "/nowhere/go.work"} {
		t.Setenv(name, value)
	}
	want := strings.Join([]string{runtime.GOOS, runtime.GOARCH, "-mod=readonly", "off"}, "\n")
	for name, cmd := range map[string]*exec.Cmd{
		"a program of this repository": program.Command(t.Context(), "", "go", "env", "GOOS", "GOARCH", "GOFLAGS", "GOWORK"),
		"the app in cdk.json":          exec.CommandContext(t.Context(), "sh", "-c", variables+"go env GOOS GOARCH GOFLAGS GOWORK"),
	} {
		if got, err := program.Output(cmd); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
}
