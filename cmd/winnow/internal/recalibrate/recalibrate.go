// Package recalibrate makes a package with a new threshold and certificate of
// fresh good parts that its judge has just judged: pictures of `winnow calibrate`,
// or parts that pass on a running line.
package recalibrate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"

	"winnow/infer"
	"winnow/infer/drift"
	"winnow/infer/fit"
	"winnow/models"
)

// Collector takes fresh good parts one by one. It is used where its judge is: by
// one goroutine at a time.
type Collector struct {
	judge  *infer.Judge
	old    *models.Package
	fresh  []fit.Fresh
	prints []fit.Print // by which near-duplicates are known
	digest hash.Hash
	known  int    // parts that the package was taught on
	dead   string // what of the camera is dead that the judge does not bridge

	reference *drift.Reference // nil where the package has none
	meter     *drift.Meter
	seeds     []drift.Sample
}

// New collects parts that j judges.
func New(j *infer.Judge) (*Collector, error) {
	c := &Collector{judge: j, old: j.Package(), digest: sha256.New()}
	if c.old.Drift != nil {
		r, err := drift.Parse(c.old.Drift)
		if err != nil {
			return nil, err
		}
		if m := c.old.Manifest.Preprocess; r.Width == m.Width && r.Height == m.Height { // else nobody measures against it
			c.reference, c.meter = r, drift.NewMeter(r)
		}
	}
	return c, nil
}

// ErrTaught is why a part is no use for calibration.
var ErrTaught = errors.New("the package was taught on this very picture: a part that it has learned says nothing about new ones")

// Take takes the part that the judge has just judged, with its fused score. Parts
// of one group are not independent.
func (c *Collector) Take(fused float64, group int) error {
	in := c.judge.Picture()
	m := c.old.Manifest.Preprocess
	print := fit.PrintOf(in, m.Width, m.Height)
	if c.old.Manifest.Taught.Has(print.Digest) {
		c.known++
		return ErrTaught
	}
	c.digest.Write(in)
	c.fresh = append(c.fresh, fit.Freshen(c.judge, fused, group))
	c.prints = append(c.prints, print)
	return c.measure(in)
}

// measure takes the part's measures of light, focus, pose and product: from now on
// live parts are compared with these.
func (c *Collector) measure(in []byte) error {
	if c.meter == nil || len(c.seeds) >= drift.MaxSeeds {
		return nil
	}
	s, err := c.meter.Measure(in)
	c.seeds = append(c.seeds, s)
	return err
}

// Dead says what of the camera is dead that the judge knew nothing of while it judged:
// a threshold above what that scores would lie above defects, too, so none is made.
func (c *Collector) Dead(what string) { c.dead = what }

// FalseReject is the rate that the package was drawn for.
func (c *Collector) FalseReject() float64 { return c.old.Calibration.FalseReject }

// Len is the number of parts taken.
func (c *Collector) Len() int { return len(c.fresh) }

// Above is how many of them score above a threshold.
func (c *Collector) Above(threshold float64) int {
	n := 0
	for _, f := range c.fresh {
		if f.Fused > threshold {
			n++
		}
	}
	return n
}

// outlying is how many median absolute deviations above the median a score lies
// that is hardly one of a good part like the others.
const outlying = 12

// Outlier is the number, from 1, of a part that scores far above all the others,
// or 0: among parts that nobody has looked at, it may be defective, and would
// raise the threshold for all defects after it.
func (c *Collector) Outlier() int {
	if len(c.fresh) == 0 {
		return 0
	}
	scores := make([]float64, len(c.fresh))
	top := 0
	for i, f := range c.fresh {
		scores[i] = f.Fused
		if f.Fused > c.fresh[top].Fused {
			top = i
		}
	}
	slices.Sort(scores)
	mid := scores[len(scores)/2]
	for i, s := range scores {
		scores[i] = max(s-mid, mid-s)
	}
	slices.Sort(scores)
	if mad := scores[len(scores)/2]; c.fresh[top].Fused > mid+outlying*mad {
		return top + 1
	}
	return 0
}

// Result is a package with a new threshold.
type Result struct {
	Package *models.Package
	Bytes   []byte // of the package as a file
	Joined  int    // groups that were joined to others because they hold near-duplicates
	Uniform int    // more that would have been, had they not been most of the parts
}

// Finish makes the package. skipped is the number of parts that could not be taken.
func (c *Collector) Finish(rate float64, program string, skipped int) (*Result, error) {
	digest := hex.EncodeToString(c.digest.Sum(nil))
	if len(c.fresh) == 0 && c.known > 0 || len(c.fresh) > 0 && digest == c.old.Manifest.Taught.Digest {
		return nil, errors.New("these are the pictures that the package was taught on: a certificate from them would promise too much; take fresh good parts")
	}
	if c.dead != "" {
		return nil, fmt.Errorf("the camera seems to have %s, and had not when it was taught; nothing was recalibrated", c.dead)
	}
	groups := make([]int, len(c.fresh))
	for i, f := range c.fresh {
		groups[i] = f.Group
	}
	groups, joined, uniform := fit.GroupPrints(c.prints, groups)
	distinct := 0
	for i, g := range groups {
		c.fresh[i].Group = g
		distinct = max(distinct, g+1)
	}
	p, err := fit.Recalibrate(c.old, c.fresh, rate, 0)
	if err != nil {
		return nil, err
	}
	if c.reference != nil {
		c.reference.Seeds = firstOfEach(groups, c.seeds)
		if p.Drift, err = c.reference.Encode(); err != nil {
			return nil, err
		}
	}
	p.Manifest.Calibrated = &models.Calibrated{
		Program: program, Package: c.old.Digest(), Parts: len(c.fresh), Groups: distinct, Digest: digest, Skipped: skipped,
	}
	b, err := p.Bytes()
	if err != nil {
		return nil, fmt.Errorf("the recalibrated package: %w", err)
	}
	return &Result{p, b, joined, uniform}, nil
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
