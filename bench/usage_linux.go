package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usageOf returns what a process has used so far.
func usageOf(pid int) (u usage, err error) {
	// The CPU clock of another process, clock_getcpuclockid(3), counts nanoseconds;
	// /proc/PID/stat counts hundredths of a second.
	var cpu unix.Timespec
	clockErr := unix.ClockGettime(int32(^pid<<3|2), &cpu)
	stat, statErr := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	status, statusErr := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err := errors.Join(clockErr, statErr, statusErr); err != nil {
		return u, fmt.Errorf("usage of process %d: %w", pid, err)
	}
	// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: the second field is
	// the program's name in parentheses, and may hold spaces; the 10th is the faults.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 8 {
		return u, fmt.Errorf("/proc/%d/stat ends too early: %q", pid, stat)
	}
	u.cpu = time.Duration(cpu.Nano())
	if u.faults, err = strconv.Atoi(fields[10-3]); err != nil {
		return u, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	_, peakKiB, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Fscan(bytes.NewReader(peakKiB), &u.peakMiB); err != nil {
		return u, fmt.Errorf("/proc/%d/status, VmHWM: %w", pid, err)
	}
	u.peakMiB /= 1024
	return u, nil
}
