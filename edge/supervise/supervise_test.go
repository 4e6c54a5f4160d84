package supervise

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
)

var errBroken = errors.New("broken")

// inBubble runs f with a system clock that the bubble turns.
func inBubble(t *testing.T, f func(t *testing.T, c edge.Clock)) {
	synctest.Test(t, func(t *testing.T) {
		c, err := clock.NewSystem()
		if err != nil {
			t.Fatal(err)
		}
		f(t, c)
	})
}

func untilDone(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestBudgetEndsTheStation(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		runs, restarts, safe := 0, 0, false
		err := Run(t.Context(), Options{Clock: c, OnRestart: func(string, error) { restarts++ }},
			Task{Name: "outputs", Run: func(ctx context.Context) error {
				defer func() { safe = true }()
				return untilDone(ctx)
			}},
			Task{Name: "flaky", Restarts: 2, Pause: time.Second, Run: func(context.Context) error { runs++; return errBroken }})
		if runs != 3 || restarts != 2 || !safe || !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "flaky") {
			t.Errorf("%d runs, %d restarts, safe %v: %v", runs, restarts, safe, err)
		}
	})
}

func TestOldFailuresAreForgiven(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		runs := 0
		err := Run(ctx, Options{Clock: c}, Task{Name: "slow", Restarts: 1, Within: time.Minute, Run: func(ctx context.Context) error {
			runs++
			if c.SleepUntil(ctx, c.Now().Add(50*time.Second)) != nil {
				return ctx.Err()
			}
			if runs%2 == 0 {
				return c.SleepUntil(ctx, c.Now().Add(time.Hour))
			}
			return errBroken
		}})
		if !errors.Is(err, context.DeadlineExceeded) || runs != 2 {
			t.Errorf("%d runs: %v", runs, err)
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		cleaned := false
		err := Run(t.Context(), Options{Clock: c}, Task{Name: "wild", Run: func(context.Context) error {
			defer func() { cleaned = true }()
			panic("index out of range")
		}})
		var p *PanicError
		if !errors.As(err, &p) || p.Value != "index out of range" || len(p.Stack) == 0 || !cleaned {
			t.Errorf("cleaned %v: %v", cleaned, err)
		}
	})
}

func TestLastTaskEndsTheStation(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		if err := Run(t.Context(), Options{Clock: c}, Task{Name: "side", Run: untilDone},
			Task{Name: "line", Last: true, Run: func(context.Context) error { return nil }}); err != nil {
			t.Error(err)
		}
	})
}

func TestStuckTaskIsNamed(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release := make(chan struct{})
		err := Run(ctx, Options{Clock: c, Grace: 3 * time.Second}, Task{Name: "deaf", Run: func(context.Context) error { <-release; return nil }})
		if !errors.Is(err, ErrStuck) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "deaf") {
			t.Error(err)
		}
		close(release)
	})
}

// bowl counts what it is fed.
type bowl struct {
	fed, gone int
	err       error
}

func (b *bowl) Feed() error  { b.fed++; return b.err }
func (b *bowl) Close() error { b.gone++; return nil }

func TestWatchdogIsFedByProgressOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		dog := &bowl{}
		w, err := NewWatchdog(c, time.Second, dog)
		if err != nil {
			t.Fatal(err)
		}
		line, idle := w.Gate("line", 3*time.Second), w.Gate("once", time.Second)
		idle.Retire()
		var work sync.WaitGroup
		work.Go(func() {
			for range 10 {
				time.Sleep(time.Second)
				line.Beat()
			}
		})
		defer work.Wait()
		var silent *SilentError
		if err := w.Run(t.Context()); !errors.As(err, &silent) || silent.Gate != "line" {
			t.Error(err)
		}
		if dog.fed != 14 || dog.gone != 0 {
			t.Errorf("fed %d times, sent away %d times", dog.fed, dog.gone)
		}
	})
}

func TestWatchdogGoesOnACleanStop(t *testing.T) {
	inBubble(t, func(t *testing.T, c edge.Clock) {
		dog := &bowl{}
		w, _ := NewWatchdog(c, time.Second, dog)
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		if err := w.Run(ctx); !errors.Is(err, context.DeadlineExceeded) || dog.fed != 4 || dog.gone != 1 {
			t.Errorf("%v, fed %d, gone %d", err, dog.fed, dog.gone)
		}
		dog.err = errBroken
		if err := w.Run(t.Context()); !errors.Is(err, errBroken) {
			t.Error(err)
		}
	})
}

// systemd returns who talks to a service manager, and where that would hear it.
func systemd(t *testing.T) (*Systemd, *net.UnixConn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s, err := OpenSystemd(path)
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func TestSystemdHears(t *testing.T) {
	s, l := systemd(t)
	for _, say := range []func() error{func() error { return s.Notify("READY=1") }, s.Feed, s.Close} {
		if err := say(); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"READY=1", "WATCHDOG=1", "STOPPING=1"} {
		b := make([]byte, 100)
		if n, err := l.Read(b); err != nil || string(b[:n]) != want {
			t.Errorf("%q %v, want %q", b[:n], err, want)
		}
	}
	mute, err := OpenSystemd("")
	if err != nil || mute.Feed() != nil || mute.Close() != nil {
		t.Error("without systemd")
	}
}

// TestBusySystemdKeepsNoDogHungry: a service manager that does not read for a
// moment misses one meal; the hardware watchdog beside it is fed all the same.
func TestBusySystemdKeepsNoDogHungry(t *testing.T) {
	s, l := systemd(t)
	defer s.Close()
	for s.Notify("STATUS=busy") == nil {
	}
	if err := s.Feed(); err != nil {
		t.Errorf("a message that is missed is the end: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Feed() == nil {
		t.Error("nobody is there to feed, and nobody is told")
	}
}

func TestMissingDeviceIsSaid(t *testing.T) {
	if _, err := OpenDevice(filepath.Join(t.TempDir(), "watchdog"), time.Second); err == nil {
		t.Error("no error")
	}
}
