//go:build !cgo || !linux || !(amd64 || arm64)

package train

import "errors"

// Built says whether this program can train.
const Built = false

func newMachine(plan) (machine, error) {
	return nil, errors.New("this program has no TensorFlow in it: build one that has with `make build-tf`, and fetch the library with `make libtensorflow`")
}
