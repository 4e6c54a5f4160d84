package kernel

import (
	"fmt"
	"slices"
	"testing"
)

func checkFC(t *testing.T, s *Set, r rng, d FullyConnected) {
	t.Helper()
	op, err := s.FullyConnected(d)
	if err != nil {
		t.Fatal(err)
	}
	src := r.int8s(d.Rows * d.In)
	want := reference(&refFC{d}, src, d.Rows*d.Out)
	d.Weights, d.Bias, d.Scale = nil, nil, nil
	compare(t, fmt.Sprintf("%s %+v", s.Name(), d), op, src, want)
}

func TestFullyConnectedRandom(t *testing.T) {
	for _, s := range fast(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			for i := range rounds(10000) {
				r := newRNG(uint64(i))
				checkFC(t, s, r, r.fullyConnected())
			}
		})
	}
}

func (r rng) avgPool() AvgPool {
	d := AvgPool{InH: r.between(1, 14), InW: r.between(1, 14), C: r.between(1, 40), KH: r.between(1, 5), KW: r.between(1, 5),
		StrideH: r.between(1, 3), StrideW: r.between(1, 3), Min: -128, Max: 127}
	if r.IntN(2) == 0 {
		d.KH, d.KW, d.StrideH, d.StrideW = 3, 3, 1, 1
	}
	d.KH, d.KW = min(d.KH, d.InH), min(d.KW, d.InW)
	d.PadTop, d.PadLeft = r.IntN((d.KH+1)/2), r.IntN((d.KW+1)/2)
	d.OutH, d.OutW = (d.InH+d.PadTop-1)/d.StrideH+1, (d.InW+d.PadLeft-1)/d.StrideW+1
	if r.IntN(4) == 0 {
		d.Min, d.Max = int8(r.between(-128, 0)), int8(r.between(0, 127))
	}
	return d
}

func TestAvgPoolRandom(t *testing.T) {
	for _, s := range fast(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			for i := range rounds(10000) {
				r := newRNG(uint64(i))
				d := r.avgPool()
				op, err := s.AvgPool(d)
				if err != nil {
					t.Fatal(err)
				}
				src := r.int8s(d.InH * d.InW * d.C)
				want := reference(&refPool{d}, src, d.OutH*d.OutW*d.C)
				compare(t, fmt.Sprintf("%s %+v", s.Name(), d), op, src, want)
			}
		})
	}
}

// TestPoolScaleIsTheMean compares every sum of every window size.
func TestPoolScaleIsTheMean(t *testing.T) {
	for n := 1; n <= 128; n++ {
		q := Requant{Scale: []float32{poolScale(n)}, Min: -128, Max: 127}
		for sum := -128 * n; sum <= 127*n; sum++ {
			want := (2*max(sum, -sum) + n) / (2 * n)
			if sum < 0 {
				want = -want
			}
			if got := q.apply(int32(sum), 0); int(got) != want {
				t.Fatalf("%d pixels of sum %d: %d, want %d", n, sum, got, want)
			}
		}
	}
}

func TestAddRandom(t *testing.T) {
	generic := &Set{}
	for _, s := range fast(t) {
		for i := range rounds(10000) {
			r := newRNG(uint64(i))
			n := r.between(1, 100)
			a, b := r.int8s(n), r.int8s(n)
			p, err := NewAdd(float32(r.Float64()*3+0.01), float32(r.Float64()*3), int32(r.between(-128, 127)),
				int32(r.between(-128, 127)), int32(r.between(-128, 127)), int8(r.between(-128, 0)), int8(r.between(0, 127)))
			if err != nil {
				t.Fatal(err)
			}
			want := make([]int8, n)
			generic.Add(want, a, b, &p)
			dst, all := guarded(n)
			if s.Add(dst, a, b, &p); !slices.Equal(dst, want) || !intact(all, n) {
				t.Fatalf("%s: round %d: %+v: %v + %v = %v, want %v", s.Name(), i, p, a, b, dst, want)
			}
		}
	}
}

// TestMulRandom: every set gives what Of gives one by one, for scales on both sides of
// where products may leave the range that rounding holds.
func TestMulRandom(t *testing.T) {
	for _, s := range append(fast(t), &Set{}) {
		for i := range rounds(10000) {
			r := newRNG(uint64(i))
			n := r.between(1, 100)
			a, b, want := r.int8s(n), r.int8s(n), make([]int8, n)
			p := Mul{
				ZeroA: int32(r.between(-128, 127)), ZeroB: int32(r.between(-128, 127)), Zero: int32(r.between(-128, 127)),
				Scale: 0x1p-16 * float32(uint32(1)<<r.IntN(24)) * (1 + r.Float32()), Min: int8(r.between(-128, 0)), Max: int8(r.between(0, 127)),
			}
			for j := range want {
				want[j] = p.Of(a[j], b[j])
			}
			dst, all := guarded(n)
			if s.Mul(dst, a, b, &p); !slices.Equal(dst, want) || !intact(all, n) {
				t.Fatalf("%s: round %d: %+v: %v * %v = %v, want %v", s.Name(), i, p, a, b, dst, want)
			}
		}
	}
}

func TestMap(t *testing.T) {
	for _, s := range fast(t) {
		r := newRNG(7)
		var tab Table
		for i := range tab {
			tab[i] = int8(r.between(-128, 127))
		}
		for n := range 300 {
			src := make([]int8, n)
			dst, all := guarded(n)
			for i := range src {
				src[i] = int8(i + n)
			}
			s.Map(dst, src, &tab)
			for i, v := range src {
				if dst[i] != tab[uint8(v)] || !intact(all, n) {
					t.Fatalf("%s: n %d: element %d: %d, want %d", s.Name(), n, i, dst[i], tab[uint8(v)])
				}
			}
		}
	}
}
