//go:build linux

package main

import (
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"winnow/buildroot/emulator/rig"
)

// spin takes all the time that nobody else wants. The emulator's clock counts
// instructions and leaps over time in which there are none: while the driver
// thinks, its connection would time out before it can answer. With this the clock
// never leaps.
func spin() error {
	runtime.LockOSThread()
	err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_IDLE}, 0)
	for err == nil {
	}
	return err
}

// leap lets the clock leap for as long as f takes, which waits for nothing
// outside this machine: what nobody needs costs no time then.
func leap(f func() error) error {
	text, err := word("/run/spin.pid")
	if err != nil {
		return err
	}
	spinner, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	if err := syscall.Kill(spinner, syscall.SIGSTOP); err != nil {
		return err
	}
	defer func() { _ = syscall.Kill(spinner, syscall.SIGCONT) }() // it is there: it was just stopped
	return f()
}

// Sleep lets time pass.
func (p *plant) Sleep(d time.Duration, _ *rig.None) error {
	return leap(func() error { time.Sleep(d); return nil })
}
