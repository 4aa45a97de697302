// Package check says in a line what nearly every test says in three or four.
package check

import "testing"

// OK ends the test with err, unless it is nil.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Value gives what a function returned, and ends the test if that was an error:
//
//	text := check.Value(os.ReadFile(path))(t)
func Value[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		OK(t, err)
		return value
	}
}
