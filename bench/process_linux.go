package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usageOf returns what the system has given to a process so far.
func usageOf(pid int) (u usage, err error) {
	if u.cpu, err = processCPU(pid); err != nil {
		return usage{}, err
	}
	if u.faults, err = processFaults(pid); err != nil {
		return usage{}, err
	}
	u.peakMiB, err = processPeak(pid)
	return u, err
}

// processCPU returns the time that all threads of a process have run, in user
// and in kernel mode, as the scheduler counts it: to the nanosecond, where
// /proc/PID/stat counts in hundredths of a second.
func processCPU(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(fmt.Errorf("process %d has no schedstat", pid), err)
	}
	var total time.Duration
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has just ended
		}
		if err != nil {
			return 0, err
		}
		running, _, _ := strings.Cut(string(stat), " ")
		ran, err := strconv.ParseInt(running, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		total += time.Duration(ran)
	}
	return total, nil
}

// processFaults returns how often a process touched a page of memory that it did
// not have yet, its ended threads included: the 10th and 12th field of
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func processFaults(pid int) (int, error) {
	name := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	// The second field is the program's name in parentheses, and may hold spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 10 {
		return 0, fmt.Errorf("%s ends too early: %q", name, stat)
	}
	minor, err := strconv.Atoi(fields[10-3])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	major, err := strconv.Atoi(fields[12-3])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return minor + major, nil
}

// processPeak returns the most memory that a process has had resident, in MiB.
func processPeak(pid int) (float64, error) {
	name := fmt.Sprintf("/proc/%d/status", pid)
	status, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			return kib / 1024, nil
		}
	}
	return 0, fmt.Errorf("%s has no VmHWM", name)
}
