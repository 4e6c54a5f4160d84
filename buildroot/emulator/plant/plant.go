//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"winnow/buildroot/emulator/rig"
)

// plant holds what the driver's calls share.
type plant struct {
	chip string // name of the simulated chip
	sim  string // its folder in sysfs

	belt     sync.Mutex // guards what is on the belt and what looks at it
	pictures []rig.Picture
	camera   *loopback
	encoder  bool // level of its line

	mu    sync.Mutex
	edges []rig.Edge
	blind bool // the trace has lost events

	subscriber
}

const simulatedBank = "/sys/kernel/config/gpio-sim/winnow"

func newPlant() (*plant, error) {
	device, err := word(simulatedBank + "/dev_name")
	if err != nil {
		return nil, fmt.Errorf("simulated lines: %w", err)
	}
	chip, err := word(simulatedBank + "/bank0/chip_name")
	if err != nil {
		return nil, fmt.Errorf("simulated lines: %w", err)
	}
	return &plant{chip: chip, sim: filepath.Join("/sys/devices/platform", device, chip)}, nil
}

func word(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

// now is CLOCK_MONOTONIC, what the kernel stamps frames and edges with.
func now() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // fails for unknown clocks only
	return time.Duration(ts.Nano())
}

// Hello says what machine this is.
func (p *plant) Hello(_ rig.None, r *rig.Hello) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	boot, err := word("/proc/sys/kernel/random/boot_id")
	*r = rig.Hello{Kernel: unix.ByteSliceToString(u.Release[:]), Chip: p.chip, Boot: boot}
	return err
}

// Exec runs a program to its end.
func (p *plant) Exec(a rig.ExecArgs, r *rig.ExecReply) error {
	ctx, cancel := context.WithTimeout(context.Background(), a.Timeout)
	defer cancel()
	c := exec.CommandContext(ctx, a.Argv[0], a.Argv[1:]...)
	c.Env = append(os.Environ(), a.Env...)
	c.WaitDelay = time.Second
	out, err := c.CombinedOutput()
	r.Output, r.Code = string(out), c.ProcessState.ExitCode()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w (%w): %s", strings.Join(a.Argv, " "), err, ctx.Err(), tail(r.Output))
	}
	return nil
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// Now is this machine's clock, by which edges are timed.
func (p *plant) Now(_ rig.None, r *time.Duration) error {
	*r = now()
	return nil
}

// Poke writes into the memory of a running program.
func (p *plant) Poke(m rig.Memory, _ *rig.None) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", m.Process), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt(m.Data, int64(m.Address))
	return err
}

// Put writes a file.
func (p *plant) Put(f rig.File, _ *rig.None) error {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(f.Path, f.Data, os.FileMode(f.Mode))
}

// Get reads a file.
func (p *plant) Get(path string, r *[]byte) (err error) {
	*r, err = os.ReadFile(path)
	return err
}

// Fetch is what an HTTP server of this machine answers.
func (p *plant) Fetch(url string, r *[]byte) error {
	client := http.Client{Timeout: 20 * time.Second}
	answer, err := client.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	*r, err = io.ReadAll(answer.Body)
	return err
}

// Pull sets the level of an input line from outside.
func (p *plant) Pull(a rig.Pull, _ *rig.None) error { return p.pull(a.Line, a.High) }

func (p *plant) pull(line int, high bool) error {
	way := "pull-down"
	if high {
		way = "pull-up"
	}
	return os.WriteFile(p.lineFile(line, "pull"), []byte(way), 0)
}

// Bounce pulls a line up for as short as it can.
func (p *plant) Bounce(line int, _ *rig.None) error {
	return errors.Join(p.pull(line, true), p.pull(line, false))
}

// Level reads a line as the outside sees it.
func (p *plant) Level(line int, r *bool) error {
	v, err := word(p.lineFile(line, "value"))
	*r = v == "1"
	return err
}

func (p *plant) lineFile(line int, name string) string {
	return filepath.Join(p.sim, fmt.Sprintf("sim_gpio%d", line), name)
}
