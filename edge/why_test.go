package edge_test

import (
	"image"
	"strings"
	"testing"

	"winnow/edge"
)

func rejected() *edge.Verdict {
	return &edge.Verdict{
		Decision: edge.Reject, Reason: edge.ReasonScore, Judged: image.Rect(0, 0, 300, 300),
		Score:   edge.Score{Fused: 7.25, Threshold: 4.5, PValue: 1.0 / 121, LatentShare: 0.18, Spread: 0.3},
		Regions: []edge.Region{{Box: image.Rect(10, 20, 24, 29), Area: 90, Score: 3.2, Share: 0.41}, {Box: image.Rect(200, 200, 210, 210), Score: 2, Share: 0.3}},
		Nearest: edge.Nearest{Part: "good-017.png", Distance: 2.3, Usual: 1},
	}
}

func TestBriefIsTheFirstSentence(t *testing.T) {
	if got, want := rejected().Brief(), "Deviation at the upper left, 14x9 px, 3.2 times the most that good parts show, 41 % of the excess; 1 more place."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	late := &edge.Verdict{Decision: edge.Reject, Reason: edge.ReasonLate}
	if got, want := late.Brief(), late.Why(); got != want || got == "" {
		t.Errorf("%q, want the only sentence %q", got, want)
	}
	if got := (&edge.Verdict{Decision: edge.Accept}).Brief(); got != "" {
		t.Errorf("%q of an accepted part", got)
	}
}

func TestWhy(t *testing.T) {
	change := func(f func(*edge.Verdict)) *edge.Verdict {
		v := rejected()
		f(v)
		return v
	}
	for _, c := range []struct {
		name string
		v    *edge.Verdict
		want string
	}{
		{"rejected", rejected(), "Deviation at the upper left, 14x9 px, 3.2 times the most that good parts show, 41 % of the excess; 1 more place. " +
			"Score 7.25, threshold 4.50, p 0.0083. Evidence: 82 % local, 18 % latent. Nearest taught part: good-017.png, at 2.3 times the usual distance."},
		{"one region, no exemplars", change(func(v *edge.Verdict) { v.Regions, v.Nearest = v.Regions[:1], edge.Nearest{} }),
			"Deviation at the upper left, 14x9 px, 3.2 times the most that good parts show. Score 7.25, threshold 4.50, p 0.0083. Evidence: 82 % local, 18 % latent."},
		{"no place of its own", change(func(v *edge.Verdict) {
			v.Regions[0].Score, v.Regions[0].Box, v.Regions[1].Score, v.Score.LatentShare = 0.9, image.Rect(140, 140, 160, 160), 0.85, 0.96
		}), "No single place deviates more than in good parts; the strongest, in the centre, reaches 0.90 times that. " +
			"Score 7.25, threshold 4.50, p 0.0083. Evidence: 4 % local, 96 % latent. Nearest taught part: good-017.png, at 2.3 times the usual distance."},
		{"the strongest of several", change(func(v *edge.Verdict) {
			v.Regions[0].Score, v.Regions[1].Score, v.Nearest = 0.8, 0.95, edge.Nearest{}
		}), "No single place deviates more than in good parts; the strongest, at the lower right, reaches 0.95 times that. " +
			"Score 7.25, threshold 4.50, p 0.0083. Evidence: 82 % local, 18 % latent."},
		{"no place of its own, but wide", change(func(v *edge.Verdict) {
			v.Regions[0].Score, v.Regions[0].Box, v.Regions[1].Score, v.Wide, v.Nearest = 0.9, image.Rect(140, 140, 160, 160), 0.85, 0.314, edge.Nearest{}
		}), "No single place deviates more than in good parts; the strongest, in the centre, reaches 0.90 times that, but 31 % of the part is faintly unlike good ones. " +
			"Score 7.25, threshold 4.50, p 0.0083. Evidence: 82 % local, 18 % latent."},
		{"unsure", change(func(v *edge.Verdict) {
			v.Decision, v.Reason, v.Score.Fused, v.Regions, v.Nearest = edge.Unsure, edge.ReasonUnsure, 4.25, v.Regions[:1], edge.Nearest{}
		}), "Deviation at the upper left, 14x9 px, 3.2 times the most that good parts show. Score 4.25, give or take 0.30, is near the threshold 4.50, p 0.0083. Evidence: 82 % local, 18 % latent."},
		{"accepted", change(func(v *edge.Verdict) { v.Decision, v.Reason = edge.Accept, edge.ReasonNone }), ""},
		{"late", change(func(v *edge.Verdict) { v.Reason, v.Due, v.Scored = edge.ReasonLate, 1e9, 1e9+12_300_000 }), "The verdict came 12.3 ms too late, so the part is rejected."},
		{"never", change(func(v *edge.Verdict) { v.Reason, v.Due = edge.ReasonLate, 1e9 }), "There was no verdict in time, so the part is rejected."},
		{"a cut frame", &edge.Verdict{Decision: edge.Reject, Reason: edge.ReasonBadFrame, Missing: 0.25}, "25.0 % of the frame is missing (dead or lost lines), too much to judge it, so the part is rejected."},
		{"moved", &edge.Verdict{Decision: edge.Reject, Reason: edge.ReasonMoved, Shift: image.Pt(-40, 3)}, "The part lies -40 px right and 3 px down of its place, too far to be judged there, so it is rejected."},
		{"no frame", &edge.Verdict{Decision: edge.Reject, Reason: edge.ReasonNoFrame}, "The camera gave no frame in time, so the part is rejected."},
	} {
		if got := c.v.Why(); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// Whatever was not accepted has a reason in words, within the bound.
func TestWhyIsNeverMissingNorLong(t *testing.T) {
	for _, d := range []edge.Decision{edge.Unknown, edge.Reject, edge.Unsure, 99} {
		for _, r := range []edge.Reason{"", edge.ReasonScore, edge.ReasonUnsure, edge.ReasonLate, edge.ReasonNoFrame, edge.ReasonBadFrame, edge.ReasonFault, edge.ReasonOverrun, "odd"} {
			v := rejected()
			v.Decision, v.Reason = d, r
			v.Nearest.Part = strings.Repeat("x", 64)
			v.Score.Fused, v.Score.Threshold, v.Score.PValue = -123456.789, -123456.789, 1.0/100001
			v.Regions[0] = edge.Region{Box: image.Rect(4000, 4000, 4099, 4099), Score: 123456, Share: 1}
			v.Judged = image.Rect(0, 0, 12000, 12000)
			if why := v.Why(); why == "" || len(why) > edge.MaxWhy {
				t.Errorf("%v %q: %d bytes: %q", d, r, len(why), why)
			}
			v.Regions, v.Judged = nil, image.Rectangle{}
			if v.Why() == "" {
				t.Errorf("%v %q without regions: nothing", d, r)
			}
		}
	}
}

func TestWhere(t *testing.T) {
	whole := image.Rect(100, 50, 400, 350)
	for want, at := range map[string]image.Point{
		"at the upper left": {110, 60}, "at the upper centre": {250, 60}, "at the upper right": {390, 60},
		"at the left": {110, 200}, "in the centre": {250, 200}, "at the right": {390, 200},
		"at the lower left": {110, 340}, "at the lower centre": {250, 340}, "at the lower right": {390, 340},
	} {
		if got := edge.Where(image.Rectangle{at, at.Add(image.Pt(4, 4))}, whole); got != want {
			t.Errorf("%v is %q, want %q", at, got, want)
		}
	}
	if got := edge.Where(image.Rect(110, 60, 390, 340), whole); got != "over most of the picture" {
		t.Error(got)
	}
	if got := edge.Where(image.Rect(7, 8, 9, 9), image.Rectangle{}); got != "at 7,8" {
		t.Error(got)
	}
}
