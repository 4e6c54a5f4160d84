//go:build linux

// Command plant is the world around the station in the emulated machine: it
// feeds the camera, pulls the trigger, presses fault buttons and reads the
// outputs back from the kernel. It knows nothing of verdicts and does what the
// driver on the host calls it for. `plant spin` keeps the processor busy.
package main

import (
	"context"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"winnow/buildroot/emulator/rig"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "spin" {
		fmt.Fprintln(os.Stderr, "plant: spin:", spin())
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "plant:", err)
		os.Exit(1)
	}
}

// run serves the driver until ctx ends, over as many connections as it takes.
func run(ctx context.Context) error {
	port, err := driverPort("/proc/cmdline")
	if err != nil {
		return err
	}
	p, err := newPlant()
	if err != nil {
		return err
	}
	go p.watch(ctx)
	s := rpc.NewServer()
	if err := s.RegisterName(rig.Service, p); err != nil {
		return err
	}
	for ctx.Err() == nil {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(rig.Gateway, port), 5*time.Second)
		if err != nil {
			time.Sleep(200 * time.Millisecond)
			continue
		}
		s.ServeConn(c)
	}
	return ctx.Err()
}

// driverPort finds the driver's port among the kernel's arguments.
func driverPort(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for _, f := range strings.Fields(string(b)) {
		if port, ok := strings.CutPrefix(f, rig.CommandLine+"="); ok {
			return port, nil
		}
	}
	return "", fmt.Errorf("%s has no %s=PORT: the driver adds it", path, rig.CommandLine)
}
