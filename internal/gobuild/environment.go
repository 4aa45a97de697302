package gobuild

import (
	"fmt"
	"time"
)

// FunctionTimeout is how long a function may take for one request, wherever it
// runs. It is far above what a request takes, and far below the 29 s after which
// API Gateway gives up: a slow request ends with our answer.
const FunctionTimeout = 10 * time.Second

// Environment returns the variables ("KEY=value") that tell the Go runtime of a
// function how to run in Lambda with that much memory. The stack sets them; the
// local run and the benchmarks do too, so what they run is what is deployed.
// docs/performance.md shows what each of them buys.
func Environment(memoryMiB int) []string {
	return []string{
		// A function does one request at a time on a fraction of a core: more
		// threads only take turns.
		"GOMAXPROCS=1",
		// A request leaves little garbage and little stays, so a heap of five times
		// its size is still small, and is collected rarely.
		"GOGC=400",
		// Before the memory runs out the collector works harder. A fifth is left for
		// what the limit does not count: the binary, the kernel's share.
		fmt.Sprintf("GOMEMLIMIT=%dMiB", memoryMiB*4/5),
	}
}
