package enginetest

import (
	"testing"

	"visitplannr/internal/local/faults"
)

// Behind starts a proxy with a plan in front of the engine at a URL. It ends with the
// test.
func Behind(t testing.TB, engine string, plan faults.Plan) *faults.Proxy {
	t.Helper()
	target, err := faults.To(engine)
	if err != nil {
		t.Fatal(err)
	}
	proxy := faults.New(1, nil)
	proxy.Use(plan)
	if err := proxy.Serve(target, faults.Hooks{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	return proxy
}

// Sequence injects kinds into the first requests, in turn, and nothing into later ones.
func Sequence(kinds ...faults.Kind) faults.Plan {
	return func(string) faults.Kind {
		if len(kinds) == 0 {
			return faults.None
		}
		next := kinds[0]
		kinds = kinds[1:]
		return next
	}
}
