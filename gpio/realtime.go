package gpio

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// realtimePriority is above the kernel's threaded interrupt handlers' callers
// and below those handlers (50).
const realtimePriority = 40

// Realtime gives the calling thread SCHED_FIFO, for a goroutine that is locked to it.
func Realtime() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: realtimePriority}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("no real-time priority: %w (give the service CAP_SYS_NICE or LimitRTPRIO)", err)
	}
	return nil
}
