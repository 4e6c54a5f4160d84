package clock

import (
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"winnow/edge"
)

// threadSleeper waits in ppoll(2), so that the kernel wakes the thread with the
// thread's own priority. A sleep by the runtime's timers ends when some thread of
// ordinary priority gets round to them, which takes tens of milliseconds on a busy
// machine.
type threadSleeper struct {
	clock *System
	poll  [1]unix.PollFd // of an eventfd

	mu     sync.Mutex // guards closed; never held while asleep
	closed bool
}

// NewSleeper returns a wait for a goroutine that is locked to its thread. Close it.
func (c *System) NewSleeper() (edge.Sleeper, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &threadSleeper{clock: c, poll: [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}, nil
}

// SleepUntil implements edge.Sleeper.
func (s *threadSleeper) SleepUntil(t edge.Instant) {
	var limit *unix.Timespec
	if t != 0 {
		ts := unix.NsecToTimespec(max(0, int64(t.Sub(s.clock.Now()))))
		limit = &ts
	}
	n, _ := unix.Ppoll(s.poll[:], limit, nil) // EINTR is a little early
	if n > 0 {
		var count [8]byte
		_, _ = unix.Read(int(s.poll[0].Fd), count[:])
	}
}

// Wake implements edge.Sleeper.
func (s *threadSleeper) Wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(int(s.poll[0].Fd), one[:]) // fails only at 2^64 wakes that nobody saw
}

// Close implements edge.Sleeper.
func (s *threadSleeper) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return unix.Close(int(s.poll[0].Fd))
}
