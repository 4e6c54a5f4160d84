package kernel

// mixLeast is the least number of bytes that a kernel of columns takes.
const mixLeast = 16

// rgbOrders bring four pixels of RGB to four bytes each, of blocks that begin at the
// 16 bytes, and rgbBack behind, and four results back to three bytes.
var rgbOrders = [2][32]byte{rgbSpread(0), rgbSpread(rgbBack)}

func rgbSpread(at byte) (order [32]byte) {
	for i := range order {
		order[i] = 0x80 // gives zero
	}
	for p := range byte(4) {
		for c := range byte(3) {
			order[4*p+c] = at + 3*p + c
			order[16+3*p+c] = 4*p + c
		}
	}
	return order
}

// appendRGB appends the weights from..from+3 of a group as rowRGBNEON takes them.
func appendRGB(w []int16, group [][]int16, from int) []int16 {
	for _, p := range group {
		w = append(w, p[from:from+4]...)
	}
	return w
}

//go:noescape
func rowRGBNEON(a *rowArgs)

//go:noescape
func rowGrayNEON(a *rowArgs)

//go:noescape
func mixNEON(a *mixArgs)

func (s *Set) resizes() bool { return s.isa != isaGeneric }

// row runs the kernel of rows for that many channels.
func (s *Set) row(channels int, a *rowArgs) {
	if channels == 1 {
		rowGrayNEON(a)
		return
	}
	rowRGBNEON(a)
}

// mix runs the kernel of columns.
func (s *Set) mix(a *mixArgs) { mixNEON(a) }
