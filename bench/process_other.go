//go:build !linux

package main

import (
	"errors"
	"time"
)

// Only Linux, where the function runs, tells these of another process without
// more tools. Elsewhere the figures are left out.

func processCPU(int) (time.Duration, error) { return 0, errors.ErrUnsupported }

func processPeak(int) (float64, error) { return 0, errors.ErrUnsupported }
