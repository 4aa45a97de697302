package lambda

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says how to run the function. Every field except Bootstrap has a default for
// its zero value.
type Config struct {
	// Bootstrap is the path of the executable. Its directory is the function's
	// working directory and LAMBDA_TASK_ROOT. Processes start from it at any time:
	// give each build a path of its own and call Swap instead of overwriting it.
	Bootstrap string

	// Env is the function's environment ("KEY=value") in addition to what Lambda sets.
	// This program's own environment is not passed on; region, endpoints and
	// credentials must be listed here.
	Env []string

	Concurrency  int           // most processes at a time; default 4, enough to show effects of concurrency
	Timeout      time.Duration // for one invocation; default 10 s
	InitTimeout  time.Duration // for a process to become ready; default Lambda's 10 s
	Grace        time.Duration // how long Close waits for running invocations; default 2 s
	FunctionName string        // default "function"
	MemoryMB     int           // what the function is told, not enforced; default Lambda's 128
	Logs         io.Writer     // stdout and stderr of all processes, in whole lines; default: dropped
}

// executable returns the absolute path of a bootstrap, because processes have another
// working directory.
func executable(path string) (string, error) {
	if path == "" {
		return "", errors.New("no bootstrap is given: name the function's built executable")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("bootstrap: %w", err)
	}
	info, err := os.Stat(absolute)
	if err != nil {
		return "", fmt.Errorf("bootstrap: %w: build the function first", err)
	}
	if info.IsDir() {
		return "", fmt.Errorf("bootstrap: %s is a directory: name the executable in it", absolute)
	}
	return absolute, nil
}

// checkEnv reports invalid entries of the function's environment by name, never by
// value.
func checkEnv(env []string) error {
	reserved := reservedEnv(Config{}, "", "", time.Time{})
	var problems []error
	for i, entry := range env {
		name, _, ok := strings.Cut(entry, "=")
		if _, isReserved := reserved[name]; isReserved {
			problems = append(problems, fmt.Errorf("environment: %s is set by Lambda: leave it out", name))
		}
		if !ok || name == "" {
			problems = append(problems, fmt.Errorf("environment: entry %d is not of the form KEY=value", i))
		}
	}
	return errors.Join(problems...)
}

func checkNotNegative(cfg Config) error {
	if cfg.Concurrency < 0 || cfg.Timeout < 0 || cfg.InitTimeout < 0 || cfg.Grace < 0 || cfg.MemoryMB < 0 {
		return errors.New("Concurrency, Timeout, InitTimeout, Grace or MemoryMB is negative: leave it out for the default") //nolint:staticcheck // names of fields
	}
	return nil
}

// region is the function's region, or by default that of AWS's examples.
func region(env []string) string {
	for _, entry := range slices.Backward(env) { // the last one counts
		if name, value, _ := strings.Cut(entry, "="); name == "AWS_REGION" {
			return value
		}
	}
	return "us-east-1"
}
