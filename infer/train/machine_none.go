//go:build !cgo || !linux || !(amd64 || arm64)

package train

import (
	"errors"

	"winnow/infer/tflite"
)

// Built says whether this program can train.
const Built = false

var errNotBuilt = errors.New("this program has no TensorFlow in it: build one that has with `make build-tf`, and fetch the library with `make libtensorflow`")

func newMachine(plan) (machine, error) { return nil, errNotBuilt }

func newDistiller(*tflite.Model, []distilledLayer, [][]float32, int) (distiller, error) {
	return nil, errNotBuilt
}
