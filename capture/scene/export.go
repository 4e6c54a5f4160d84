package scene

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"winnow/capture/pixfmt"
	"winnow/edge"
)

// ExportOptions say how many pictures of a line Export writes.
type ExportOptions struct {
	Train   int // good parts to teach on
	Good    int // other good parts to test on
	PerKind int // test parts of each of the line's kinds of defect, sizes in turn
	// Progress, if not nil, is told how many of all pictures are written.
	Progress func(done, all int)
}

// Export writes pictures in the layout of the MVTec AD data set below dir,
// which is made: train/good, test/good, test/<kind> and
// ground_truth/<kind>/<name>_mask.png, where a name ends with the size of the
// defect. The same scene gives the same files. dir must be missing or empty, and is so
// again after an error: half a set looks like a whole one.
func (s *Scene) Export(ctx context.Context, dir string, o ExportOptions) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a file, or a folder that may hold anything
		return fmt.Errorf("export: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("export to %s: the folder is not empty: name a new one", dir)
	}
	_, missing := os.Lstat(dir) // not so a link that leads nowhere
	e := exporter{scene: s, dir: dir, opts: o, ctx: ctx, all: o.Train + o.Good + o.PerKind*len(s.cfg.Kinds)}
	e.series("train/good", o.Train, func(int) Defect { return Defect{} })
	e.series("test/good", o.Good, func(int) Defect { return Defect{} })
	for _, k := range s.cfg.Kinds {
		e.series("test/"+string(k), o.PerKind, func(n int) Defect { return Defect{k, s.cfg.Sizes[n%len(s.cfg.Sizes)]} })
	}
	if e.err != nil {
		for _, part := range []string{"train", "test", "ground_truth"} {
			os.RemoveAll(filepath.Join(dir, part))
		}
		if missing != nil {
			os.Remove(dir)
		}
	}
	return e.err
}

// exporter writes series of parts; it stops at the first error.
type exporter struct {
	scene     *Scene
	dir       string
	opts      ExportOptions
	ctx       context.Context // of the one Export call that it lives in
	part      uint64
	done, all int
	frame     edge.Frame
	err       error
}

func (e *exporter) series(folder string, n int, defect func(n int) Defect) {
	for k := range n {
		if e.err == nil {
			e.err = e.ctx.Err()
		}
		if e.err != nil {
			return
		}
		e.err = e.write(folder, k, defect(k))
		e.part++
		e.done++
		if e.opts.Progress != nil && e.err == nil {
			e.opts.Progress(e.done, e.all)
		}
	}
}

func (e *exporter) write(folder string, n int, d Defect) error {
	name := fmt.Sprintf("%03d", n)
	if d.Kind != Good {
		name += "-" + string(d.Size)
	}
	e.scene.Draw(e.part, d, &e.frame)
	if err := e.save(filepath.Join(e.dir, filepath.FromSlash(folder), name+".png")); err != nil || d.Kind == Good {
		return err
	}
	e.scene.Mask(e.part, d, &e.frame)
	return e.save(filepath.Join(e.dir, "ground_truth", string(d.Kind), name+"_mask.png"))
}

func (e *exporter) save(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return writePNG(path, &e.frame)
}

// writePNG writes f under another name first, so that path is whole or not
// there. It does not sync: the pictures can be drawn again.
func writePNG(path string, f *edge.Frame) error {
	file, err := os.Create(path + ".part")
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	err = pixfmt.EncodePNG(file, f)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		_ = os.Remove(path + ".part")
		return fmt.Errorf("export %s: %w", path, err)
	}
	return nil
}
