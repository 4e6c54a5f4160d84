package kernel

import (
	"errors"
	"syscall"
	"testing"
	"unsafe"
)

// paged returns n bytes that end (or, if start, begin) at a page that faults.
func paged(t *testing.T, n int, start bool) []int8 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (n + page - 1) / page * page
	b, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(b) })
	for _, at := range []int{0, page + size} {
		if err := syscall.Mprotect(b[at:at+page], syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	at := page + size - n
	if start {
		at = page
	}
	return unsafe.Slice((*int8)(unsafe.Pointer(&b[at])), n)
}

// guardRun runs op with dst, src and scratch each between pages that fault.
func guardRun(t *testing.T, op Op, in, out int) {
	t.Helper()
	for _, start := range []bool{false, true} {
		dst, src := paged(t, out, start), paged(t, in, start)
		scratch := bytesOf(paged(t, max(1, op.Scratch()), start))
		op.Run(dst, src, scratch, 0, op.Units())
	}
}

// TestNothingOutside runs operators of every kind in memory that faults one byte
// outside of each buffer.
func TestNothingOutside(t *testing.T) {
	for _, s := range fast(t) {
		for i := range rounds(600) {
			r := newRNG(uint64(i))
			c, d, f, p, l := r.conv(), r.depthwise(), r.fullyConnected(), r.avgPool(), r.firstLayer()
			t.Run(s.Name(), func(t *testing.T) {
				conv, err1 := s.Conv(c)
				dw, err2 := s.Depthwise(d)
				fc, err3 := s.FullyConnected(f)
				pool, err4 := s.AvgPool(p)
				first, err5 := s.Conv(l)
				if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
					t.Fatal(err)
				}
				guardRun(t, conv, c.InH*c.InW*c.InC, c.OutH*c.OutW*c.OutC)
				guardRun(t, first, l.InH*l.InW*l.InC, l.OutH*l.OutW*l.OutC)
				guardRun(t, dw, d.InH*d.InW*d.InC, d.OutH*d.OutW*d.OutC)
				guardRun(t, fc, f.Rows*f.In, f.Rows*f.Out)
				guardRun(t, pool, p.InH*p.InW*p.C, p.OutH*p.OutW*p.C)
				n := r.between(1, 200)
				var add Add
				s.Add(paged(t, n, false), paged(t, n, false), paged(t, n, true), &add)
				s.Mul(paged(t, n, false), paged(t, n, false), paged(t, n, true), &Mul{Scale: 1})
				s.Map(paged(t, n, false), paged(t, n, true), new(Table))
				for _, start := range []bool{false, true} {
					place := func(n int) []byte { return bytesOf(paged(t, n, start)) }
					d := r.resizing()
					checkRows(t, s, r, d, 1, place)
					checkRows(t, s, r, d, 3, place)
					checkColumns(t, s, r, d, r.between(1, 200), place)
					checkSums(t, s, r, r.between(1, 20), r.between(1, 90), place)
					n := r.between(1, 200)
					s.Quarters(paged(t, n, start), paged(t, n, start), paged(t, n, start), paged(t, n, start), paged(t, n, start), 1, 3)
				}
			})
		}
	}
}
