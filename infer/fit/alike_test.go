package fit

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// exposure is a picture of 64x64 with noise of its own: a square part of 23 pixels,
// moved right by shift pixels.
func exposure(shift int, seed uint64) []byte { return exposed(23, shift, seed) }

func exposed(size, shift int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	in := make([]byte, 64*64*3)
	for i := range in {
		x, y := i/3%64-shift, i/3/64
		v := 40
		if x > 20 && x <= 20+size && y > 20 && y <= 20+size {
			v = 200
		}
		in[i] = byte(v+r.IntN(9)-4) ^ 0x80
	}
	return in
}

// A small part that lies a pixel further on is another part, though it takes few
// blocks of its picture.
func TestSmallPartsAreNotAlike(t *testing.T) {
	a, b, c := thumbOf(exposed(5, 0, 1), 64, 64), thumbOf(exposed(5, 0, 2), 64, 64), thumbOf(exposed(5, 1, 3), 64, 64)
	if !a.alike(&b) || a.alike(&c) {
		t.Errorf("unmoved: %v, moved: %v", a.alike(&b), a.alike(&c))
	}
}

// TestGroupPrints: two exposures of one unmoved part join their groups, and groups
// joined twice over stay one, where near-duplicates are the exception; where nearly all
// parts are alike, only equal pictures do, and the others are counted. A part that lies
// a pixel further on is another part.
func TestGroupPrints(t *testing.T) {
	var some, uniform []Print
	for i, shift := range []int{0, 2, 0, 4, 6} {
		some = append(some, Print{thumbOf(exposure(shift, uint64(i)), 64, 64), string(rune('a' + i))})
	}
	if groups, merged, alike := GroupPrints(some, upTo(5)); !slices.Equal(groups, []int{0, 1, 0, 2, 3}) || merged != 1 || alike != 0 {
		t.Errorf("groups %v, %d merged, %d alike", groups, merged, alike)
	}
	var twice []Print
	for i, shift := range []int{0, 2, 0, 4, 4, 6} {
		twice = append(twice, PrintOf(exposure(shift, uint64(i)), 64, 64))
	}
	if groups, merged, _ := GroupPrints(twice, []int{7, 3, 5, 5, 1, 2}); !slices.Equal(groups, []int{0, 1, 0, 0, 0, 2}) || merged != 2 {
		t.Errorf("groups %v; %d merged", groups, merged)
	}
	for i := range 6 {
		uniform = append(uniform, Print{thumbOf(exposure(0, uint64(i)), 64, 64), string(rune('a' + i%5))})
	}
	if groups, merged, alike := GroupPrints(uniform, upTo(6)); !slices.Equal(groups, []int{0, 1, 2, 3, 4, 0}) || merged != 1 || alike != 4 {
		t.Errorf("uniform parts: groups %v, %d merged, %d alike", groups, merged, alike)
	}
}

// TestGroupPrintsOfGroupedParts: whether nearly all are alike is asked of parts, not of their
// pictures. Twenty groups of five exposures each, all alike, are twenty parts of a uniform product,
// and not one part.
func TestGroupPrintsOfGroupedParts(t *testing.T) {
	var prints []Print
	var groups []int
	for i := range 100 {
		prints = append(prints, PrintOf(exposure(0, uint64(i)), 64, 64))
		groups = append(groups, i/5)
	}
	if joined, merged, alike := GroupPrints(prints, groups); !slices.Equal(joined, groups) || merged != 0 || alike != 19 {
		t.Errorf("groups %v, %d merged, %d alike", joined, merged, alike)
	}
}
