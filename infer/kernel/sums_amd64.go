package kernel

//go:noescape
func squaresAVX2(a *sumArgs)

//go:noescape
func channelsAVX2(a *sumArgs)

//go:noescape
func quartersAVX2(dst, tl, tr, bl, br *int8, n int, upper, lower uint64)

func (s *Set) squares(a *sumArgs)  { squaresAVX2(a) }
func (s *Set) channels(a *sumArgs) { channelsAVX2(a) }

// quarters is Quarters where there is a kernel for it: upper and lower hold the
// weights of two rows each, in bytes.
func (s *Set) quarters(dst, tl, tr, bl, br []int8, upper, lower uint64) bool {
	n := len(dst)
	if s.isa == isaGeneric || n < 32 {
		return false
	}
	quartersAVX2(&dst[0], &tl[:n][0], &tr[:n][0], &bl[:n][0], &br[:n][0], n, upper, lower)
	return true
}
