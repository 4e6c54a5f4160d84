package main

import (
	"os"
	"runtime"
)

// spareProcessors lets the runtime run two goroutines more at a time than the
// machine has processors, until giveBack. A pulse that is due wakes a thread of
// real-time priority, which then needs one of the runtime's places: with the judge
// on every processor and the garbage collector beside it there was none for up to
// ten milliseconds (infer/BENCH.md). The kernel shares the processors by priority.
// A GOMAXPROCS in the environment stays.
func spareProcessors() (giveBack func()) {
	if os.Getenv("GOMAXPROCS") != "" {
		return func() {}
	}
	n := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(n + 2)
	return func() { runtime.GOMAXPROCS(n) }
}
