package kernel

import (
	"math"
	"testing"
)

// short is what kernels do with a tail.
func (t *tail) short(e ending, sum int32, scale float32) int8 {
	v := int16(math.Float32bits(float32(float32(sum)*scale) + t.magic[0]))
	if e == endShifted {
		v = int16(max(math.MinInt16, min(math.MaxInt16, int32(v)+int32(t.zero[0]))))
	}
	q := int8(max(-128, min(127, v)))
	if e == endShifted {
		q = max(t.lo[0], min(t.hi[0], q))
	}
	return q
}

// TestEndingsEqualRequantization: wherever a short ending is chosen, it gives what
// the definition gives, for sums up to the largest, and on ties.
func TestEndingsEqualRequantization(t *testing.T) {
	seen := map[ending]int{}
	for i := range 3000 {
		r := newRNG(uint64(i))
		q := r.requant(1, 5000*math.Sqrt(float64(r.between(1, 2000))))
		s := weightSum{span: int64(r.between(1, 200000))}
		most := s.reach(int32(r.between(-20000, 20000)))
		e, tail := endingOf(&q, most*float64(q.Scale[0]))
		if seen[e]++; e == endSaturating {
			continue
		}
		for range 300 {
			sum := int32((2*r.Float64() - 1) * most)
			if tie := (float64(r.between(-200, 200)) + 0.5) / float64(q.Scale[0]); r.IntN(2) == 0 && math.Abs(tie) <= most {
				sum = int32(tie)
			}
			if got, want := tail.short(e, sum, q.Scale[0]), q.apply(sum, 0); got != want {
				t.Fatalf("sum %d, %+v, ending %d: %d, want %d", sum, q, e, got, want)
			}
		}
	}
	for e := endSaturating; e <= endShifted; e++ {
		if seen[e] < 100 {
			t.Errorf("ending %d was chosen %d times", e, seen[e])
		}
	}
}

// TestSumsThatMayWrapSaturate: sums beyond int32 take the ending that holds for any.
func TestSumsThatMayWrapSaturate(t *testing.T) {
	s := weightSum{span: math.MaxInt32 / 255}
	q := Requant{Scale: []float32{1e-9}, Min: -128, Max: 127}
	if e, _ := endingOf(&q, s.reach(0)*1e-9); e != endPlain {
		t.Errorf("sums within int32 take ending %d", e)
	}
	if e, _ := endingOf(&q, s.reach(1<<20)*1e-9); e != endSaturating {
		t.Errorf("sums beyond int32 take ending %d", e)
	}
}
