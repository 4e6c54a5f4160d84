package health

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
)

func TestProblemsComeAndGo(t *testing.T) {
	c := clock.NewManual(100, edge.WallTime{Quality: edge.WallNTP})
	var told []string
	h := New(c, func(p Problem, cleared bool) { told = append(told, fmt.Sprintf("%s %s %v", p.Code, p.Text, cleared)) })
	if !h.Well() {
		t.Error("unwell from the start")
	}
	h.Raise("disk", "full", "free some")
	c.Advance(time.Second)
	h.Raise("camera", "gone", "plug it in")
	h.Raise("disk", "full", "free some")
	h.Check("disk", errors.New("fuller"), "free some")
	ps := h.Problems()
	if len(ps) != 2 || ps[0].Code != "disk" || ps[0].At != 100 || ps[0].Text != "fuller" || ps[1].At != 1e9+100 || ps[0].Since.Quality != edge.WallNTP {
		t.Errorf("%+v", ps)
	}
	h.Check("disk", nil, "")
	h.Clear("camera")
	h.Clear("camera")
	if !h.Well() || len(h.Problems()) != 0 {
		t.Error("still unwell")
	}
	want := []string{"disk full false", "camera gone false", "disk fuller false", "disk fuller true", "camera gone true"}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}
