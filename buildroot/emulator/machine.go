package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"winnow/buildroot/emulator/rig"
)

// errMissing is what this machine lacks to emulate another.
var errMissing = errors.New("not here")

// parts is the folder that machine.sh leaves.
type parts struct{ folder string }

// makeParts fetches and compiles what is not in the cache.
func makeParts(ctx context.Context) (parts, error) {
	if _, err := exec.LookPath(emulator); err != nil {
		return parts{}, fmt.Errorf("%w: %s (qemu-system-arm)", errMissing, emulator)
	}
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, "bash", filepath.Join(sourceFolder, "machine.sh"))
	c.Stdout, c.Stderr = &out, io.MultiWriter(os.Stderr, &errs)
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 3 {
			return parts{}, fmt.Errorf("%w%s", errMissing, lastAfter(errs.String(), "not here"))
		}
		return parts{}, fmt.Errorf("machine.sh: %w", err)
	}
	lines := strings.Fields(out.String())
	if len(lines) == 0 {
		return parts{}, errors.New("machine.sh named no folder")
	}
	return parts{lines[len(lines)-1]}, nil
}

// lastAfter is what follows the last mark in s, to the end of its line.
func lastAfter(s, mark string) string {
	i := strings.LastIndex(s, mark)
	if i < 0 {
		return ""
	}
	line, _, _ := strings.Cut(s[i+len(mark):], "\n")
	return line
}

func (p parts) file(name string) string { return filepath.Join(p.folder, name) }

// versions are the packages that the parts were made from.
func (p parts) versions() string {
	b, err := os.ReadFile(p.file("versions"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(b))
}

const (
	emulator     = "qemu-system-aarch64"
	sourceFolder = "buildroot/emulator"
	bootPatience = 10 * time.Minute // a starved host boots slowly
	callPatience = 20 * time.Minute // a machine that was reset never answers
)

// machine is the running emulator. Each boot of it dials in anew.
type machine struct {
	argv     []string
	console  *console
	listener net.Listener
	stop     <-chan struct{} // closed when nobody waits for the machine any more

	// Of the emulator that runs, one process for each boot:
	cmd    *exec.Cmd
	bitten chan struct{} // closed when the watchdog has bitten
	done   chan struct{} // closed when the emulator has ended

	plant *rpc.Client
	hello rig.Hello
}

// boot starts the emulator and waits for its plant.
func boot(ctx context.Context, p parts, processor, initramfs string) (*machine, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	m := &machine{listener: l, console: &console{}, stop: ctx.Done(), argv: []string{
		"nice", "-n", "5", emulator,
		// The machine's clock counts its instructions, 4 ns each: a starved host makes
		// it slow and never late, so nothing here depends on the host's load. Idle
		// time would pass at once; `plant spin` keeps the processor busy against that.
		"-M", "virt", "-cpu", processor, "-m", "1024", "-accel", "tcg,thread=single", "-icount", "shift=2,sleep=off",
		"-nodefaults", "-nographic", "-monitor", "none", "-serial", "stdio",
		"-kernel", p.file("vmlinuz"), "-initrd", initramfs,
		"-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,romfile=",
		// The watchdog says that it bites; see awaitWatchdog. Anything else that would start
		// the machine again ends the emulator, which is an error, so that a panic is seen.
		"-device", "i6300esb", "-action", "watchdog=debug", "-no-reboot",
		"-append", fmt.Sprintf("console=ttyAMA0 panic=1 printk.devkmsg=on %s=%d", rig.CommandLine, port),
	}}
	if err := m.powerOn(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// powerOn starts the emulator and waits for its plant.
func (m *machine) powerOn(ctx context.Context) error {
	cmd := exec.Command(m.argv[0], m.argv[1:]...)
	bitten, done := make(chan struct{}), make(chan struct{})
	cmd.Stdout, cmd.Stderr = m.console, io.MultiWriter(m.console, &wordSpotter{word: watchdogBites, heard: bitten})
	if err := cmd.Start(); err != nil {
		return err
	}
	m.cmd, m.bitten, m.done = cmd, bitten, done
	go func() {
		_ = cmd.Wait() // how it ended is on the console
		close(done)
	}()
	return m.accept(ctx)
}

// powerOff ends the emulator, if there is one.
func (m *machine) powerOff() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill() // fails only if it has ended
		<-m.done
	}
}

// watchdogBites is what the emulator says when the machine's watchdog does.
const watchdogBites = "watchdog: timer fired"

// awaitWatchdog waits until the watchdog bites and then resets the machine as a
// power cut would. The emulator's own reset is not to be had: with a clock that
// counts instructions its processor takes a lock over and over that the reset
// waits for, and now and then a reset never came.
func (m *machine) awaitWatchdog(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	select {
	case <-m.bitten:
	case <-m.done:
		return fmt.Errorf("the emulator ended\n%s", m.console.tail())
	case <-ctx.Done():
		return fmt.Errorf("the watchdog did not bite: %w\n%s", ctx.Err(), m.console.tail())
	}
	m.powerOff()
	return m.powerOn(ctx)
}

// wordSpotter closes heard once word has been written to it.
type wordSpotter struct {
	word  string
	heard chan struct{}
	last  string // what a word that comes in pieces may have begun in
}

func (l *wordSpotter) Write(b []byte) (int, error) {
	if l.heard != nil {
		l.last += string(b)
		if strings.Contains(l.last, l.word) {
			close(l.heard)
			l.heard = nil
		}
		l.last = l.last[max(0, len(l.last)-len(l.word)):]
	}
	return len(b), nil
}

// accept waits for the plant of the machine that boots.
func (m *machine) accept(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = m.listener.(*net.TCPListener).SetDeadline(time.Unix(1, 0)) })()
	type accepted struct {
		c   net.Conn
		err error
	}
	got := make(chan accepted, 1)
	go func() {
		c, err := m.listener.Accept()
		got <- accepted{c, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return fmt.Errorf("the machine did not come up: %w\n%s", errors.Join(ctx.Err(), a.err), m.console.tail())
		}
		if m.plant != nil {
			_ = m.plant.Close()
		}
		m.plant = rpc.NewClient(a.c)
	case <-m.done:
		return fmt.Errorf("the emulator ended\n%s", m.console.tail())
	}
	return m.call("Hello", rig.None{}, &m.hello)
}

// call asks the plant for something and waits while the machine lives.
func (m *machine) call(method string, args, reply any) error {
	c := m.plant.Go(rig.Service+"."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-c.Done:
		if c.Error != nil {
			return fmt.Errorf("plant: %s: %w", method, c.Error)
		}
		return nil
	case <-m.done:
		return fmt.Errorf("plant: %s: the emulator ended\n%s", method, m.console.tail())
	case <-m.stop:
		return fmt.Errorf("plant: %s: stopped", method)
	case <-time.After(callPatience):
		return fmt.Errorf("plant: %s: no answer in %v\n%s", method, callPatience, m.console.tail())
	}
}

// exec runs a program in the machine.
func (m *machine) exec(limit time.Duration, env []string, argv ...string) (string, int, error) {
	var r rig.ExecReply
	err := m.call("Exec", rig.ExecArgs{Argv: argv, Env: env, Timeout: limit}, &r)
	return r.Output, r.Code, err
}

// sh runs a line of shell that must succeed.
func (m *machine) sh(line string) (string, error) {
	out, code, err := m.exec(2*time.Minute, nil, "sh", "-c", line)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s: exit code %d: %s", line, code, out)
	}
	return strings.TrimSpace(out), err
}

// Close ends the emulator.
func (m *machine) Close() error {
	err := m.listener.Close()
	if m.plant != nil {
		_ = m.plant.Close()
	}
	m.powerOff()
	return err
}

// console keeps what the machine last said.
type console struct {
	mu  sync.Mutex
	buf []byte
}

const consoleKept = 64 << 10

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf = append(c.buf, b...)
	if n := len(c.buf) - consoleKept; n > 0 {
		c.buf = c.buf[n:]
	}
	return len(b), nil
}

// tail is the end of it, for messages.
func (c *console) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(c.buf)); s.Scan(); {
		lines = append(lines, "  console: "+s.Text())
	}
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
