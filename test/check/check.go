// Package check says in a line what nearly every test says in three.
package check

import "testing"

// OK ends the test with err, unless it is nil.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
