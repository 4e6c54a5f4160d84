package native

import (
	"math/rand/v2"
	"testing"
)

// TestProductsOfRows: the loop over a row gives what apply gives one by one, for scales on
// both sides of where products may leave the range that rounding holds.
func TestProductsOfRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p := mulParams{
			zeroA: int32(r.IntN(256) - 128), zeroB: int32(r.IntN(256) - 128), zero: int32(r.IntN(256) - 128),
			scale: 0x1p-16 * float32(uint32(1)<<r.IntN(24)) * (1 + r.Float32()), lo: int8(-128 + r.IntN(100)), hi: int8(127 - r.IntN(100)),
		}
		var a, b, got [257]int8
		for i := range a {
			a[i], b[i] = int8(r.IntN(256)-128), int8(r.IntN(256)-128)
		}
		p.row(got[:], a[:], b[:])
		for i := range got {
			if want := p.apply(a[i], b[i]); got[i] != want {
				t.Fatalf("%+v: %d by %d is %d, want %d", p, a[i], b[i], got[i], want)
			}
		}
	}
}
