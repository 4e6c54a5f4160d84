package kernel

// mixLeast is the least number of bytes that a kernel of columns takes.
const mixLeast = 32

// rgbOrders bring four pixels of RGB to three pairs of channels in 16 bits, of the
// first two pixels and of the last two: of blocks that begin at the 16 bytes, and
// rgbBack behind.
var rgbOrders = [2][32]byte{rgbPairs(0), rgbPairs(rgbBack)}

func rgbPairs(at byte) (order [32]byte) {
	for i := range order {
		order[i] = 0x80 // gives zero
	}
	for pair := range byte(2) {
		for c := range byte(3) {
			for k := range byte(2) {
				order[16*pair+4*c+2*k] = at + 3*(2*pair+k) + c
			}
		}
	}
	return order
}

// appendRGB appends the weights from..from+3 of a group as rowRGBAVX2 takes them.
func appendRGB(w []int16, group [][]int16, from int) []int16 {
	for half := 0; half < resizeGroup; half += 2 {
		for pair := from; pair < from+4; pair += 2 {
			for k := half; k < half+2; k++ {
				p := group[k][pair : pair+2]
				w = append(w, p[0], p[1], p[0], p[1], p[0], p[1], 0, 0)
			}
		}
	}
	return w
}

//go:noescape
func rowRGBAVX2(a *rowArgs)

//go:noescape
func rowGrayAVX2(a *rowArgs)

//go:noescape
func mixAVX2(a *mixArgs)

func (s *Set) resizes() bool { return s.isa != isaGeneric }

// row runs the kernel of rows for that many channels.
func (s *Set) row(channels int, a *rowArgs) {
	if channels == 1 {
		rowGrayAVX2(a)
		return
	}
	rowRGBAVX2(a)
}

// mix runs the kernel of columns.
func (s *Set) mix(a *mixArgs) { mixAVX2(a) }
