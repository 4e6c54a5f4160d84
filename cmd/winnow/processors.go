package main

import (
	"os"
	"runtime"
)

// spare is how many places of the runtime there are beside the processors.
const spare = 10

// spareProcessors lets the runtime run more goroutines at a time than the machine
// has processors, until giveBack. A pulse that is due wakes a thread of real-time
// priority, which then needs one of the runtime's places. On a machine that does
// other things too the places are held by threads that the kernel has put aside:
// with two to spare there was often none for 100 ms (gpio/BENCH.md). The kernel
// shares the processors by priority.
// A GOMAXPROCS in the environment stays.
func spareProcessors() (giveBack func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(n + spare)
	return func() { runtime.GOMAXPROCS(n) }
}
