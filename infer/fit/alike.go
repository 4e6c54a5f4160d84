package fit

import "winnow/models"

// Thumb is a picture in 16x16 means of grey blocks, row-major, 0..255.
type Thumb [256]float32

// How far, in grey levels of 255, the thumbs of two exposures of one unmoved part may
// lie apart: sensor noise all but vanishes in means over blocks, and a part that was
// put down again, or another part, moves more, if only in the few blocks that a small
// part takes of its picture.
const (
	alikeLevels = 0.5 // in the mean
	alikeBlock  = 2   // in every block
	alikeSpared = 2   // blocks but for which: dust or a reflection
)

// thumbOf an int8 NHWC input of w x h pixels and three channels.
func thumbOf(input []byte, w, h int) Thumb {
	var t Thumb
	for by := range 16 {
		for bx := range 16 {
			sum, n := 0, 0
			for y := by * h / 16; y < (by+1)*h/16; y++ {
				for _, b := range input[3*(y*w+bx*w/16) : 3*(y*w+(bx+1)*w/16)] {
					sum += int(b ^ 0x80)
					n++
				}
			}
			t[16*by+bx] = float32(sum) / float32(max(n, 1))
		}
	}
	return t
}

// alike reports whether t and u are near-duplicates.
func (t *Thumb) alike(u *Thumb) bool {
	sum, apart := float32(0), 0
	for i, v := range t {
		d := max(v-u[i], u[i]-v)
		if d > alikeBlock {
			apart++
		}
		sum += d
	}
	return apart <= alikeSpared && sum <= alikeLevels*float32(len(t))
}

// Print is what near-duplicates are known by: a small picture, and a digest of the
// whole one, by which equal ones are.
type Print struct {
	Thumb  Thumb
	Digest string
}

// PrintOf an int8 NHWC input of w x h pixels and three channels.
func PrintOf(input []byte, w, h int) Print {
	return Print{Thumb: thumbOf(input, w, h), Digest: models.InputDigest(input)}
}

// GroupPrints returns groups with those joined that hold near-duplicates of each
// other, numbered from 0 in order of appearance, and how many were joined: two
// exposures of one part, or a file under two names, are no two independent parts.
//
// Where that would leave fewer than half of the groups, these are more likely the parts
// of a very uniform product than few parts seen again and again: then only equal
// pictures are joined, and uniform is how many others might be.
func GroupPrints(prints []Print, groups []int) (joined []int, merged, uniform int) {
	joined, merged = groupWhere(groups, func(i, j int) bool { return prints[i].Thumb.alike(&prints[j].Thumb) })
	if 2*merged <= distinct(joined)+merged {
		return joined, merged, 0
	}
	uniform = merged
	joined, merged = groupWhere(groups, func(i, j int) bool { return prints[i].Digest == prints[j].Digest })
	return joined, merged, uniform - merged
}

// distinct is how many groups there are.
func distinct(groups []int) int {
	seen := map[int]bool{}
	for _, g := range groups {
		seen[g] = true
	}
	return len(seen)
}

// groupWhere joins the groups of parts that are the same.
func groupWhere(groups []int, same func(i, j int) bool) (joined []int, merged int) {
	parent := map[int]int{}
	var root func(int) int
	root = func(g int) int {
		if p, ok := parent[g]; ok && p != g {
			return root(p)
		}
		return g
	}
	for i := range groups {
		for j := range i {
			if a, b := root(groups[i]), root(groups[j]); a != b && same(i, j) {
				parent[a] = b
				merged++
			}
		}
	}
	number := map[int]int{}
	for _, g := range groups {
		r := root(g)
		if _, ok := number[r]; !ok {
			number[r] = len(number)
		}
		joined = append(joined, number[r])
	}
	return joined, merged
}
