package train

import (
	"errors"
	"math"

	"winnow/infer/fit"
	"winnow/infer/tflite"
)

// blockSide is the side of the squares that a picture is cut into.
const blockSide = 4

// blockChannels is how many values a square has: its own pixels, three colours.
const blockChannels = blockSide * blockSide * 3

// Blocks bring a picture to a map that networks and statistics treat like
// features, and that still holds all of it: the discrete cosine transform of
// each 4x4 square and colour (Ahmed, Natarajan, Rao 1974), each coefficient
// standardized over good parts.
type Blocks struct {
	Mean, Dev [blockChannels]float64
}

// basis of coefficient k: the weight of pixel (y, x) of its colour.
func basis(k, y, x, c int) float64 {
	colour, uv := k%3, k/3
	if c != colour {
		return 0
	}
	one := func(u, i int) float64 {
		s := math.Sqrt(2.0 / blockSide)
		if u == 0 {
			s = math.Sqrt(1.0 / blockSide)
		}
		return s * math.Cos(math.Pi*float64(u)*(float64(i)+0.5)/blockSide)
	}
	return one(uv/blockSide, y) * one(uv%blockSide, x)
}

// pixelScale and pixelZero are how a package's input is quantized: real =
// scale*(q - zero).
const (
	pixelScale = 1.0 / 128
	pixelZero  = -1
)

// NewBlocks learns how coefficients are standardized.
func NewBlocks(ps []Picture) (*Blocks, error) {
	if len(ps) == 0 {
		return nil, errors.New("no pictures to learn from")
	}
	var b Blocks
	n := 0.0
	for _, p := range ps {
		for y := 0; y+blockSide <= p.H; y += blockSide {
			for x := 0; x+blockSide <= p.W; x += blockSide {
				b.count(p, x, y)
				n++
			}
		}
	}
	for k := range b.Mean {
		b.Mean[k] /= n
		b.Dev[k] = math.Sqrt(max(0, b.Dev[k]/n-b.Mean[k]*b.Mean[k])) + pixelScale/2
	}
	return &b, nil
}

// count adds one square's coefficients and their squares.
func (b *Blocks) count(p Picture, x0, y0 int) {
	for k, row := range basisTable {
		v := 0.0
		for y := range blockSide {
			for x := range blockSide {
				v += row[y*blockSide+x] * pixelScale * float64(int(int8(p.Pix[((y0+y)*p.W+x0+x)*3+k%3]))-pixelZero)
			}
		}
		b.Mean[k] += v
		b.Dev[k] += v * v
	}
}

// basisTable is basis over the pixels of each coefficient's own colour.
var basisTable = func() (t [blockChannels][blockSide * blockSide]float64) {
	for k := range t {
		for i := range t[k] {
			t[k][i] = basis(k, i/blockSide, i%blockSide, k%3)
		}
	}
	return t
}()

// Append adds the transform behind picture: one convolution.
func (b *Blocks) Append(t *tflite.Builder, picture int) int {
	w := make([]int8, blockChannels*blockChannels)
	scales := make([]float32, blockChannels)
	bias := make([]int32, blockChannels)
	for k := range blockChannels {
		most := 0.0
		for _, v := range basisTable[k] {
			most = max(most, math.Abs(v))
		}
		scales[k] = float32(most / 127 / b.Dev[k])
		for i, v := range basisTable[k] {
			w[(k*blockSide*blockSide+i)*3+k%3] = int8(math.RoundToEven(v * 127 / most))
		}
		bias[k] = int32(math.RoundToEven(-b.Mean[k] / b.Dev[k] / (pixelScale * float64(scales[k]))))
	}
	wt := t.AddWeights("blocks/weights", []int{blockChannels, blockSide, blockSide, 3}, w, scales, 0)
	o := tflite.Conv2D{Padding: tflite.Valid, StrideH: blockSide, StrideW: blockSide}
	return t.Conv2D("blocks", picture, wt, t.AddBias("blocks/bias", picture, wt, bias), o, fit.FeatureQuant)
}

// Front is the graph from a picture of w x h to its blocks.
func (b *Blocks) Front(w, h int) (*fit.Front, error) {
	t := tflite.NewBuilder("picture in blocks")
	in := t.AddInput("image", []int{1, h, w, 3}, tflite.Quant{Scale: pixelScale, ZeroPoint: pixelZero})
	return b.front(t, in)
}

// Beside is Front in encoder's graph, whose outputs become the front's taps.
func (b *Blocks) Beside(encoder *tflite.Model) (*fit.Front, error) {
	f, err := b.front(tflite.Extend(encoder), encoder.Inputs[0])
	if err == nil {
		f.Taps = encoder.Outputs
	}
	return f, err
}

func (b *Blocks) front(t *tflite.Builder, picture int) (*fit.Front, error) {
	shape := t.Tensor(picture).Shape
	g, err := t.Model(b.Append(t, picture))
	if err != nil {
		return nil, err
	}
	return &fit.Front{Graph: g, Grid: [2]int{shape[1] / blockSide, shape[2] / blockSide}, Channels: blockChannels}, nil
}

// Shapes of what a source's networks read and reconstruct, for pictures of w x h
// and an encoder of these taps.
func Shapes(s Source, taps []fit.Tap, w, h int) (in, out Shape) {
	grid := fit.GridOf(taps)
	features := Shape{H: grid.Height, W: grid.Width}
	for _, t := range taps {
		features.C += t.Channels
	}
	blocks := Shape{h / blockSide, w / blockSide, blockChannels}
	switch s {
	case FromPicture:
		return blocks, blocks
	case FromBoth:
		return blocks, features
	}
	return features, features
}
