package kernel

import (
	"fmt"

	"golang.org/x/sys/cpu"
)

//go:generate go run ./internal/asmgen

func available() []isa {
	var all []isa
	if x := &cpu.X86; x.HasAVX512F && x.HasAVX512BW && x.HasAVX512VL && x.HasAVX512DQ && x.HasAVX512VNNI && x.HasAVX2 {
		all = append(all, isaVNNI)
	}
	if cpu.X86.HasAVX2 {
		all = append(all, isaAVX2)
	}
	return all
}

func (i isa) layout() *layout {
	switch i {
	case isaVNNI:
		return &layout{elem: 1, flip: 0x80, wElem: 1, wMin: -128, wMax: 127, pair: 4, mr: 8, widths: []int{32, 16},
			masked: true, lanes: true, dwQuads: true}
	case isaAVX2:
		return &layout{elem: 2, wElem: 2, wMin: -32768, wMax: 32767, pair: 2, mr: 6, widths: []int{16, 8},
			dwRows: 2, dwWidth: 8, dwMR: 8}
	}
	return nil
}

//go:noescape
func blocks16AVX2(a *blockArgs)

//go:noescape
func blocks8AVX2(a *blockArgs)

//go:noescape
func blocks16VNNI(a *blockArgs)

//go:noescape
func blocks32VNNI(a *blockArgs)

//go:noescape
func widenAVX2(dst *int16, src *int8, n int)

//go:noescape
func flipVNNI(dst, src *byte, n int)

//go:noescape
func flipPixelsVNNI(a *zipArgs)

//go:noescape
func depthwiseAVX2(a *blockArgs)

//go:noescape
func depthwise64VNNI(a *blockArgs)

//go:noescape
func depthwise32VNNI(a *blockArgs)

//go:noescape
func depthwise16VNNI(a *blockArgs)

//go:noescape
func zipAVX2(a *zipArgs)

//go:noescape
func slide3s1x64VNNI(a *blockArgs)

//go:noescape
func slide3s1x32VNNI(a *blockArgs)

//go:noescape
func slide3s2x64VNNI(a *blockArgs)

//go:noescape
func slide3s2x32VNNI(a *blockArgs)

//go:noescape
func slide5s1x64VNNI(a *blockArgs)

//go:noescape
func slide5s1x32VNNI(a *blockArgs)

//go:noescape
func slide5s2x64VNNI(a *blockArgs)

//go:noescape
func slide5s2x32VNNI(a *blockArgs)

// slide runs the sliding depthwise kernel for that window, stride and number of
// channels.
func (s *Set) slide(side, stride, width int, a *blockArgs) {
	if s.machine != nil {
		s.machine.blocks(fmt.Sprintf("slide%ds%dx%dVNNI", side, stride, width), *a)
		return
	}
	switch [3]int{side, stride, width} {
	case [3]int{3, 1, 64}:
		slide3s1x64VNNI(a)
	case [3]int{3, 1, 32}:
		slide3s1x32VNNI(a)
	case [3]int{3, 2, 64}:
		slide3s2x64VNNI(a)
	case [3]int{3, 2, 32}:
		slide3s2x32VNNI(a)
	case [3]int{5, 1, 64}:
		slide5s1x64VNNI(a)
	case [3]int{5, 1, 32}:
		slide5s1x32VNNI(a)
	case [3]int{5, 2, 64}:
		slide5s2x64VNNI(a)
	default:
		slide5s2x32VNNI(a)
	}
}

//go:noescape
func lanes1VNNI(a *blockArgs)

//go:noescape
func lanes2VNNI(a *blockArgs)

//go:noescape
func lanes3VNNI(a *blockArgs)

//go:noescape
func lanes4VNNI(a *blockArgs)

//go:noescape
func planesVNNI(a *zipArgs)

//go:noescape
func weaveVNNI(a *zipArgs)

// lanes runs the kernel of pixels in lanes for that many channels.
func (s *Set) lanes(channels int, a *blockArgs) {
	switch {
	case s.machine != nil:
		s.machine.blocks(fmt.Sprintf("lanes%dVNNI", channels), *a)
	case channels == 1:
		lanes1VNNI(a)
	case channels == 2:
		lanes2VNNI(a)
	case channels == 3:
		lanes3VNNI(a)
	default:
		lanes4VNNI(a)
	}
}

// planes brings 16 a.n bytes of a multiple of 16 pixels to planes of four bytes.
func (s *Set) planes(a *zipArgs) {
	if s.machine != nil {
		s.machine.zip("planesVNNI", *a)
		return
	}
	planesVNNI(a)
}

// weave interleaves a.n planes, a multiple of 64 bytes of each.
func (s *Set) weave(a *zipArgs) {
	if s.machine != nil {
		s.machine.zip("weaveVNNI", *a)
		return
	}
	weaveVNNI(a)
}

// depthwise runs the depthwise kernel of interleaved rows.
func (s *Set) depthwise(a *blockArgs) { depthwiseAVX2(a) }

func (s *Set) dense(width int, a *blockArgs)    { panic("kernel: no dense kernels") }
func (s *Set) denseOne(width int, a *blockArgs) { panic("kernel: no dense kernels") }
func (s *Set) gather(a *zipArgs)                { panic("kernel: no gather kernel") }

// zipStep is the number of channels that the zip kernel takes at a time.
func (s *Set) zipStep() int { return 8 }

// zip interleaves rows.
func (s *Set) zipThree(a *zipArgs) { panic("kernel: no such kernel") }
func (s *Set) zip(a *zipArgs)      { zipAVX2(a) }

// depthwiseQuads runs the depthwise kernel of that many channels.
func (s *Set) depthwiseQuads(width int, a *blockArgs) {
	switch {
	case s.machine != nil:
		s.machine.blocks(fmt.Sprintf("depthwise%dVNNI", width), *a)
	case width == 64:
		depthwise64VNNI(a)
	case width == 32:
		depthwise32VNNI(a)
	default:
		depthwise16VNNI(a)
	}
}

// flipPixels copies a.n bytes of each pixel of row 0 with the top bit inverted.
func (s *Set) flipPixels(a *zipArgs) {
	a.mask = 1<<(a.n&63) - 1
	if s.machine != nil {
		s.machine.zip("flipPixelsVNNI", *a)
		return
	}
	flipPixelsVNNI(a)
}

// blocks runs the block kernel of that panel width.
func (s *Set) blocks(width int, _ bool, a *blockArgs) {
	switch {
	case s.machine != nil:
		s.machine.blocks(fmt.Sprintf("blocks%dVNNI", width), *a)
	case s.isa == isaVNNI && width == 32:
		blocks32VNNI(a)
	case s.isa == isaVNNI:
		blocks16VNNI(a)
	case width == 16:
		blocks16AVX2(a)
	default:
		blocks8AVX2(a)
	}
}

func (s *Set) widenHead(dst []int16, src []int8) int {
	if s.isa != isaAVX2 || len(src) < 16 {
		return 0
	}
	widenAVX2(&dst[:len(src)][0], &src[0], len(src))
	return len(src)
}

func (s *Set) flipHead(dst, src []byte, _ byte) int {
	if s.isa != isaVNNI || len(src) < 64 {
		return 0
	}
	if s.machine != nil {
		s.machine.flip(dst[:len(src)], src)
		return len(src)
	}
	flipVNNI(&dst[:len(src)][0], &src[0], len(src))
	return len(src)
}

// vector runs the matrix-vector kernel.
func (s *Set) vector(a *blockArgs) {
	if s.machine != nil {
		s.machine.blocks("vectorVNNI", *a)
		return
	}
	if s.isa == isaVNNI {
		vectorVNNI(a)
		return
	}
	vectorAVX2(a)
}

//go:noescape
func vectorAVX2(a *blockArgs)

//go:noescape
func vectorVNNI(a *blockArgs)

//go:noescape
func addAVX2(dst, a, b *int8, n int, p *Add)

//go:noescape
func mulAVX2(dst, a, b *int8, n int, p *Mul)

//go:noescape
func mapAVX2(dst, src *int8, n int, t *Table)

func (s *Set) addHead(dst, a, b []int8, p *Add) int {
	n := len(dst) &^ 15
	if s.isa == isaGeneric || n == 0 {
		return 0
	}
	addAVX2(&dst[0], &a[0], &b[0], n, p)
	return n
}

func (s *Set) mulHead(dst, a, b []int8, p *Mul) int {
	n := len(dst) &^ 15
	if s.isa == isaGeneric || n == 0 {
		return 0
	}
	mulAVX2(&dst[0], &a[0], &b[0], n, p)
	return n
}

//go:noescape
func mapVBMI(dst, src *int8, n int, t *Table)

func (s *Set) mapHead(dst, src []int8, t *Table) int {
	if n := len(dst) &^ 63; s.isa == isaVNNI && cpu.X86.HasAVX512VBMI && n > 0 {
		mapVBMI(&dst[0], &src[0], n, t)
		return n
	}
	n := len(dst) &^ 31
	if s.isa == isaGeneric || n == 0 {
		return 0
	}
	mapAVX2(&dst[0], &src[0], n, t)
	return n
}
