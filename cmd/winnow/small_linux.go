package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// dropStartCode takes the pages of the program's code out of its resident memory:
// most of them were only needed to start. The system keeps them in its cache, and
// maps those again that are run again. Code is never written to, so nothing is lost.
func dropStartCode() {
	path, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if !strings.Contains(line, " r-xp ") || !strings.HasSuffix(strings.TrimSpace(line), path) {
			continue
		}
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			// Refused advice changes nothing but the memory that is shown.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED)
		}
	}
}
