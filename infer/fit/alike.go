package fit

// Thumb is a picture in 16x16 means of grey blocks, row-major, 0..255.
type Thumb [256]float32

// alikeLevels is how far, in grey levels of 255, the thumbs of two exposures of
// one unmoved part may lie apart: sensor noise all but vanishes in means over
// blocks, and a part that was put down again, or another part, moves more.
const alikeLevels = 0.5

// ThumbOf an int8 NHWC input of w x h pixels and three channels.
func ThumbOf(input []byte, w, h int) Thumb {
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

// alike reports whether a and b are near-duplicates.
func (a *Thumb) alike(b *Thumb) bool {
	sum := float32(0)
	for i, v := range a {
		d := v - b[i]
		sum += max(d, -d)
	}
	return sum <= alikeLevels*float32(len(a))
}

// GroupAlike returns groups with those joined that hold near-duplicates of each
// other, numbered from 0 in order of appearance, and how many were joined: two
// exposures of one part, or a file under two names, are no two independent parts.
func GroupAlike(thumbs []Thumb, groups []int) (joined []int, merged int) {
	parent := map[int]int{}
	var root func(int) int
	root = func(g int) int {
		if p, ok := parent[g]; ok && p != g {
			return root(p)
		}
		return g
	}
	for i := range thumbs {
		for j := range i {
			if a, b := root(groups[i]), root(groups[j]); a != b && thumbs[i].alike(&thumbs[j]) {
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
