package kernel

import (
	"math/rand/v2"
	"testing"
)

// TestQuartersIsTheDefinition on random rows, extremes included, at every
// position and length.
func TestQuartersIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	value := func() int8 {
		switch r.IntN(6) {
		case 0:
			return -128
		case 1:
			return 127
		}
		return int8(r.IntN(256) - 128)
	}
	for n := range 40 {
		rows := [4][]int8{}
		for k := range rows {
			for range n {
				rows[k] = append(rows[k], value())
			}
		}
		got := make([]int8, n)
		for x := range 4 {
			for y := range 4 {
				Quarters(got, rows[0], rows[1], rows[2], rows[3], uint64(x), uint64(y))
				for i, g := range got {
					sum := (4-y)*((4-x)*int(rows[0][i])+x*int(rows[1][i])) + y*((4-x)*int(rows[2][i])+x*int(rows[3][i]))
					if want := (sum + 8) >> 4; int(g) != want {
						t.Fatalf("length %d, place %d, x %d/4, y %d/4: %d, want %d", n, i, x, y, g, want)
					}
				}
			}
		}
	}
}

func BenchmarkQuarters(b *testing.B) {
	rows := [5][]int8{}
	for k := range rows {
		rows[k] = make([]int8, 192)
	}
	b.SetBytes(192)
	for range b.N {
		Quarters(rows[0], rows[1], rows[2], rows[3], rows[4], 1, 3)
	}
}
