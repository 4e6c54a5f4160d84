package main

import "testing"

func TestPulsesAreComparedPartByPart(t *testing.T) {
	due := []int64{100, 120, 140, 180}
	reject := []bool{true, false, true, false}
	for _, c := range []struct {
		name   string
		pulses []int64
		want   [5]int // right, wrong, missing, extra, again
	}{
		{"as it should be", []int64{101, 139}, [5]int{4, 0, 0, 0, 0}},
		{"late, but nobody else's", []int64{109, 140}, [5]int{4, 0, 0, 0, 0}},
		{"nothing fires", nil, [5]int{2, 0, 2, 0, 0}},
		{"the neighbour is hit", []int64{120, 140}, [5]int{2, 1, 1, 0, 0}},
		{"fired twice", []int64{100, 101, 140}, [5]int{4, 0, 0, 0, 1}},
		{"at nobody", []int64{100, 140, 155}, [5]int{4, 0, 0, 1, 0}},
		{"before the first", []int64{85, 100, 140}, [5]int{4, 0, 0, 1, 0}},
		{"behind the last", []int64{100, 140, 195}, [5]int{4, 0, 0, 1, 0}},
		{"everything fires", due, [5]int{2, 2, 0, 0, 0}},
	} {
		got := compare(c.pulses, due, 10, reject)
		if got.clean() != (c.want[0] == 4 && c.want[3] == 0) || [5]int{got.right, got.wrong, got.missing, got.extra, got.again} != c.want {
			t.Errorf("%s: %v; want %v", c.name, got, c.want)
		}
	}
	if got := compare([]int64{7}, nil, 10, nil); got.extra != 1 || got.clean() {
		t.Errorf("a pulse without parts: %v", got)
	}
	if (tally{}).clean() {
		t.Error("no parts at all count as clean")
	}
}
