package kernel

import (
	"fmt"
	"testing"
	"unsafe"
)

// checkSums compares both sums of cells x ch values; place gives their memory.
func checkSums(t *testing.T, s *Set, r rng, cells, ch int, place func(n int) []byte) (ran int) {
	t.Helper()
	v := place(cells * ch)
	extreme := r.IntN(3)
	for i := range v {
		if v[i] = byte(r.IntN(256)); extreme == 0 {
			v[i] = 0x80
		}
	}
	words := func(n int) []int32 { return unsafe.Slice((*int32)(unsafe.Pointer(&place(4 * n)[0])), n) }
	wantCell, wantSum, wantSqr := make([]int32, cells), make([]int32, ch), make([]int32, ch)
	for i, b := range v {
		x := int32(int8(b))
		wantCell[i/ch] += x * x
		wantSum[i%ch] += x
		wantSqr[i%ch] += x * x
	}
	if cell := words(cells); s.SquareSums(cell, v) {
		if ran++; fmt.Sprint(cell) != fmt.Sprint(wantCell) {
			t.Fatalf("%s: squares of %d cells of %d: %v, want %v", s.Name(), cells, ch, cell, wantCell)
		}
	}
	if sum, sqr := words(ch), words(ch); s.ChannelSums(sum, sqr, v) {
		if ran++; fmt.Sprint(sum, sqr) != fmt.Sprint(wantSum, wantSqr) {
			t.Fatalf("%s: %d cells of %d channels: %v %v, want %v %v", s.Name(), cells, ch, sum, sqr, wantSum, wantSqr)
		}
	}
	return ran
}

func TestSumsRandom(t *testing.T) {
	for _, s := range fast(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			for i := range rounds(4000) {
				r := newRNG(uint64(i))
				cells, ch := r.between(1, 70), r.between(1, 200)
				if ran := checkSums(t, s, r, cells, ch, onHeap(t)); ran < 2 && cells > 1 && ch >= sumsLeast {
					t.Fatalf("%d cells of %d: no kernel", cells, ch)
				}
			}
		})
	}
}

// TestSumsRefuse what 32 bits might not hold.
func TestSumsRefuse(t *testing.T) {
	big := make([]byte, 16*(sumsMost+1))
	for i := range big {
		big[i] = 0x80
	}
	for _, s := range fast(t) {
		if s.SquareSums(make([]int32, 16), big) || s.ChannelSums(make([]int32, 16), make([]int32, 16), big) {
			t.Errorf("%s: takes %d values a sum", s.Name(), sumsMost+1)
		}
		sum := make([]int32, 16)
		if fit := big[:16*sumsMost]; !s.SquareSums(sum, fit) || sum[7] != sumsMost<<14 {
			t.Errorf("%s: the most squares sum to %d", s.Name(), sum[7])
		}
		if (&Set{}).SquareSums(sum, big[:256]) {
			t.Error("the generic set has a kernel")
		}
	}
}

func BenchmarkSums(b *testing.B) {
	v, cell, sum, sqr := make([]byte, 16*16*384), make([]int32, 256), make([]int32, 384), make([]int32, 384)
	for _, s := range fast(b) {
		b.Run(s.Name()+"/squares", func(b *testing.B) {
			for b.Loop() {
				s.SquareSums(cell, v)
			}
		})
		b.Run(s.Name()+"/channels", func(b *testing.B) {
			for b.Loop() {
				s.ChannelSums(sum, sqr, v)
			}
		})
	}
}
