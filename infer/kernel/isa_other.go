//go:build !amd64 && !arm64

package kernel

func available() []isa { return nil }

func (i isa) layout() *layout { return nil }

func (s *Set) blocks(width int, _ bool, a *blockArgs) { panic("kernel: no block kernels") }

func (s *Set) dense(width int, a *blockArgs)               { panic("kernel: no dense kernels") }
func (s *Set) denseOne(width int, a *blockArgs)            { panic("kernel: no dense kernels") }
func (s *Set) gather(a *zipArgs)                           { panic("kernel: no gather kernel") }
func (s *Set) depthwise(a *blockArgs)                      { panic("kernel: no depthwise kernel") }
func (s *Set) depthwiseQuads(width int, a *blockArgs)      { panic("kernel: no depthwise kernel") }
func (s *Set) slide(side, stride, width int, a *blockArgs) { panic("kernel: no such depthwise kernel") }
func (s *Set) lanes(channels int, a *blockArgs)            { panic("kernel: no such kernel") }
func (s *Set) planes(a *zipArgs)                           { panic("kernel: no such kernel") }
func (s *Set) weave(a *zipArgs)                            { panic("kernel: no such kernel") }
func (s *Set) zipThree(a *zipArgs)                         { panic("kernel: no such kernel") }
func (s *Set) flipPixels(a *zipArgs)                       { panic("kernel: no depthwise kernel") }
func (s *Set) vector(a *blockArgs)                         { panic("kernel: no vector kernel") }
func (s *Set) zip(a *zipArgs)                              { panic("kernel: no zip kernel") }
func (s *Set) zipStep() int                                { return 1 }

func (s *Set) widenHead(dst []int16, src []int8) int { return 0 }
func (s *Set) flipHead(dst, src []byte, _ byte) int  { return 0 }
func (s *Set) addHead(dst, a, b []int8, p *Add) int  { return 0 }
func (s *Set) mulHead(dst, a, b []int8, p *Mul) int  { return 0 }
func (s *Set) mapHead(dst, src []int8, t *Table) int { return 0 }
