package models

import (
	"bytes"
	"fmt"
)

// Runner runs the graph of a package; infer's judge is one.
type Runner interface {
	// RunGolden writes input to the graph, runs it, and returns its outputs
	// (valid until the next call) and the fused score that follows.
	RunGolden(input []byte) (outputs [][]byte, fused float64, err error)
}

// Mismatch is where an engine's answer leaves the package's golden vectors.
type Mismatch struct {
	Vector, Output int // Output is -1 where the score differs
	Index          int // of the first different byte
	Got, Want      int8
	Largest        int // of all differences, in steps of the quantization
	GotScore       float64
	WantScore      float64
}

func (m *Mismatch) Error() string {
	if m.Output < 0 {
		return fmt.Sprintf("golden vector %d: score %v, the package says %v", m.Vector, m.GotScore, m.WantScore)
	}
	return fmt.Sprintf("golden vector %d: output %d differs first at byte %d: %d, the package says %d (largest difference %d)",
		m.Vector, m.Output, m.Index, m.Got, m.Want, m.Largest)
}

// Verify replays every golden vector on r. Outputs may differ by tolerance
// steps of their quantization (0 for an exact engine, which must also give the
// score to the bit). The error is a *Mismatch or r's own.
func (p *Package) Verify(r Runner, tolerance int) error {
	for i, g := range p.Golden {
		outs, fused, err := r.RunGolden(g.Input)
		if err != nil {
			return fmt.Errorf("golden vector %d: %w", i, err)
		}
		if len(outs) != len(g.Outputs) {
			return fmt.Errorf("golden vector %d: %d outputs, the package has %d", i, len(outs), len(g.Outputs))
		}
		for o := range outs {
			if m := compare(outs[o], g.Outputs[o], tolerance); m != nil {
				m.Vector, m.Output = i, o
				return m
			}
		}
		if tolerance == 0 && fused != g.Fused {
			return &Mismatch{Vector: i, Output: -1, GotScore: fused, WantScore: g.Fused}
		}
	}
	return nil
}

// compare returns the first byte at which got and want, as int8, differ by
// more than tolerance, or nil.
func compare(got, want []byte, tolerance int) *Mismatch {
	if bytes.Equal(got, want) {
		return nil
	}
	if len(got) != len(want) {
		return &Mismatch{Index: min(len(got), len(want)), Largest: 255}
	}
	var m *Mismatch
	largest := 0
	for i := range got {
		d := int(int8(got[i])) - int(int8(want[i]))
		d = max(d, -d)
		largest = max(largest, d)
		if d > tolerance && m == nil {
			m = &Mismatch{Index: i, Got: int8(got[i]), Want: int8(want[i])}
		}
	}
	if m != nil {
		m.Largest = largest
	}
	return m
}
