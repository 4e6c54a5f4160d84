//go:build !amd64

package kernel

func available() []isa { return nil }

func (i isa) layout() *layout { return nil }

func (s *Set) blocks(width int, a *blockArgs) { panic("kernel: no block kernels") }

func (s *Set) widenHead(dst []int16, src []int8) int { return 0 }
func (s *Set) flipHead(dst, src []byte, _ byte) int  { return 0 }
func (s *Set) addHead(dst, a, b []int8, p *Add) int  { return 0 }
func (s *Set) mapHead(dst, src []int8, t *Table) int { return 0 }
