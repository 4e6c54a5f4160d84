package main

import (
	"fmt"
	"slices"
)

// tally compares pulses on the reject line with the list, part by part.
type tally struct {
	parts, rejected int
	right           int // rejected parts with a pulse, accepted ones without
	wrong           int // accepted parts with a pulse
	missing         int // rejected parts without one
	extra           int // pulses at nobody
	again           int // further pulses at rejected parts
	which           []string
}

// clean says whether every part went where it should. Further pulses at a
// rejected part are part of that: one that still stands before the actuator is
// given another.
func (t tally) clean() bool { return t.parts > 0 && t.wrong+t.missing+t.extra == 0 }

func (t tally) String() string {
	return fmt.Sprintf("%d parts, %d to reject: %d right, %d wrong, %d missing, %d extra, %d repeated", t.parts, t.rejected, t.right, t.wrong, t.missing, t.extra, t.again)
}

// short is the same in a word where all is well.
func (t tally) short() string {
	if t.clean() {
		return fmt.Sprintf("%d parts right", t.right)
	}
	return t.String()
}

// add counts another belt's.
func (t *tally) add(o tally) {
	t.parts += o.parts
	t.rejected += o.rejected
	t.right += o.right
	t.wrong += o.wrong
	t.missing += o.missing
	t.extra += o.extra
	t.again += o.again
	t.which = append(t.which, o.which...)
}

// compare gives each pulse to the part that is at the actuator when it starts.
// Places are times or encoder counts: pulses[j] is where the belt was when
// pulse j started, due[i], in order, where it is when part i is at the actuator.
// A pulse belongs to the nearest part if it is within reach of it, which is at
// most half the way to a neighbour.
func compare(pulses, due []int64, reach int64, reject []bool) tally {
	t := tally{parts: len(due)}
	got := make([]int, len(due))
	for _, p := range pulses {
		i, _ := slices.BinarySearch(due, p)
		if i == len(due) || i > 0 && p-due[i-1] < due[i]-p {
			i--
		}
		if i < 0 || max(p-due[i], due[i]-p) > reach {
			t.extra++
			t.which = append(t.which, fmt.Sprintf("a pulse at %d, where nobody is", p))
			continue
		}
		got[i]++
	}
	for i, n := range got {
		if reject[i] {
			t.rejected++
		}
		switch {
		case n == 0 && reject[i]:
			t.missing++
			t.which = append(t.which, fmt.Sprintf("part %d, due at %d, got no pulse", i+1, due[i]))
		case n > 0 && !reject[i]:
			t.wrong++
			t.which = append(t.which, fmt.Sprintf("part %d, due at %d, is good and got a pulse", i+1, due[i]))
		default:
			t.right++
		}
		t.again += max(0, n-1)
	}
	return t
}
