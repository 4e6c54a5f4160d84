package fit

import (
	"math"
	"math/rand/v2"
	"testing"

	"winnow/infer"
	"winnow/models"
)

// TestReachBoundsUnsureGoodParts: however wide spreads are, no more than the
// allowed share of held-out parts is unsure for them, and as many as that are;
// narrow spreads are not cut.
func TestReachBoundsUnsureGoodParts(t *testing.T) {
	const n = 1000
	r := rand.New(rand.NewPCG(4, 4))
	fused, wide, narrow := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range fused {
		fused[i], wide[i], narrow[i] = r.NormFloat64(), 10, 1e-9
	}
	c := models.Calibration{Threshold: 2, UnsureAbove: 1.9}
	limit := reach(c, fused, wide)
	unsure := 0
	for _, f := range fused {
		if inBand := f > c.UnsureAbove && f <= c.Threshold; !inBand && math.Abs(f-c.Threshold) <= limit {
			unsure++
		}
	}
	if unsure != int(unsureShare*n) {
		t.Errorf("%d of %d parts are unsure for their spread, %d may be", unsure, n, int(unsureShare*n))
	}
	if got := reach(c, fused, narrow); got != 1e-9 {
		t.Errorf("spreads of 1e-9 reach %g", got)
	}
}

// TestBandBelowTheThreshold holds half as many good parts as may lie above it.
func TestBandBelowTheThreshold(t *testing.T) {
	const n = 999
	scores := make([]float64, n)
	for i := range scores {
		scores[i] = float64(i)
	}
	c, err := Calibrate(scores, upTo(n), 0.02, "split", 1)
	if err != nil {
		t.Fatal(err)
	}
	if above, band := n-1-int(c.Threshold), int(c.Threshold-c.UnsureAbove); above != 19 || band != 10 {
		t.Errorf("%d parts above the threshold and %d in the band, want 19 and 10", above, band)
	}
	if c, err = Calibrate(scores[:20], upTo(20), 0.02, "split", 1); err != nil || c.UnsureAbove != c.Threshold {
		t.Errorf("20 parts carry no band: %g below %g, %v", c.UnsureAbove, c.Threshold, err)
	}
}

// TestOffsetTakesOutWhatAMemberAlwaysAdds on good parts with high scores.
func TestOffsetTakesOutWhatAMemberAlwaysAdds(t *testing.T) {
	m := infer.Member{Views: [2]infer.View{unitView, unitView}, Fusion: infer.Fusion{Reconstruction: 1}}
	held := make([]HeldOut, 50)
	for i := range held {
		held[i].Fused = 1 + float64(i)/10
		held[i].Members[0] = infer.Deviations{Reconstruction: math.Exp(held[i].Fused + 0.7), Latent: 1}
	}
	got := offset(&infer.Statistics{}, &m, held, func(h HeldOut) infer.Deviations { return h.Members[0] })
	if math.Abs(got-0.7) > 1e-6 {
		t.Errorf("offset %g, want 0.7", got)
	}
}

// TestEstimateGrowsWithWhatThereIs: time with the parts, memory not beyond the
// room for features.
func TestEstimateGrowsWithWhatThereIs(t *testing.T) {
	taps := []Tap{
		{Height: 32, Width: 32, Channels: 40}, {Height: 16, Width: 16, Channels: 80},
		{Height: 16, Width: 16, Channels: 112}, {Height: 8, Width: 8, Channels: 192},
	}
	o := Options{FirstTap: 1, LocalTaps: 2}
	few, many, most := EstimateFit(taps, o, 50, 200, 24), EstimateFit(taps, o, 600, 256, 48), EstimateFit(taps, o, 2000, 256, 48)
	if !(few.MACs < many.MACs && many.MACs < most.MACs) {
		t.Errorf("multiply-adds %.3g, %.3g, %.3g", few.MACs, many.MACs, most.MACs)
	}
	if few.Bytes > many.Bytes || most.Bytes > many.Bytes+MemoryRoom || most.Bytes > 180<<20 {
		t.Errorf("memory %d, %d, %d MiB", few.Bytes>>20, many.Bytes>>20, most.Bytes>>20)
	}
}
