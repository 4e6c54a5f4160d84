package kernel

//go:noescape
func squaresNEON(a *sumArgs)

//go:noescape
func channelsNEON(a *sumArgs)

//go:noescape
func quartersNEON(dst, tl, tr, bl, br *int8, n int, upper, lower uint64)

func (s *Set) squares(a *sumArgs)  { squaresNEON(a) }
func (s *Set) channels(a *sumArgs) { channelsNEON(a) }

// quarters is Quarters where there is a kernel for it: upper and lower hold the
// weights of two rows each, in bytes.
func (s *Set) quarters(dst, tl, tr, bl, br []int8, upper, lower uint64) bool {
	n := len(dst)
	if s.isa == isaGeneric || n < 16 {
		return false
	}
	quartersNEON(&dst[0], &tl[:n][0], &tr[:n][0], &bl[:n][0], &br[:n][0], n, upper, lower)
	return true
}
