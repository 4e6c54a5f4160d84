package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"winnow/edge"
	"winnow/infer"
	"winnow/infer/drift"
	"winnow/infer/fit"
	"winnow/models"
)

// calibrator collects how fresh good parts score and makes a package with a new
// threshold of them. It is fed by `calibrate`.
type calibrator struct {
	judge   *infer.Judge
	fresh   []fit.Fresh
	thumbs  []fit.Thumb
	groups  []int
	digest  hash.Hash
	skipped []string
	known   int // parts that the package was taught on

	reference *drift.Reference // nil where the package has none
	meter     *drift.Meter
	seeds     []drift.Sample
}

func newCalibrator(j *infer.Judge) (*calibrator, error) {
	c := &calibrator{judge: j, digest: sha256.New(), skipped: []string{}}
	if b := j.Package().Drift; b != nil {
		r, err := drift.Parse(b)
		if err != nil {
			return nil, err
		}
		c.reference, c.meter = r, drift.NewMeter(r)
	}
	return c, nil
}

// errTaught is why a part is no use for calibration.
var errTaught = errors.New("the package was taught on this very picture: a part that it has learned says nothing about new ones")

// Add judges one good part. Parts of one group are not independent.
func (c *calibrator) Add(f *edge.Frame, group int) error {
	var v edge.Verdict
	if err := c.judge.Judge(f, &v); err != nil {
		return err
	}
	if f.Flags != 0 {
		return fmt.Errorf("frame %d is damaged", f.Seq)
	}
	p := c.judge.Package()
	in := c.judge.Session().Input(0)
	if p.Manifest.Taught.Has(models.InputDigest(in)) {
		c.known++
		return errTaught
	}
	c.digest.Write(in)
	m := p.Manifest.Preprocess
	c.fresh = append(c.fresh, fit.Freshen(c.judge, v.Score.Fused, group))
	c.thumbs = append(c.thumbs, fit.ThumbOf(in, m.Width, m.Height))
	c.groups = append(c.groups, group)
	return c.measure(in)
}

// measure takes the part's measures of light, focus, pose and product: from now on
// live parts are compared with these.
func (c *calibrator) measure(in []byte) error {
	if c.meter == nil || len(c.seeds) >= drift.MaxSeeds {
		return nil
	}
	s, err := c.meter.Measure(in)
	c.seeds = append(c.seeds, s)
	return err
}

// finish makes the new package, encoded. joined is how many groups were joined
// to others because they hold near-duplicates.
func (c *calibrator) finish(rate float64) (p *models.Package, joined int, err error) {
	old := c.judge.Package()
	digest := hex.EncodeToString(c.digest.Sum(nil))
	switch {
	case len(c.fresh) == 0 && c.known > 0, len(c.fresh) > 0 && digest == old.Manifest.Taught.Digest:
		return nil, 0, errors.New("these are the pictures that the package was taught on: a certificate from them would promise too much; take fresh good parts")
	}
	groups, joined := fit.GroupAlike(c.thumbs, c.groups)
	distinct := 0
	for i := range c.fresh {
		c.fresh[i].Group = groups[i]
		distinct = max(distinct, groups[i]+1)
	}
	p, err = fit.Recalibrate(old, c.fresh, rate, 0)
	if err != nil {
		if len(c.skipped) > 0 {
			err = fmt.Errorf("%w; %d pictures were left out, first: %s", err, len(c.skipped), c.skipped[0])
		}
		return nil, joined, err
	}
	if c.reference != nil {
		c.reference.Seeds = firstOfEach(groups, c.seeds)
		if p.Drift, err = c.reference.Encode(); err != nil {
			return nil, joined, err
		}
	}
	p.Manifest.Calibrated = &models.Calibrated{
		Program: program(), Package: old.Digest(), Parts: len(c.fresh), Groups: distinct, Digest: digest, Skipped: len(c.skipped),
	}
	_, err = p.Bytes() // sets the digest
	return p, joined, err
}

// firstOfEach keeps one sample of each group.
func firstOfEach(groups []int, samples []drift.Sample) []drift.Sample {
	var out []drift.Sample
	seen := map[int]bool{}
	for i, s := range samples {
		if !seen[groups[i]] {
			seen[groups[i]] = true
			out = append(out, s)
		}
	}
	return out
}
