package main

import (
	"fmt"
	"image"
	_ "image/jpeg" // pictures of --pictures
	_ "image/png"  // pictures of --pictures
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"winnow/models/library/lite0"
)

// heldOut is the first seed of drawings that no range was measured on.
const heldOut = 5000

// report prints, for plain rounding and with each refinement, what becomes of
// the taps on held-out drawings and on the pictures of folders, which are
// separated by commas.
func report(w io.Writer, g *lite0.Graph, folders string) error {
	names := []string{"drawings"}
	sets := [][]lite0.Picture{lite0.Drawings(heldOut, 24)}
	for _, folder := range strings.FieldsFunc(folders, func(r rune) bool { return r == ',' }) {
		p, err := readPictures(folder, 12)
		if err != nil {
			return err
		}
		sets, names = append(sets, p), append(names, folder)
	}
	pictures := lite0.Drawings(0, calibration)
	for _, o := range []lite0.Options{shipped, {Correct: true}, {}} {
		q := lite0.Quantize(g, pictures, o)
		for k, set := range sets {
			fmt.Fprintf(w, "%+v, %d of %s\n", o, len(set), names[k])
			for i, l := range lite0.Compare(g, q, set) {
				fmt.Fprintf(w, "  b%-2d cosine %.4f  SQNR %.1f dB  per channel %.1f dB  clamped %.3f %%\n",
					g.Taps[i].Block, l.Cosine, l.SQNR, l.Channel, 100*l.Clamped)
			}
		}
	}
	return nil
}

// readPictures reads up to n pictures, spread evenly over those below folder,
// as squares of inputSide.
func readPictures(folder string, n int) ([]lite0.Picture, error) {
	var paths []string
	err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(p); err == nil && (ext == ".png" || ext == ".jpg") {
			paths = append(paths, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []lite0.Picture
	for i := range min(n, len(paths)) {
		p, err := readPicture(paths[i*len(paths)/min(n, len(paths))])
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func readPicture(path string) (lite0.Picture, error) {
	f, err := os.Open(path)
	if err != nil {
		return lite0.Picture{}, err
	}
	defer func() { _ = f.Close() }()
	im, _, err := image.Decode(f)
	if err != nil {
		return lite0.Picture{}, fmt.Errorf("%s: %w", path, err)
	}
	p := lite0.Picture{W: inputSide, H: inputSide, RGB: make([]byte, 3*inputSide*inputSide)}
	for i := range inputSide * inputSide {
		mean(p.RGB[3*i:], im, i%inputSide, i/inputSide)
	}
	return p, nil
}

// mean writes the mean colour of the area that becomes pixel x, y.
func mean(to []byte, im image.Image, x, y int) {
	b := im.Bounds()
	x0, y0 := b.Min.X+x*b.Dx()/inputSide, b.Min.Y+y*b.Dy()/inputSide
	x1, y1 := max(b.Min.X+(x+1)*b.Dx()/inputSide, x0+1), max(b.Min.Y+(y+1)*b.Dy()/inputSide, y0+1)
	var sum [3]uint32
	for j := y0; j < y1; j++ {
		for i := x0; i < x1; i++ {
			r, g, b, _ := im.At(i, j).RGBA()
			sum[0], sum[1], sum[2] = sum[0]+r>>8, sum[1]+g>>8, sum[2]+b>>8
		}
	}
	for c, s := range sum {
		to[c] = byte(s / uint32((x1-x0)*(y1-y0)))
	}
}
