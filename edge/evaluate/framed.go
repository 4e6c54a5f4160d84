package evaluate

import (
	"image"
	"math"
)

// framed says how the frame that a part's verdict draws lies to what its mask marks.
type framed struct {
	counts bool    // there are both
	on     bool    // something marked lies in the frame
	iou    float64 // intersection over union of the frame with the box of the defect that it fits best
}

// frame compares a box with a mask of w x h places.
func frame(box image.Rectangle, mask []bool, w, h int) framed {
	box = box.Intersect(image.Rect(0, 0, w, h))
	f := framed{counts: !box.Empty()}
	for _, region := range components(mask, w, h) {
		var around image.Rectangle
		for _, i := range region {
			place := image.Rect(i%w, i/w, i%w+1, i/w+1)
			around = around.Union(place)
			f.on = f.on || place.In(box)
		}
		both := area(box.Intersect(around))
		f.iou = max(f.iou, both/(area(box)+area(around)-both))
	}
	return f
}

func area(r image.Rectangle) float64 { return float64(r.Dx()) * float64(r.Dy()) }

// framedRate is the share of frames with something marked in them.
func framedRate(e *Evaluation, _, bad []int) float64 {
	on, n := 0.0, 0.0
	for _, i := range bad {
		if f := e.parts[i].framed; f.counts {
			n++
			if f.on {
				on++
			}
		}
	}
	return on / n
}

// frameIoU is the median intersection over union.
func frameIoU(e *Evaluation, _, bad []int) float64 {
	var ious []float64
	for _, i := range bad {
		if f := e.parts[i].framed; f.counts {
			ious = append(ious, f.iou)
		}
	}
	if len(ious) == 0 {
		return math.NaN()
	}
	return Quantile(ious, 0.5)
}
