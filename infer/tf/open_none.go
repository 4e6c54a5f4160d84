//go:build !cgo || !linux || !(amd64 || arm64)

package tf

import (
	"errors"

	"winnow/infer"
)

// Built says whether this program has the engine in it.
const Built = false

// Open says that this program was built without TensorFlow.
func Open(c Config) (infer.Engine, error) {
	_, err := Probe(c)
	return nil, err
}

// Probe says that this program was built without TensorFlow.
func Probe(c Config) (Info, error) {
	if _, err := c.Load(); err != nil {
		return Info{}, err
	}
	return Info{}, errors.New("built without TensorFlow")
}
