//go:build unix

package certify

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"visitplannr/test/check"
)

func TestGrades(t *testing.T) {
	t.Parallel()
	// A client that does everything right: its second attempt comes after a second.
	began := time.Now()
	request := func(said, key, signature string, after time.Duration, status int, retryAfter time.Duration) *attempt {
		return &attempt{said, []string{key}, signature, began.Add(after), began.Add(after), status, retryAfter}
	}
	done := ending{text: "exit status 0", success: true}
	failed := ending{text: "exit status 1"}
	for name, c := range map[string]struct {
		refuses  bool
		attempts []*attempt
		stored   string
		end      ending
		wrong    string // the grades that fail, and the evidence of the last
	}{
		"that repeats as asked": {false, []*attempt{
			request("a", "k", "s", 0, 503, time.Second), request("a", "k", "t", time.Second, 200, 0)}, "a", done, ""},
		"on a slow machine, with two attempts in one second": {false, []*attempt{
			request("a", "k", "s", 0, 0, 0), request("a", "k", "s", 900*time.Millisecond, 200, 0)}, "a", done, ""},
		"that proposes twice": {false, []*attempt{
			request("a", "k", "s", 0, 200, 0), request("b", "l", "t", 0, 429, time.Second), request("b", "l", "u", time.Minute, 200, 0)}, "a b", done, ""},
		"that is refused":        {true, []*attempt{request("a", "k", "s", 0, 422, 0)}, "", failed, ""},
		"that is too early":      {false, []*attempt{request("a", "k", "s", 0, 503, time.Second), request("a", "k", "t", 940*time.Millisecond, 200, 0)}, "a", done, "retry-after: came 0.94 s"},
		"that signs once":        {false, []*attempt{request("a", "k", "s", 0, 503, time.Second), request("a", "k", "s", time.Second, 200, 0)}, "a", done, "signature: of request 1"},
		"that does not sign":     {true, []*attempt{request("a", "k", "", 0, 403, 0)}, "", failed, "signature: is not signed"},
		"with an empty key":      {true, []*attempt{request("a", "", "s", 0, 403, 0)}, "", failed, "key: request 1"},
		"with one key for two":   {false, []*attempt{request("a", "k", "s", 0, 200, 0), request("b", "k", "t", 0, 422, 0)}, "a", failed, "key stored exit: 1 of 2"},
		"that gives up":          {false, []*attempt{request("a", "k", "s", 0, 503, 0)}, "", failed, "attempts stored exit: 0 of 1"},
		"that repeats a success": {false, []*attempt{request("a", "k", "s", 0, 200, 0), request("a", "k", "t", 0, 200, 0)}, "a", done, "attempts: again after 200"},
		"that stores twice":      {false, []*attempt{request("a", "k", "s", 0, 200, 0)}, "a a", done, "stored: a: 2 of 1"},
		"that hides a refusal":   {true, []*attempt{request("a", "k", "s", 0, 400, 0)}, "", done, "exit: reports as done"},
		"that hides a success":   {false, []*attempt{request("a", "k", "s", 0, 200, 0)}, "a", failed, "exit: 1 of 1"},
		"that leaves a process":  {false, []*attempt{request("a", "k", "s", 0, 200, 0)}, "a", ending{"left", true, true}, "exit: left"},
		"that sends nothing":     {true, nil, "", failed, "attempts: no POST /destination came"},
	} {
		t.Run("a client "+name, func(t *testing.T) {
			var wrong []string
			evidence := ""
			for _, g := range grade(Scenario{Refuses: c.refuses}, c.attempts, strings.Fields(c.stored), c.end) {
				if g.Failed {
					wrong, evidence = append(wrong, g.Name), g.Evidence
				}
			}
			names, says, _ := strings.Cut(c.wrong, ": ")
			if strings.Join(wrong, " ") != names || !strings.Contains(evidence, says) {
				t.Errorf("got %v wrong, %q; want %s, %q", wrong, evidence, names, says)
			}
		})
	}
}

func TestCommandsThatDoNotEndAsTheyShould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command []string
		want    ending
		err     string
	}{
		"a command that ends":                  {[]string{"sh", "-c", "exit 3"}, ending{text: "exit status 3"}, ""},
		"a command that hangs, with children":  {[]string{"sh", "-c", "sleep 600 & wait"}, ending{text: "killed, since it still ran after 2s", untidy: true}, ""},
		"a command that leaves a child behind": {[]string{"sh", "-c", "sleep 600 &"}, ending{"exit status 0 with processes left running, which were killed", true, true}, ""},
		"a command that does not exist":        {[]string{"no-such-program"}, ending{}, "cannot start COMMAND"},
	} {
		t.Run(name, func(t *testing.T) {
			output := check.Value(os.Create(filepath.Join(t.TempDir(), "output")))(t)
			defer output.Close()
			got, err := execute(t.Context(), c.command, 2*time.Second, output, nil)
			if got != c.want || (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %+v, %v, want %+v, %q", got, err, c.want, c.err)
			}
		})
	}
}

// Each scenario answers with a problem of the contract.
func TestAnswersOfScenarios(t *testing.T) {
	t.Parallel()
	for _, s := range Scenarios() {
		if p := problem(s.status); s.status != 0 && s.status != http.StatusBadGateway && p.Type == "" {
			t.Errorf("%s: the contract has no problem with status %d", s.Name, s.status)
		}
	}
}
