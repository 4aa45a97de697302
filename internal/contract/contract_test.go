package contract

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"visitplannr/test/check"
)

func TestGatewayResponseTemplates(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, response := range GatewayResponses() {
		t.Run(response.Type, func(t *testing.T) {
			template := response.Template()
			var problem Problem
			if err := json.Unmarshal([]byte(template), &problem); err != nil {
				t.Fatalf("%s: %v", template, err)
			}
			if want := "urn:uuid:$context.requestId"; problem.Instance != want {
				t.Errorf("got instance %q, want %q", problem.Instance, want)
			}
			// API Gateway replaces every variable, and knows no way to write a plain $.
			if got := strings.Count(template, "$"); got != 1 {
				t.Errorf("got %d variables in %s, want 1", got, template)
			}
			wantStatus := response.Problem.Status
			if response.KeepsStatus() {
				wantStatus = 0 // and the member is left out
				if strings.Contains(template, `"status"`) {
					t.Errorf("%s says a status, though it stands for many", template)
				}
			}
			if problem.Status != wantStatus {
				t.Errorf("got status %d, want %d", problem.Status, wantStatus)
			}
			if problem.Type != response.Problem.Type || problem.Title != response.Problem.Title || problem.Detail != response.Problem.Detail {
				t.Errorf("got %+v, want the problem %+v", problem, response.Problem)
			}
		})
		if seen[response.Type] {
			t.Errorf("%s is listed twice", response.Type)
		}
		seen[response.Type] = true
	}
}

func TestProblemTypes(t *testing.T) {
	t.Parallel()
	byURI := map[string]ProblemType{}
	wellFormed := regexp.MustCompile(`^urn:visitplannr:problem:[a-z]+(-[a-z]+)*$`)
	for _, problem := range ProblemTypes() {
		if !wellFormed.MatchString(problem.Type) {
			t.Errorf("type %q is not in lower-case words", problem.Type)
		}
		if _, found := byURI[problem.Type]; found {
			t.Errorf("two problems have the type %q", problem.Type)
		}
		byURI[problem.Type] = problem
		if problem.Title == "" || problem.Detail == "" || problem.Status < 400 || problem.Status > 599 {
			t.Errorf("%+v lacks a title, a detail or a status of failure", problem)
		}
		if retry := problem.RetryAfter > 0; retry != (problem.Status == 429 || problem.Status == 503) {
			t.Errorf("%s (%d) has RetryAfter %d; 429 and 503 have one, the others none", problem.Type, problem.Status, problem.RetryAfter)
		}
	}
	for _, response := range GatewayResponses() {
		if _, found := byURI[response.Problem.Type]; !found {
			t.Errorf("%s has the problem %q, which is not listed", response.Type, response.Problem.Type)
		}
	}
}

func TestThePageForEditorsListsEveryEndpointAndProblem(t *testing.T) {
	t.Parallel()
	page := check.Value(os.ReadFile("../../docs/api.md"))(t)
	for _, e := range Endpoints() {
		if !strings.Contains(string(page), "\n| `"+e.Route()+"` | ") {
			t.Errorf("docs/api.md has no row for %s", e.Route())
		}
	}
	for _, problem := range ProblemTypes() {
		row := fmt.Sprintf("\n| %d | `%s` | ", problem.Status, strings.TrimPrefix(problem.Type, problemPrefix))
		_, cells, found := strings.Cut(string(page), row)
		cells, _, _ = strings.Cut(cells, "\n")
		if !found {
			t.Errorf("docs/api.md has no row for the problem %s, with its status: %s…", problem.Type, row[1:])
		} else if strings.Contains(cells, "| yes, after `Retry-After`") != (problem.RetryAfter > 0) {
			t.Errorf("docs/api.md says of %s: %s, and Retry-After is %d", problem.Type, cells, problem.RetryAfter)
		}
	}
}

// The gateway gives DEFAULT_4XX for signatures that it cannot read, and for all else
// that has no type of its own.
func TestDefaultProblemHoldsOfARefusedSignatureToo(t *testing.T) {
	t.Parallel()
	for _, g := range GatewayResponses() {
		if g.Type == GatewayDefault4XX && !strings.Contains(g.Template(), "signature") {
			t.Errorf("got %s, want it to name the signature", g.Template())
		}
	}
}
