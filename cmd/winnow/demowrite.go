package main

import (
	"context"
	"fmt"
	"io"

	"winnow/capture/scene"
)

// writeDrawn writes the drawn line as labelled pictures: what teach and eval take.
func writeDrawn(ctx context.Context, f demoFlags, out, log io.Writer) error {
	if f.data != "" {
		return usagef("--write draws pictures; it takes no --data")
	}
	for _, no := range []struct {
		flag  string
		given bool
	}{{"--drift", f.drift != ""}, {"--record", f.record.dir != ""}, {"--scores", f.scores != ""}, {"--json", f.json}} {
		if no.given {
			return usagef("--write draws the line as it usually is and inspects nothing; it takes no %s", no.flag)
		}
	}
	s, err := scene.New(scene.Config{Seed: f.seed, Product: f.product})
	if err != nil {
		return err
	}
	if f.parts == 0 {
		f.parts = 240
	}
	kinds := len(scene.Kinds())
	each := max(1, f.parts/2/kinds)
	bar := newProgress(log)
	defer bar.finish()
	o := scene.ExportOptions{Train: f.teach, Good: max(1, f.parts-kinds*each), PerKind: each}
	o.Progress = func(done, all int) { bar.update("drawing", done, all) }
	if err := s.Export(ctx, f.write, o); err != nil {
		return err
	}
	bar.finish()
	_, err = fmt.Fprintf(out, "%s: %d good parts to teach, %d good and %d defective ones to judge (%d kinds, three sizes in turn), with masks\n",
		f.write, o.Train, o.Good, kinds*each, kinds)
	return err
}
