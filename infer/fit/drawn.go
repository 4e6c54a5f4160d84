package fit

import (
	"fmt"

	"winnow/infer"
)

// drawn is a taught part with a defect drawn into it.
type drawn struct {
	source int    // the part
	kind   int    // of the defect; even and odd kinds are told apart
	number int    // among the pictures
	cover  []byte // of each cell of the first tap's grid, 0..255
}

// AddDrawn copies the taps of part source with a defect drawn into it; cover
// says how much of each pixel of a picture w wide and h high it covers (0..255).
// Drawn defects weigh the views and point the local view; they never teach what
// is normal.
func (f *Features) AddDrawn(source, kind int, taps [][]byte, cover []byte, w, h int) error {
	if source < 0 || source >= f.Len() || len(cover) != w*h {
		return fmt.Errorf("a drawn defect on part %d of %d, with a mask of %d pixels for %dx%d", source, f.Len(), len(cover), w, h)
	}
	n, err := f.keep(taps)
	if err != nil {
		return err
	}
	d := drawn{source: source, kind: kind, number: n}
	if len(f.Taps) > 0 {
		d.cover = shrink(cover, w, h, f.Taps[0].Width, f.Taps[0].Height)
	}
	f.drawn = append(f.drawn, d)
	return nil
}

// Drawn is the number of drawn defects.
func (f *Features) Drawn() int { return len(f.drawn) }

// shrink is the mean of cover over each cell of a gw x gh grid.
func shrink(cover []byte, w, h, gw, gh int) []byte {
	out := make([]byte, gw*gh)
	for y := range gh {
		y0, y1 := y*h/gh, max((y+1)*h/gh, y*h/gh+1)
		for x := range gw {
			x0, x1 := x*w/gw, max((x+1)*w/gw, x*w/gw+1)
			sum := 0
			for yy := y0; yy < y1; yy++ {
				for _, c := range cover[yy*w+x0 : yy*w+x1] {
					sum += int(c)
				}
			}
			out[y*gw+x] = byte(sum / ((y1 - y0) * (x1 - x0)))
		}
	}
	return out
}

// inFolds returns the drawn defects whose part is inside fold f, and the others.
func (f *Features) inFolds(fold []int, n int) (outside, inside []int) {
	for i, d := range f.drawn {
		if fold[d.source] == n {
			inside = append(inside, i)
		} else {
			outside = append(outside, i)
		}
	}
	return outside, inside
}

// keep checks and copies the taps of one picture and returns its number.
func (f *Features) keep(taps [][]byte) (int, error) {
	if len(taps) != len(f.Taps) {
		return 0, fmt.Errorf("%d feature maps, the encoder has %d", len(taps), len(f.Taps))
	}
	for i, t := range taps {
		if len(t) != f.Taps[i].size() {
			return 0, fmt.Errorf("feature map %s has %d values, %d are needed", f.Taps[i].Name, len(t), f.Taps[i].size())
		}
	}
	n := len(f.parts) + len(f.drawn) + len(f.swayed)
	for i, t := range taps {
		if _, err := f.rows[i].add(t); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// evidence is what one part's raw deviations count, view by view: the columns
// that a fusion weighs.
func evidence(s *infer.Member, local bool, raw infer.Deviations) [3]float64 {
	const most = 12 // scales: beyond that, more says no more
	d := s.Standardize(raw, local)
	return [3]float64{
		infer.Evidence(min(d.Reconstruction, most)),
		infer.Evidence(min(d.Local, most)),
		infer.Evidence(min(d.Latent, most)),
	}
}
