package corpus

import (
	"testing"

	"visitplannr/internal/contract"
)

func TestBodies(t *testing.T) {
	t.Parallel()
	bodies := Bodies()

	t.Run("are at least 150, of every verdict", func(t *testing.T) {
		t.Parallel()
		counts := map[Verdict]int{}
		for _, body := range bodies {
			counts[body.Verdict]++
		}
		t.Logf("%d bodies: %v", len(bodies), counts)
		if len(bodies) < 150 {
			t.Errorf("got %d bodies, want at least 150", len(bodies))
		}
		for _, verdict := range []Verdict{Accepted, RefusedByGateway, RefusedByFunction} {
			if counts[verdict] < 30 {
				t.Errorf("got %d bodies %v, want at least 30", counts[verdict], verdict)
			}
		}
	})

	t.Run("have titles and bytes of their own", func(t *testing.T) {
		t.Parallel()
		titles, contents := map[string]bool{}, map[string]string{}
		for _, body := range bodies {
			if titles[body.Title] {
				t.Errorf("two bodies are titled %q", body.Title)
			}
			titles[body.Title] = true
			if other, found := contents[body.Bytes]; found {
				t.Errorf("%q and %q are the same bytes", body.Title, other)
			}
			contents[body.Bytes] = body.Title
		}
	})

	t.Run("say what is stored or what is wrong", func(t *testing.T) {
		t.Parallel()
		for _, body := range bodies {
			accepted := body.Verdict == Accepted
			if accepted != (body.Stored != Proposal{}) {
				t.Errorf("%q is %v and stores %+v", body.Title, body.Verdict, body.Stored)
			}
			if accepted != (body.Problem == contract.ProblemType{}) {
				t.Errorf("%q is %v and has the problem %q", body.Title, body.Verdict, body.Problem.Type)
			}
		}
	})
}
