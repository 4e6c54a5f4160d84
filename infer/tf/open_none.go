//go:build !cgo || !linux || !(amd64 || arm64)

package tf

import (
	"winnow/infer"
	"winnow/infer/tf/lazy"
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
	_, err := lazy.Load(lazy.Default(c.Library))
	return Info{}, err
}
