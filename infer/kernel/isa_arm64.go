package kernel

import "golang.org/x/sys/cpu"

//go:generate go run ./internal/asmgen

func available() []isa {
	if cpu.ARM64.HasASIMDDP {
		return []isa{isaDot, isaNEON}
	}
	return []isa{isaNEON}
}

func (i isa) layout() *layout {
	switch i {
	case isaDot:
		return &layout{elem: 1, wElem: 1, wMin: -128, wMax: 127, pair: 4, mr: 5, widths: []int{16, 8}, join: 4, dense: true, denseRest: 3,
			dwRows: 4, dwWidth: 16, dwMR: 6, dwSteps: true, dwPlanes: true, dwThree: true}
	case isaNEON:
		return &layout{elem: 1, wElem: 1, wMin: -127, wMax: 127, pair: 2, mr: 4, widths: []int{16, 8}, join: 2, steps: true, dense: true, denseRest: 3,
			dwRows: 2, dwWidth: 16, dwMR: 5, dwSteps: true, dwPlanes: true, dwPairs: true, dwThree: true,
			wide: &layout{elem: 1, wElem: 2, wMin: -32768, wMax: 32767, pair: 1, mr: 4, join: 2}}
	}
	return nil
}

//go:noescape
func blocks16Dot(a *blockArgs)

//go:noescape
func blocks8Dot(a *blockArgs)

//go:noescape
func dense16Dot(a *blockArgs)

//go:noescape
func dense8Dot(a *blockArgs)

//go:noescape
func denseOne16Dot(a *blockArgs)

//go:noescape
func denseOne8Dot(a *blockArgs)

//go:noescape
func depthwiseDot(a *blockArgs)

//go:noescape
func vectorDot(a *blockArgs)

//go:noescape
func zipDot(a *zipArgs)

//go:noescape
func zipThreeDot(a *zipArgs)

//go:noescape
func blocks16NEON(a *blockArgs)

//go:noescape
func wide16NEON(a *blockArgs)

//go:noescape
func wide8NEON(a *blockArgs)

//go:noescape
func blocks8NEON(a *blockArgs)

//go:noescape
func dense16NEON(a *blockArgs)

//go:noescape
func dense8NEON(a *blockArgs)

//go:noescape
func denseOne16NEON(a *blockArgs)

//go:noescape
func denseOne8NEON(a *blockArgs)

//go:noescape
func depthwiseNEON(a *blockArgs)

//go:noescape
func vectorNEON(a *blockArgs)

//go:noescape
func zipNEON(a *zipArgs)

//go:noescape
func zipThreeNEON(a *zipArgs)

//go:noescape
func gatherNEON(a *zipArgs)

//go:noescape
func addNEON(dst, a, b *int8, n int, p *Add)

//go:noescape
func mulNEON(dst, a, b *int8, n int, p *Mul)

//go:noescape
func mapNEON(dst, src *int8, n int, t *Table)

// blocks runs the block kernel of that panel width.
func (s *Set) blocks(width int, wide bool, a *blockArgs) {
	switch {
	case s.isa == isaDot && width == 16:
		blocks16Dot(a)
	case s.isa == isaDot:
		blocks8Dot(a)
	case wide && width == 16:
		wide16NEON(a)
	case wide:
		wide8NEON(a)
	case width == 16:
		blocks16NEON(a)
	default:
		blocks8NEON(a)
	}
}

// dense runs the kernel of a panel that reads every input of its pixels.
func (s *Set) dense(width int, a *blockArgs) {
	switch {
	case s.isa == isaDot && width == 16:
		dense16Dot(a)
	case s.isa == isaDot:
		dense8Dot(a)
	case width == 16:
		dense16NEON(a)
	default:
		dense8NEON(a)
	}
}

// denseOne is dense with tiles of one pixel.
func (s *Set) denseOne(width int, a *blockArgs) {
	switch {
	case s.isa == isaDot && width == 16:
		denseOne16Dot(a)
	case s.isa == isaDot:
		denseOne8Dot(a)
	case width == 16:
		denseOne16NEON(a)
	default:
		denseOne8NEON(a)
	}
}

// depthwise runs the depthwise kernel.
func (s *Set) depthwise(a *blockArgs) {
	if s.isa == isaDot {
		depthwiseDot(a)
		return
	}
	depthwiseNEON(a)
}

func (s *Set) depthwiseQuads(width int, a *blockArgs)      { panic("kernel: no such depthwise kernel") }
func (s *Set) slide(side, stride, width int, a *blockArgs) { panic("kernel: no such depthwise kernel") }
func (s *Set) lanes(channels int, a *blockArgs)            { panic("kernel: no such kernel") }
func (s *Set) planes(a *zipArgs)                           { panic("kernel: no such kernel") }
func (s *Set) weave(a *zipArgs)                            { panic("kernel: no such kernel") }
func (s *Set) flipPixels(a *zipArgs)                       { panic("kernel: no such kernel") }

// vector runs the matrix-vector kernel.
func (s *Set) vector(a *blockArgs) {
	if s.isa == isaDot {
		vectorDot(a)
		return
	}
	vectorNEON(a)
}

// zipStep is the number of channels that the zip kernel takes at a time.
func (s *Set) zipStep() int { return 16 }

// zip interleaves rows.
func (s *Set) zip(a *zipArgs) {
	if s.isa == isaDot {
		zipDot(a)
		return
	}
	zipNEON(a)
}

// zipThree interleaves three groups of rows, each two rows after the one before.
func (s *Set) zipThree(a *zipArgs) {
	if s.isa == isaDot {
		zipThreeDot(a)
		return
	}
	zipThreeNEON(a)
}

// gather copies windows of three rows.
func (s *Set) gather(a *zipArgs) { gatherNEON(a) }

func (s *Set) widenHead(dst []int16, src []int8) int { return 0 }
func (s *Set) flipHead(dst, src []byte, _ byte) int  { return 0 }

func (s *Set) addHead(dst, a, b []int8, p *Add) int {
	n := len(dst) &^ 15
	if s.isa == isaGeneric || n == 0 {
		return 0
	}
	addNEON(&dst[0], &a[0], &b[0], n, p)
	return n
}

func (s *Set) mulHead(dst, a, b []int8, p *Mul) int {
	n := len(dst) &^ 15
	if s.isa == isaGeneric || n == 0 {
		return 0
	}
	mulNEON(&dst[0], &a[0], &b[0], n, p)
	return n
}

func (s *Set) mapHead(dst, src []int8, t *Table) int {
	n := len(dst) &^ 15
	if s.isa == isaGeneric || n == 0 {
		return 0
	}
	mapNEON(&dst[0], &src[0], n, t)
	return n
}
