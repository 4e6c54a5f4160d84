package kernel

import (
	"bytes"
	"fmt"
	"testing"
)

// resizing is a random pair of sizes with weights on what lies around each output
// element; some sums lie outside of 0..255.
type resizing struct {
	in, out int
	first   []int
	weight  [][]int32
}

func (r rng) resizing() resizing {
	d := resizing{in: r.between(16, 1100), out: r.between(1, 600)}
	switch r.IntN(4) {
	case 0:
		d.in, d.out = r.between(16, 40), r.between(1, 40)
	case 1:
		d.in = d.out*r.between(1, 4) + 16
	}
	reach := r.between(1, 2*max(1, d.in/d.out)+2)
	for i := range d.out {
		k := min(r.between(max(1, reach-2), reach), d.in)
		first := max(0, min(d.in-k, i*d.in/d.out-r.IntN(2)))
		if i > 0 {
			first = max(first, min(d.first[i-1], d.in-k))
		}
		if i > 0 && first < d.first[i-1] {
			k, first = min(k, d.in-d.first[i-1]), d.first[i-1]
		}
		w := make([]int32, k)
		for j := range w {
			w[j] = int32(r.between(0, 2<<14/k))
			if r.IntN(50) == 0 {
				w[j] = -w[j]
			}
		}
		if r.IntN(8) == 0 {
			clear(w)
			w[r.IntN(k)] = 1 << 14
		}
		d.first, d.weight = append(d.first, first), append(d.weight, w)
	}
	return d
}

// at is element i of the definition; value is source element j.
func (d resizing) at(i int, value func(j int) byte) byte {
	sum := int64(1) << 13
	for j, w := range d.weight[i] {
		sum += int64(w) * int64(value(d.first[i]+j))
	}
	return byte(max(0, min(255, sum>>14)))
}

func (r rng) bytes(n int) []byte {
	b := make([]byte, n)
	kind := r.IntN(3)
	for i := range b {
		switch b[i] = byte(r.IntN(256)); kind {
		case 0:
			b[i] = 255
		case 1:
			b[i] |= byte(-r.IntN(2))
		}
	}
	return b
}

// checkRows compares a row; place gives its memory. It reports whether there is a kernel.
func checkRows(t *testing.T, s *Set, r rng, d resizing, channels int, place func(n int) []byte) bool {
	t.Helper()
	run := s.ResizeRows(d.first, d.weight, d.in, channels)
	if run == nil {
		return false
	}
	src, dst := place(d.in*channels), place(d.out*channels)
	copy(src, r.bytes(len(src)))
	want := make([]byte, len(dst))
	for i := range want {
		want[i] = d.at(i/channels, func(j int) byte { return src[j*channels+i%channels] })
	}
	if run(dst, src); !bytes.Equal(dst, want) {
		t.Fatalf("%s: %d to %d pixels of %d channels, %d weights at most:\n%v, want\n%v", s.Name(), d.in, d.out, channels, len(d.weight[d.out/2]), dst, want)
	}
	return true
}

func checkColumns(t *testing.T, s *Set, r rng, d resizing, row int, place func(n int) []byte) bool {
	t.Helper()
	run := s.ResizeColumns(d.first, d.weight, d.in, row)
	if run == nil {
		return false
	}
	src, dst := place(d.in*row), place(row)
	copy(src, r.bytes(len(src)))
	for y := range d.out {
		run(dst, src, y)
		for x, v := range dst {
			if want := d.at(y, func(j int) byte { return src[j*row+x] }) ^ 0x80; v != want {
				t.Fatalf("%s: %d to %d rows of %d bytes: row %d, byte %d: %d, want %d", s.Name(), d.in, d.out, row, y, x, v, want)
			}
		}
	}
	return true
}

func onHeap(t *testing.T) func(n int) []byte {
	return func(n int) []byte {
		b, all := guarded(n)
		t.Cleanup(func() {
			if !intact(all, n) {
				t.Errorf("wrote outside of %d bytes", n)
			}
		})
		return bytesOf(b)
	}
}

func TestResizeRandom(t *testing.T) {
	for _, s := range fast(t) {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			var ran [3]int
			for i := range rounds(4000) {
				r := newRNG(uint64(i))
				t.Run(fmt.Sprint(i), func(t *testing.T) {
					d := r.resizing()
					for k, run := range []bool{checkRows(t, s, r, d, 1, onHeap(t)), checkRows(t, s, r, d, 3, onHeap(t)), checkColumns(t, s, r, d, r.between(1, 200), onHeap(t))} {
						if run {
							ran[k]++
						}
					}
				})
			}
			for k, n := range ran {
				if n < rounds(4000)/2 {
					t.Errorf("grey rows, RGB rows or columns (%d): only %d of %d had a kernel", k, n, rounds(4000))
				}
			}
		})
	}
}

// TestResizeRefuses what kernels cannot compute, and the generic set everything.
func TestResizeRefuses(t *testing.T) {
	for _, s := range Sets() {
		first, weight := make([]int, 8), make([][]int32, 8)
		for i := range weight {
			weight[i] = []int32{1 << 14}
		}
		if rows, generic := s.ResizeRows(first, weight, 32, 3), s.Name() == "generic"; (rows == nil) != generic {
			t.Errorf("%s: one weight: kernel is missing: %v", s.Name(), rows == nil)
		}
		weight[3] = []int32{1 << 15}
		if s.ResizeRows(first, weight, 32, 3) != nil || s.ResizeColumns(first, weight, 32, 64) != nil {
			t.Errorf("%s: takes a weight that does not fit 16 bits", s.Name())
		}
		weight[3], first[3] = []int32{1 << 14}, 32
		if s.ResizeRows(first, weight, 32, 3) != nil || s.ResizeColumns(first, weight, 32, 64) != nil {
			t.Errorf("%s: takes a pixel outside of the source", s.Name())
		}
		if s.ResizeRows(make([]int, 8), weight, 2, 3) != nil {
			t.Errorf("%s: takes rows shorter than a block", s.Name())
		}
	}
}

func BenchmarkResize(b *testing.B) {
	const in, out = 512, 256
	var first []int
	var weight [][]int32
	for i := range out {
		first, weight = append(first, min(2*i, in-4)), append(weight, []int32{2048, 6144, 6144, 2048})
	}
	src, dst := make([]byte, in*in*3), make([]byte, in*out*3)
	for _, s := range fast(b) {
		for _, channels := range []int{1, 3} {
			rows, columns := s.ResizeRows(first, weight, in, channels), s.ResizeColumns(first, weight, in, out*channels)
			b.Run(fmt.Sprintf("%s/%d/rows", s.Name(), channels), func(b *testing.B) {
				for b.Loop() {
					for y := range in {
						rows(dst[y*out*channels:], src[y*in*channels:])
					}
				}
			})
			b.Run(fmt.Sprintf("%s/%d/columns", s.Name(), channels), func(b *testing.B) {
				for b.Loop() {
					for y := range out {
						columns(src, dst, y)
					}
				}
			})
		}
	}
}
