// Package library holds what Winnow ships ready-made: the encoder whose
// features teach and train start from. It owns the file and the table of places
// where features are taken; it runs nothing. The file and taps.go are made by
// cmd/makebackbone from published weights (README.md); nobody edits them.
package library

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Name of the encoder, as model packages record it.
const Name = "efficientnet-lite0-int8"

//go:embed efficientnet-lite0-int8.tflite
var encoder string

// Encoder returns a copy of the encoder: a .tflite file with one int8 input
// "image" [1,224,224,3] holding pixel-128 (real value (pixel-127)/128) and the
// taps as outputs, in the order of Taps. It is fully convolutional, so its
// input may be given any other height and width.
func Encoder() []byte { return []byte(encoder) }

// Tap is a place where features are taken: an int8 output [1,H,W,Channels] of
// the encoder, H = ceil(input height / Stride), W likewise.
type Tap struct {
	Name     string // "b4" ...
	Tensor   string // its name in the file
	Block    int    // inverted residual block whose output it is, from 0
	Stride   int    // input pixels a cell
	Channels int

	// real = Scale * (q - ZeroPoint), in the units of the published network.
	Scale     float32
	ZeroPoint int

	// Low and High are the extreme real values on the drawings that the ranges
	// were measured on; a tap that leaves them far behind sees something that
	// the encoder was not prepared for.
	Low, High float32
}

// TapNamed returns the tap of that name.
func TapNamed(name string) (Tap, error) {
	taps := Taps()
	i := slices.IndexFunc(taps, func(t Tap) bool { return t.Name == name })
	if i < 0 {
		names := make([]string, len(taps))
		for j, t := range taps {
			names[j] = t.Name
		}
		return Tap{}, fmt.Errorf("the encoder has no tap %q: choose from %s", name, strings.Join(names, ", "))
	}
	return taps[i], nil
}
