package gpio

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// LockSoon locks mu for a thread of real-time priority. A goroutine that finds a
// mutex locked is put aside, and comes back when some thread of ordinary priority
// has let go and then gets round to it: tens of milliseconds on a busy machine, for
// a lock that is held for less than a microsecond. So it is asked again instead,
// with short pauses after a while, in which whoever holds it can run.
func LockSoon(mu *sync.Mutex) {
	for range lockSpins {
		if mu.TryLock() {
			return
		}
	}
	pause := unix.NsecToTimespec(int64(lockPause))
	for range lockPauses {
		_ = unix.Nanosleep(&pause, nil)
		if mu.TryLock() {
			return
		}
	}
	mu.Lock()
}

const (
	lockSpins  = 2000 // some 10 microseconds
	lockPause  = 20 * time.Microsecond
	lockPauses = 200
)
