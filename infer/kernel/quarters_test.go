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
	for n := range 140 {
		rows := [4][]int8{}
		for k := range rows {
			for range n {
				rows[k] = append(rows[k], value())
			}
		}
		for xy := range 16 * len(Sets()) {
			s, x, y := Sets()[xy/16], xy/4%4, xy%4
			got, all := guarded(n)
			s.Quarters(got, rows[0], rows[1], rows[2], rows[3], uint64(x), uint64(y))
			for i, g := range got {
				sum := (4-y)*((4-x)*int(rows[0][i])+x*int(rows[1][i])) + y*((4-x)*int(rows[2][i])+x*int(rows[3][i]))
				if want := (sum + 8) >> 4; int(g) != want {
					t.Fatalf("%s: length %d, place %d, x %d/4, y %d/4: %d, want %d", s.Name(), n, i, x, y, g, want)
				}
			}
			if !intact(all, n) {
				t.Fatalf("%s: length %d: wrote outside", s.Name(), n)
			}
		}
	}
}

func BenchmarkQuarters(b *testing.B) {
	rows := [5][]int8{}
	for k := range rows {
		rows[k] = make([]int8, 192)
	}
	for _, s := range Sets() {
		b.Run(s.Name(), func(b *testing.B) {
			b.SetBytes(192)
			for range b.N {
				s.Quarters(rows[0], rows[1], rows[2], rows[3], rows[4], 1, 3)
			}
		})
	}
}
