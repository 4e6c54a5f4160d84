package fit

import "math/rand/v2"

// folds splits parts into n folds of about equal size that never split a
// group. The split depends on groups and seed only. It returns the fold of
// each part and how many folds there are (fewer where groups are few).
func folds(groups []int, n int, seed uint64) (fold []int, count int) {
	members := map[int][]int{}
	var order []int
	for i, g := range groups {
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], i)
	}
	r := rand.New(rand.NewPCG(seed, 0x77696e6e6f77))
	r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	count = min(n, len(order))
	fold = make([]int, len(groups))
	size := make([]int, count)
	for _, g := range order {
		least := 0
		for f := range size {
			if size[f] < size[least] {
				least = f
			}
		}
		for _, i := range members[g] {
			fold[i] = least
		}
		size[least] += len(members[g])
	}
	return fold, count
}

// split returns the parts outside and inside fold f.
func split(fold []int, f int) (outside, inside []int) {
	for i, v := range fold {
		if v == f {
			inside = append(inside, i)
		} else {
			outside = append(outside, i)
		}
	}
	return outside, inside
}

// without lists the folds of n but f.
func without(n, f int) []int {
	var others []int
	for g := range n {
		if g != f {
			others = append(others, g)
		}
	}
	return others
}
