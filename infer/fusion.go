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

// Fusion is the monotone map from standardized deviations to one score, expressed as
// a deviation again. Weights are positive or zero, so more deviation in any view never
// lowers the score.
type Fusion struct {
	Reconstruction float64 `json:"reconstruction"`
	Local          float64 `json:"local"`
	Latent         float64 `json:"latent"`
	// Root joins the views' weighted evidence by the root of the sum of its squares,
	// which lies between the largest and the sum: a view that sees little adds less to
	// one that sees much. Else, in packages of earlier programs, by the sum.
	Root bool `json:"root,omitempty"`
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

// Evidence is what a standardized deviation z counts where views are weighed: its
// square above the median good part, little below it. It rises everywhere, so a view
// that sees nothing cannot outvote one that sees much.
func Evidence(z float64) float64 { return square(z) + mul(z, 0.25) }

// square of what lies above the median good part.
func square(z float64) float64 {
	if z <= 0 {
		return 0
	}
	return mul(z, z)
}

// deviation is the inverse of Evidence.
func deviation(evidence float64) float64 {
	if evidence <= 0 {
		return mul(evidence, 4)
	}
	return mul(math.Sqrt(0.0625+mul(4, evidence))-0.25, 0.5)
}

// Fuse returns the fused score of standardized deviations.
func (f Fusion) Fuse(d Deviations) float64 {
	sum := f.Reconstruction + f.Local + f.Latent
	if !f.Root {
		e := f.evidence(d)
		return deviation((e.Reconstruction + e.Local + e.Latent) / sum)
	}
	r, o, l := f.squares(d)
	slope := mul(f.Reconstruction, d.Reconstruction) + mul(f.Local, d.Local) + mul(f.Latent, d.Latent)
	return deviation((math.Sqrt(r+o+l) + mul(0.25, slope)) / sum)
}

// evidence is what each view counts in a sum.
func (f Fusion) evidence(d Deviations) Deviations {
	return Deviations{mul(f.Reconstruction, Evidence(d.Reconstruction)), mul(f.Local, Evidence(d.Local)), mul(f.Latent, Evidence(d.Latent))}
}

// squares of the views' weighted squares: of reconstruction, surroundings, latent.
func (f Fusion) squares(d Deviations) (r, o, l float64) {
	of := func(weight, z float64) float64 {
		e := mul(weight, square(z))
		return mul(e, e)
	}
	return of(f.Reconstruction, d.Reconstruction), of(f.Local, d.Local), of(f.Latent, d.Latent)
}

// Maps is what the two maps say together.
func (f Fusion) Maps(d Deviations) float64 {
	if f.Reconstruction+f.Local == 0 || f.Local == 0 {
		return d.Reconstruction
	}
	f.Latent = 0
	return f.Fuse(d)
}

// Shares of the views in what makes up a score for a deviation, 0..1, which sum to 1;
// all are 0 where nothing deviates.
func (f Fusion) Shares(d Deviations) Deviations {
	e := f.evidence(d)
	e = Deviations{max(e.Reconstruction, 0), max(e.Local, 0), max(e.Latent, 0)}
	if f.Root {
		e.Reconstruction, e.Local, e.Latent = f.squares(d)
	}
	sum := e.Reconstruction + e.Local + e.Latent
	if sum == 0 {
		return Deviations{}
	}
	return Deviations{e.Reconstruction / sum, e.Local / sum, e.Latent / sum}
}
