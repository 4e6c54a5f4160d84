//go:build !amd64 && !arm64

package kernel

const mixLeast = 0

var rgbOrders [2][32]byte

func appendRGB(w []int16, group [][]int16, from int) []int16 { return w }

func (s *Set) resizes() bool                { return false }
func (s *Set) row(channels int, a *rowArgs) { panic("kernel: no kernel of rows") }
func (s *Set) mix(a *mixArgs)               { panic("kernel: no kernel of columns") }
