package fit

import (
	"context"
	"math/rand/v2"
	"testing"

	"winnow/infer/native"
	"winnow/infer/tflite"
)

// noiseFit fits one tap of noise to parts of these groups; drawn are the parts on which a
// defect is drawn.
func noiseFit(t *testing.T, groups, drawn []int, covers bool) (*Result, error) {
	t.Helper()
	b := tflite.NewBuilder("pixels")
	in := b.AddInput("picture", []int{1, 8, 8, 3}, featureQuant)
	m, err := b.Model(in)
	if err != nil {
		t.Fatal(err)
	}
	f := NewFeatures([]Tap{{Name: "pixels", Height: 8, Width: 8, Channels: 3, Scale: featureStep}})
	defer f.Close()
	f.SpillTo(t.TempDir(), MemoryRoom)
	r := rand.New(rand.NewPCG(3, 4))
	part := func() []byte {
		p := make([]byte, 8*8*3)
		for j := range p {
			p[j] = byte(int8(r.NormFloat64() * 20))
		}
		return p
	}
	for _, g := range groups {
		if err := f.Add(g, [][]byte{part()}); err != nil {
			t.Fatal(err)
		}
	}
	for k, of := range drawn {
		p, cover := part(), make([]byte, 64)
		for j := 20; j < 30 && covers; j++ {
			cover[j] = 255
			p[3*j] = 100
		}
		if err := f.AddDrawn(of, k, [][]byte{p}, cover, 8, 8); err != nil {
			t.Fatal(err)
		}
	}
	return Fit(context.Background(), m, f, native.New(), Options{LocalTaps: 1, FalseReject: 0.1})
}

// TestFitOfOneLargeGroupAndASmallOne: more parts than bases are made from, of which all but one
// are of one group, are learned from: the model that has never seen the large group is made from
// the small one, though it is not among the parts that bases are usually made from.
func TestFitOfOneLargeGroupAndASmallOne(t *testing.T) {
	groups := make([]int, mostSnapshots+90)
	groups[len(groups)-1] = 1
	r, err := noiseFit(t, groups, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := r.Calibration.Certificate.N; n != 2 {
		t.Errorf("the certificate counts %d groups", n)
	}
}

// TestFewDrawnDefects: where the drawn defects of any fold's other parts point nowhere, there is no
// local view, and parts are learned from nevertheless.
func TestFewDrawnDefects(t *testing.T) {
	for name, c := range map[string]struct {
		drawn         []int
		covers, local bool
	}{
		"one defect":         {[]int{3}, true, false},
		"all on one part":    {[]int{3, 3, 3, 3}, true, false},
		"none covers a cell": {[]int{0, 1, 2, 3, 4, 5, 6, 7}, false, false},
		"one on each of ten": {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, true, true},
	} {
		r, err := noiseFit(t, upTo(20), c.drawn, c.covers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if local := r.Statistics.Local != nil; local != c.local {
			t.Errorf("%s: a local view: %t", name, local)
		}
	}
}
