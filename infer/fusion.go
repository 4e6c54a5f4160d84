package infer

import (
	"fmt"
	"math"
)

// Deviations are the views of one part: raw as a Scorer measures them (positive,
// Local 0 where the package has no local model), or standardized by held-out
// good parts.
type Deviations struct {
	Reconstruction float64 // from what the autoencoder reconstructs, at the worst place
	Local          float64 // from what the surroundings of a cell foretell, at the worst place
	Latent         float64 // of the whole, in latent space
}

// Standardize brings raw deviations to scales above the median good part.
func (s *Statistics) Standardize(raw Deviations) Deviations {
	d := Deviations{Reconstruction: s.Views[0].Standardize(raw.Reconstruction), Latent: s.Views[1].Standardize(raw.Latent)}
	if s.Local != nil {
		d.Local = s.Local.View.Standardize(raw.Local)
	}
	return d
}

// Fusion is the monotone map from standardized deviations to one score: the
// weighted mean of Evidence, expressed as a deviation again. Weights are
// positive or zero, so more deviation in any view never lowers the score.
type Fusion struct {
	Reconstruction float64 `json:"reconstruction"`
	Local          float64 `json:"local"`
	Latent         float64 `json:"latent"`
}

func (f Fusion) check(local bool) error {
	sum := f.Reconstruction + f.Local + f.Latent
	if !(f.Reconstruction >= 0 && f.Local >= 0 && f.Latent >= 0 && sum > 0) || math.IsInf(sum, 0) {
		return fmt.Errorf("fusion weights %+v are not monotone", f)
	}
	if !local && f.Local != 0 {
		return fmt.Errorf("fusion weighs a local view by %g that the package does not have", f.Local)
	}
	return nil
}

// Evidence is what a standardized deviation z counts in the fusion: its square
// above the median good part, little below it. It rises everywhere, so a view
// that sees nothing cannot outvote one that sees much.
func Evidence(z float64) float64 {
	e := mul(z, 0.25)
	if z > 0 {
		e += mul(z, z)
	}
	return e
}

// Deviation is the inverse of Evidence.
func Deviation(evidence float64) float64 {
	if evidence <= 0 {
		return mul(evidence, 4)
	}
	return mul(math.Sqrt(0.0625+mul(4, evidence))-0.25, 0.5)
}

// evidence is what each view counts in the fusion of standardized deviations.
func (f Fusion) evidence(d Deviations) Deviations {
	return Deviations{mul(f.Reconstruction, Evidence(d.Reconstruction)), mul(f.Local, Evidence(d.Local)), mul(f.Latent, Evidence(d.Latent))}
}

// Fuse returns the fused score of standardized deviations.
func (f Fusion) Fuse(d Deviations) float64 {
	e := f.evidence(d)
	return Deviation((e.Reconstruction + e.Local + e.Latent) / (f.Reconstruction + f.Local + f.Latent))
}

// Maps is what the two maps say together.
func (f Fusion) Maps(d Deviations) float64 {
	maps := f.Reconstruction + f.Local
	if maps == 0 || f.Local == 0 {
		return d.Reconstruction
	}
	e := f.evidence(d)
	return Deviation((e.Reconstruction + e.Local) / maps)
}

// Shares of the views in the evidence for a deviation, 0..1, which sum to 1; all
// are 0 where nothing deviates.
func (f Fusion) Shares(d Deviations) Deviations {
	e := f.evidence(d)
	e = Deviations{max(e.Reconstruction, 0), max(e.Local, 0), max(e.Latent, 0)}
	sum := e.Reconstruction + e.Local + e.Latent
	if sum == 0 {
		return Deviations{}
	}
	return Deviations{e.Reconstruction / sum, e.Local / sum, e.Latent / sum}
}
