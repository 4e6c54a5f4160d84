package kernel

import (
	"fmt"
	"strings"
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
