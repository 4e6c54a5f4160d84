package station

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"winnow/cmd/winnow/internal/recalibrate"
	"winnow/edge/store"
	"winnow/infer/fit"
	"winnow/models"
)

// Parts that a recalibration on the running line takes.
const (
	defaultFresh = 30
	maxFresh     = 2000
)

// freshFile is the package that a recalibration leaves in the records' folder.
const freshFile = "recalibrated.tflite"

// cmdRecalibrate takes the next parts, which whoever asks says are good, and makes
// a package with a new threshold of them. Nothing is taught again, and the package
// in force stays: the new one is a file, to be looked at; the command "recipe" with
// "recalibrated" puts it in force.
func (s *Station) cmdRecalibrate(_ context.Context, raw json.RawMessage) error {
	args := struct {
		Parts int `json:"parts"`
	}{defaultFresh}
	if err := arguments(raw, &args); err != nil {
		return err
	}
	if args.Parts < fit.MinParts || args.Parts > maxFresh {
		return refused(fmt.Sprintf(`args: "parts" is %d to %d; 30 do, 299 prove 1 %%`, fit.MinParts, maxFresh))
	}
	watch := s.model.Load().Watch
	if watch == nil {
		return refused("nobody watches this model")
	}
	return watch.Collect(args.Parts, func(c *recalibrate.Collector) {
		select {
		case s.collected <- c:
		default:
			s.notRecalibrated("the disk has not taken the recalibration before this one yet")
		}
	})
}

// notRecalibrated says that a command that was done has come to nothing.
func (s *Station) notRecalibrated(why string) {
	s.health.Raise("recalibration", why, "see to that; then send the command \"recalibrate\" again while good parts pass")
}

// abandon says what becomes of parts that were being collected for a model that has
// gone out of force.
func (s *Station) abandon(old *force) {
	if old.Watch == nil {
		return
	}
	if had, of := old.Watch.Abandon(); of > 0 {
		s.notRecalibrated(fmt.Sprintf("another recipe came when %d of %d parts were collected; nothing was recalibrated", had, of))
	}
}

// recalibrate writes the package of parts that were collected, whenever they were. It
// may wait for the disk.
func (s *Station) recalibrate(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-s.collected:
			if err := s.writeRecalibrated(c); err != nil {
				s.notRecalibrated(err.Error())
			} else {
				s.health.Clear("recalibration")
			}
		}
	}
}

func (s *Station) writeRecalibrated(c *recalibrate.Collector) error {
	if n := c.Outlier(); n > 0 {
		return fmt.Errorf("part %d of the %d scores far above all the others: is it good? nothing was recalibrated", n, c.Len())
	}
	r, err := c.Finish(c.FalseReject(), "winnow "+s.version, 0)
	if err != nil {
		return err
	}
	path := filepath.Join(s.cfg.Records.Dir, freshFile)
	if err := store.WriteFile(path, r.Bytes, 0o644); err != nil {
		return err
	}
	of := models.Short(r.Package.Manifest.Calibrated.Package)
	s.fresh.Store(&of)
	s.log.Info("recalibrated", "file", path, "model", r.Package.ShortDigest(), "parts", c.Len(), "joined", r.Joined, "alike", r.Uniform, "promise", fit.Promise(r.Package.Calibration))
	return nil
}
