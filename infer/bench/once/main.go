// Command once loads a .tflite file on the native engine and runs it, and does
// nothing else: `make bench-arm` counts its instructions. With --json it prints
// what `winnow bench` prints of the times.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"winnow/infer"
	"winnow/infer/native"
)

func main() {
	model := flag.String("model", "", "a .tflite `file`")
	threads := flag.Int("threads", 1, "threads")
	runs := flag.Int("runs", 1, "runs")
	asJSON := flag.Bool("json", false, "print {model, threads, runs, ms}")
	flag.Parse()
	if err := bench(*model, *threads, *runs, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func bench(model string, threads, runs int, asJSON bool) error {
	b, err := os.ReadFile(model)
	if err != nil {
		return err
	}
	s, err := native.New().Load(b, infer.Options{Threads: threads})
	if err != nil {
		return err
	}
	defer s.Close()
	noise(s.Input(0))
	ms := make([]float64, max(runs, 1))
	for i := range ms {
		start := time.Now()
		if err := s.Run(); err != nil {
			return err
		}
		ms[i] = float64(time.Since(start).Nanoseconds()) / 1e6
	}
	slices.Sort(ms)
	if !asJSON {
		return nil
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"model": model, "threads": threads, "runs": len(ms),
		"ms": map[string]float64{"min": ms[0], "median": ms[len(ms)/2]}})
}

// noise fills x with the numbers that litert_arm.c takes, too.
func noise(x []byte) {
	v := uint32(1)
	for i := range x {
		v = v*1664525 + 1013904223
		x[i] = byte(v >> 24)
	}
}
