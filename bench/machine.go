package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// machine says where and when figures were taken.
type machine struct {
	System   string `json:"system"`
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Go       string `json:"go"`
	Revision string `json:"revision"`
	Time     string `json:"time"`
	Load     string `json:"load"` // average of the last minute before the run; the figures want it near 0
}

func thisMachine(ctx context.Context, root string) machine {
	m := machine{
		System: runtime.GOOS + "/" + runtime.GOARCH,
		CPU:    "unknown",
		Cores:  runtime.NumCPU(),
		Go:     runtime.Version(),
		Time:   time.Now().UTC().Format(time.RFC3339),
		Load:   "unknown",
	}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(load), " ")
	}
	git := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty")
	git.Dir = root
	if revision, err := git.Output(); err == nil {
		m.Revision = strings.TrimSpace(string(revision))
	}
	return m
}

func (m machine) text(w io.Writer) {
	fmt.Fprintf(w, "%s, %s, %d cores, %s, revision %s, %s, load %s\n\n",
		m.System, m.CPU, m.Cores, m.Go, m.Revision, m.Time, m.Load)
}
