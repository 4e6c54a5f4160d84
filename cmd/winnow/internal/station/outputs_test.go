package station

import (
	"slices"
	"testing"

	"winnow/edge"
)

// TestResultsKeepTheOrderOfParts: a PLC that counts parts hears of them in the order in which they came.
func TestResultsKeepTheOrderOfParts(t *testing.T) {
	var q turns
	var got []edge.Decision
	act := func(seq uint64, d edge.Decision) {
		p := q.of(seq)
		p.decided, p.decision = true, d
		q.tell(func(d edge.Decision) { got = append(got, d) })
	}
	q.of(1)
	q.of(2)
	q.of(3)
	act(2, edge.Reject) // a bad frame
	if len(got) != 0 {
		t.Error("told before its turn")
	}
	act(1, edge.Accept)
	act(4, edge.Unsure) // it was not announced
	q.forget(3)
	q.tell(func(d edge.Decision) { got = append(got, d) })
	if !slices.Equal(got, []edge.Decision{edge.Accept, edge.Reject, edge.Unsure}) || len(q) != 0 {
		t.Errorf("%v, %d left", got, len(q))
	}
}
