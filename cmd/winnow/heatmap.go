package main

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"slices"

	scale "golang.org/x/image/draw"

	"winnow/capture/pixfmt"
	"winnow/edge"
	"winnow/infer"
)

// writeHeatmap writes f with the judge's last anomaly map over it and the
// verdict's regions framed, as a PNG file.
func writeHeatmap(path string, f *edge.Frame, j *infer.Judge, v *edge.Verdict) error {
	var b bytes.Buffer
	if err := png.Encode(&b, overlay(f, j, v)); err != nil {
		return err
	}
	return writeAtomic(path, b.Bytes())
}

// overlay paints the picture, the picture under its heatmap, and the nearest
// taught part side by side.
func overlay(f *edge.Frame, j *infer.Judge, v *edge.Verdict) image.Image {
	return beside(overlayAt(f, j, v, j.MapScale()), f, j)
}

// maxThumb is the largest picture of a taught part that is shown, in pixels a side.
const maxThumb = 256

// beside puts the nearest taught part that the judge's last verdict names, where
// its package has a picture of it, to the right of img.
func beside(img *image.RGBA, f *edge.Frame, j *infer.Judge) *image.RGBA {
	near := j.Nearest()
	if near == nil || len(near.Thumb) == 0 {
		return img
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(near.Thumb))
	if err != nil || c.Width > maxThumb || c.Height > maxThumb {
		return img // a package may hold anything; the heatmap is still good
	}
	thumb, err := jpeg.Decode(bytes.NewReader(near.Thumb))
	if err != nil {
		return img
	}
	from := img.Bounds().Dx() + 4
	out := image.NewRGBA(image.Rect(0, 0, from+f.Width, f.Height))
	draw.Draw(out, img.Bounds(), img, image.Point{}, draw.Src)
	scale.CatmullRom.Scale(out, image.Rect(from, 0, from+f.Width, f.Height), thumb, thumb.Bounds(), draw.Src, nil)
	return out
}

// overlayAt is overlay with scale as the map's value at the threshold.
func overlayAt(f *edge.Frame, j *infer.Judge, v *edge.Verdict, scale float64) *image.RGBA {
	src := pixfmt.ToImage(f)
	w, h := f.Width, f.Height
	out := image.NewRGBA(image.Rect(0, 0, 2*w+4, h))
	draw.Draw(out, image.Rect(0, 0, w, h), src, image.Point{}, draw.Src)
	draw.Draw(out, image.Rect(w+4, 0, 2*w+4, h), src, image.Point{}, draw.Src)
	m, mh, mw := j.Map()
	hottest := slices.Max(m) / scale
	bits, bh, bw := j.Shade()
	over := v.Judged.Intersect(image.Rect(0, 0, w, h))
	for y := over.Min.Y; y < over.Max.Y; y++ {
		for x := over.Min.X; x < over.Max.X; x++ {
			ry, rx := (float64(y-over.Min.Y)+0.5)/float64(over.Dy()), (float64(x-over.Min.X)+0.5)/float64(over.Dx())
			c := out.RGBAAt(w+4+x, y)
			if bits != nil {
				c = wash(c, bilinear(bits, bh, bw, ry, rx))
			}
			out.SetRGBA(w+4+x, y, tint(c, bilinear(m, mh, mw, ry, rx)/scale, hottest))
		}
	}
	for _, r := range v.Regions {
		frame(out, r.Box.Add(image.Pt(w+4, 0)), color.RGBA{255, 255, 255, 255})
	}
	return out
}

// bilinear samples m (h x w cells) at relative position (y, x).
func bilinear(m []float64, h, w int, y, x float64) float64 {
	fy := min(max(y*float64(h)-0.5, 0), float64(h-1))
	fx := min(max(x*float64(w)-0.5, 0), float64(w-1))
	y0, x0 := int(fy), int(fx)
	y1, x1 := min(y0+1, h-1), min(x0+1, w-1)
	dy, dx := fy-float64(y0), fx-float64(x0)
	top := m[y0*w+x0]*(1-dx) + m[y0*w+x1]*dx
	low := m[y1*w+x0]*(1-dx) + m[y1*w+x1]*dx
	return top*(1-dy) + low*dy
}

// tint blends c towards yellow and red as heat rises from 0.8 times the threshold: as strongly as
// it will from 1.6 on, and to red where the part is hottest, at 1.6 or above, so that the middle of
// what stands far out is told from its surroundings.
func tint(c color.RGBA, heat, hottest float64) color.RGBA {
	const faint, strong = 0.8, 1.6
	a := 0.7 * min(max((heat-faint)/(strong-faint), 0), 1)
	hottest = max(hottest, strong)
	mix := func(from uint8, to float64) uint8 { return uint8(float64(from)*(1-a) + to*a) }
	green := 255 * min(max((hottest-heat)/(hottest-faint), 0), 1)
	return color.RGBA{mix(c.R, 255), mix(c.G, green), mix(c.B, 0), 255}
}

// wash blends c towards blue where what is wide and faint is seldom in good parts: from
// infer.WideFrom on, in full one bit above.
func wash(c color.RGBA, bits float64) color.RGBA {
	a := 0.35 * min(max(bits-infer.WideFrom, 0), 1)
	mix := func(from uint8, to float64) uint8 { return uint8(float64(from)*(1-a) + to*a) }
	return color.RGBA{mix(c.R, 40), mix(c.G, 110), mix(c.B, 255), 255}
}

// frame draws the outline of r.
func frame(dst *image.RGBA, r image.Rectangle, c color.RGBA) {
	for x := r.Min.X; x < r.Max.X; x++ {
		dst.SetRGBA(x, r.Min.Y, c)
		dst.SetRGBA(x, r.Max.Y-1, c)
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		dst.SetRGBA(r.Min.X, y, c)
		dst.SetRGBA(r.Max.X-1, y, c)
	}
}
