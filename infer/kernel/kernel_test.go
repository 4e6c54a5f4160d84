package kernel

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fast are the sets of this CPU without the generic one, which is what they are
// compared with.
func fast(t testing.TB) []*Set {
	all := Sets()
	var names []string
	for _, s := range all {
		names = append(names, s.Name())
	}
	t.Logf("kernel sets on this CPU: %s", strings.Join(names, " "))
	return all[:len(all)-1]
}

// rounds is the number of random descriptions a set is tried with.
func rounds(full int) int {
	if testing.Short() {
		return full / 20
	}
	return full
}

// canaries surround every tensor that an Op gets.
const canary = 0x5A

// guarded is a slice of n bytes in the middle of a larger one full of canaries.
func guarded(n int) (b, all []int8) {
	all = make([]int8, n+512)
	for i := range all {
		all[i] = canary
	}
	return all[256 : 256+n : 256+n], all
}

func intact(all []int8, n int) bool {
	for i, v := range all {
		if (i < 256 || i >= 256+n) && v != canary {
			return false
		}
	}
	return true
}

// compare runs op over src, whole and in three parts, and compares every byte
// with want.
func compare(t *testing.T, what string, op Op, src, want []int8) {
	t.Helper()
	for _, parts := range []int{1, 3} {
		dst, all := guarded(len(want))
		scratch, allScratch := guarded(op.Scratch())
		for p := range parts {
			u := op.Units()
			op.Run(dst, src, bytesOf(scratch), p*u/parts, (p+1)*u/parts)
		}
		if !intact(all, len(want)) || !intact(allScratch, len(scratch)) {
			t.Fatalf("%s: wrote outside of dst or scratch", what)
		}
		for i := range want {
			if dst[i] != want[i] {
				t.Fatalf("%s: %d parts: element %d is %d, want %d", what, parts, i, dst[i], want[i])
			}
		}
	}
}

// reference runs a reference operator.
func reference(op Op, src []int8, n int) []int8 {
	dst := make([]int8, n)
	op.Run(dst, src, nil, 0, op.Units())
	return dst
}

func checkConv(t *testing.T, s *Set, r rng, d Conv) {
	t.Helper()
	n, err := d.normal()
	if err != nil {
		t.Fatal(err)
	}
	op, err := s.Conv(d)
	if err != nil {
		t.Fatal(err)
	}
	src := r.int8s(d.InH * d.InW * d.InC)
	want := reference(&refConv{n}, src, d.OutH*d.OutW*d.OutC)
	d.Weights, d.Bias, d.Scale = nil, nil, nil
	compare(t, fmt.Sprintf("%s %+v", s.Name(), d), op, src, want)
}

func TestConvRandom(t *testing.T) {
	for _, s := range fast(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			for i := range rounds(10000) {
				r := newRNG(uint64(i))
				checkConv(t, s, r, r.conv())
			}
		})
	}
}

func checkDepthwise(t *testing.T, s *Set, r rng, d Depthwise) {
	t.Helper()
	n, err := d.normal()
	if err != nil {
		t.Fatal(err)
	}
	op, err := s.Depthwise(d)
	if err != nil {
		t.Fatal(err)
	}
	src := r.int8s(d.InH * d.InW * d.InC)
	want := reference(&refDepthwise{n}, src, d.OutH*d.OutW*d.OutC)
	d.Weights, d.Bias, d.Scale = nil, nil, nil
	compare(t, fmt.Sprintf("%s %+v", s.Name(), d), op, src, want)
}

func TestDepthwiseRandom(t *testing.T) {
	for _, s := range fast(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			for i := range rounds(10000) {
				r := newRNG(uint64(i))
				checkDepthwise(t, s, r, r.depthwise())
			}
		})
	}
}

// TestConvOdd tries what lies beyond the random ones: large upsampling and
// strides, single pixels, kernels larger than the picture, far dilation, windows that
// lie beyond the picture.
func TestConvOdd(t *testing.T) {
	for _, s := range fast(t) {
		for i, d := range []Conv{
			{InH: 3, InW: 4, InC: 5, OutH: 12, OutW: 16, OutC: 17, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, Up: 4},
			{InH: 2, InW: 2, InC: 8, OutH: 10, OutW: 10, OutC: 3, KH: 3, KW: 3, StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, Up: 5},
			{InH: 1, InW: 1, InC: 3, OutH: 64, OutW: 64, OutC: 4, KH: 1, KW: 1, StrideH: 1, StrideW: 1, Up: 64},
			{InH: 2, InW: 3, InC: 6, OutH: 20, OutW: 30, OutC: 9, KH: 3, KW: 3, StrideH: 10, StrideW: 10, Transposed: true},
			{InH: 2, InW: 2, InC: 4, OutH: 40, OutW: 40, OutC: 2, KH: 20, KW: 20, StrideH: 20, StrideW: 20, Transposed: true},
			{InH: 2, InW: 2, InC: 3, OutH: 2, OutW: 2, OutC: 20, KH: 11, KW: 11, StrideH: 1, StrideW: 1, PadTop: 5, PadLeft: 5},
			{InH: 2, InW: 2, InC: 3, OutH: 2, OutW: 2, OutC: 20, KH: 12, KW: 12, StrideH: 1, StrideW: 1, PadTop: 6, PadLeft: 6},
			{InH: 40, InW: 40, InC: 7, OutH: 40, OutW: 40, OutC: 5, KH: 3, KW: 3, StrideH: 1, StrideW: 1, DilationH: 16, DilationW: 16, PadTop: 16, PadLeft: 16},
			{InH: 1, InW: 1, InC: 1, OutH: 1, OutW: 1, OutC: 1, KH: 1, KW: 1, StrideH: 1, StrideW: 1},
			{InH: 1, InW: 500, InC: 3, OutH: 1, OutW: 100, OutC: 40, KH: 1, KW: 7, StrideH: 1, StrideW: 5, PadLeft: 1},
			{InH: 9, InW: 9, InC: 4, OutH: 3, OutW: 3, OutC: 16, KH: 1, KW: 1, StrideH: 4, StrideW: 4},
			{InH: 4, InW: 4, InC: 4, OutH: 9, OutW: 9, OutC: 16, KH: 1, KW: 1, StrideH: 1, StrideW: 1, PadTop: 2, PadLeft: 3},
			{InH: 2, InW: 3, InC: 2, OutH: 2, OutW: 2, OutC: 17, KH: 1, KW: 1, StrideH: 1, StrideW: 1, PadLeft: 30, Transposed: true},
		} {
			r := newRNG(uint64(i))
			d.InZero = int32(r.between(-128, 127))
			r.fillConv(&d)
			checkConv(t, s, r, d)
		}
	}
}

// TestConvPointwise tries every number of pixels and inputs that kernels of whole
// panels tell apart, with weights that all of them pack in one block.
func TestConvPointwise(t *testing.T) {
	for _, s := range fast(t) {
		for i := range rounds(4000) {
			r := newRNG(uint64(i))
			d := Conv{InH: r.between(1, 9), InW: r.between(1, 9), InC: 4 * r.between(3, 20), OutC: r.between(1, 40),
				KH: 1, KW: 1, StrideH: 1, StrideW: 1, InZero: int32(r.between(-128, 127))}
			d.OutH, d.OutW = d.InH, d.InW
			r.fillConv(&d)
			for i := range d.Weights {
				d.Weights[i] = max(d.Weights[i], -127)
			}
			checkConv(t, s, r, d)
		}
	}
}

// TestConvWindows tries first layers: few inputs, windows of three rows.
func TestConvWindows(t *testing.T) {
	for _, s := range fast(t) {
		for i := range rounds(2000) {
			r := newRNG(uint64(i))
			checkConv(t, s, r, r.firstLayer())
		}
	}
}

// TestConcurrentUnits runs the units of one operator from four goroutines at once.
func TestConcurrentUnits(t *testing.T) {
	for _, s := range fast(t) {
		for i := range rounds(600) {
			r := newRNG(uint64(i))
			d := r.conv()
			n, _ := d.normal()
			op, err := s.Conv(d)
			if err != nil {
				t.Fatal(err)
			}
			src := r.int8s(d.InH * d.InW * d.InC)
			got := make([]int8, d.OutH*d.OutW*d.OutC)
			var wg sync.WaitGroup
			for p := range 4 {
				wg.Go(func() {
					u := op.Units()
					op.Run(got, src, make([]byte, op.Scratch()), p*u/4, (p+1)*u/4)
				})
			}
			wg.Wait()
			if want := reference(&refConv{n}, src, len(got)); !slices.Equal(got, want) {
				t.Fatalf("%s: round %d: %+v: four goroutines give another result", s.Name(), i, d)
			}
		}
	}
}
