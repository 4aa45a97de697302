//go:build unix

package dynamodb_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"visitplannr/internal/local/dynamodb"
	"visitplannr/internal/program"
	"visitplannr/test/check"
)

func TestCreationOnAFullDiskLeavesNothing(t *testing.T) {
	const variable = "VISITPLANNR_TEST_FULL_DISK"
	dir := os.Getenv(variable)
	if dir == "" { // a limit holds for a whole process: one of its own
		command := program.Command(t.Context(), "", os.Args[0], "-test.run=^"+t.Name()+"$")
		command.Env = append(command.Env, variable+"="+t.TempDir())
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, output)
		}
		return
	}
	var limit syscall.Rlimit
	check.OK(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	refused := 0
	for limit.Cur = 0; ; limit.Cur += 1024 {
		check.OK(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
		e, err := dynamodb.Open(dynamodb.Options{Path: filepath.Join(dir, "data")})
		left, readErr := os.ReadDir(dir)
		if err == nil {
			if refused == 0 || len(left) != 1 || e.Close() != nil {
				t.Errorf("created after %d refusals: %v", refused, left)
			}
			return
		}
		if refused++; readErr != nil || len(left) > 0 || !strings.Contains(err.Error(), "remove the cause") {
			t.Fatalf("%d bytes: %v left %v (%v)", limit.Cur, err, left, readErr)
		}
	}
}
