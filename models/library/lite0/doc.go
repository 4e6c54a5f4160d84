// Package lite0 turns the published weights of EfficientNet-Lite0 into the
// eight-bit encoder that Winnow ships: it folds batch norms, draws the
// pictures that ranges are measured on, and rounds. It owns the float reference, the drawings and
// the arithmetic of quantization; it reads no file and writes none.
//
// The same weights and drawings give the same bits on every architecture: every
// product is rounded before it is added (Go fuses x*y+z on arm64 otherwise),
// sums run in a fixed order, and no function of package math is used that has
// an assembly version whose result may differ.
//
// Layouts: maps are [row][column][channel], weights of convolutions
// [out][row][column][in], of depthwise ones [row][column][channel], as in
// .tflite files.
package lite0
