package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"winnow/infer"
	"winnow/infer/tflite"
)

// benchEncoder is what the encoder alone costs at the size of a package, run by
// turns with whole parts so that both meet the same machine.
type benchEncoder struct {
	MS        spread  `json:"ms"`
	Graph     spread  `json:"graph_ms"`   // the package's whole graph: encoder and what stands behind it
	Ratio     float64 `json:"ratio"`      // of the median part to the median encoder
	RatioBest float64 `json:"ratio_best"` // of the fastest of each, which a busy machine disturbs least
}

// benchBeside times once, frame to verdict, and the graph's encoder alone by
// turns, after one run of each to warm up. A graph without a known encoder is
// an error.
func benchBeside(graph []byte, whole infer.Session, e infer.Engine, threads, runs int, once func() error) (part spread, enc *benchEncoder, err error) {
	m, err := tflite.Parse(graph, tflite.Limits{})
	if err != nil {
		return part, nil, err
	}
	taps := tapTensors(m)
	if len(taps) == 0 {
		return part, nil, fmt.Errorf("the package holds no feature map of the built-in encoder: time it without --part")
	}
	b, err := m.Cut(slices.Sorted(maps.Values(taps))).Marshal()
	if err != nil {
		return part, nil, err
	}
	s, err := e.Load(b, infer.Options{Threads: threads})
	if err != nil {
		return part, nil, err
	}
	defer s.Close()
	fillNoise(s)
	times := [3][]float64{}
	for n := range runs + 1 {
		for k, run := range [3]func() error{once, s.Run, whole.Run} {
			start := time.Now()
			if err := run(); err != nil {
				return part, nil, err
			}
			if n > 0 {
				times[k] = append(times[k], milliseconds(time.Since(start)))
			}
		}
	}
	part, enc = spreadOf(times[0]), &benchEncoder{MS: spreadOf(times[1]), Graph: spreadOf(times[2])}
	enc.Ratio, enc.RatioBest = part.Median/enc.MS.Median, part.Min/enc.MS.Min
	return part, enc, nil
}

// spreadOf sorts ms.
func spreadOf(ms []float64) spread {
	slices.Sort(ms)
	n := len(ms)
	return spread{ms[0], ms[n/2], ms[min(n-1, n*99/100)]}
}

func (b *benchEncoder) print(w io.Writer) {
	if b != nil {
		fmt.Fprintf(w, "the encoder alone, by turns: %.2f ms at best, %.2f median, %.2f p99; the whole graph: %.2f, %.2f, %.2f; a part costs %.2f times the encoder by medians, %.2f at best\n",
			b.MS.Min, b.MS.Median, b.MS.P99, b.Graph.Min, b.Graph.Median, b.Graph.P99, b.Ratio, b.RatioBest)
	}
}
