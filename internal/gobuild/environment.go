package gobuild

import (
	"fmt"
	"time"
)

// FunctionTimeout is how long a function may take for one request, wherever it runs. It
// is far above what a request takes, and far below the 29 s after which API Gateway
// gives up, so a slow request still gets our answer.
const FunctionTimeout = 10 * time.Second

// Environment returns the variables ("KEY=value") that tune the Go runtime of a
// function for Lambda with that much memory. The stack, the local run and the
// benchmarks all set them, so they run what is deployed. docs/performance.md shows what
// each one gains.
func Environment(memoryMiB int) []string {
	return []string{
		// A function does one request at a time on a fraction of a core: more
		// threads only take turns.
		"GOMAXPROCS=1",
		// A request leaves little garbage and the live heap is small, so a heap five
		// times that size is still small and is rarely collected.
		"GOGC=400",
		// The collector works harder as memory runs out. A fifth is left for what the
		// limit does not count: the binary and the kernel's share.
		fmt.Sprintf("GOMEMLIMIT=%dMiB", memoryMiB*4/5),
	}
}
