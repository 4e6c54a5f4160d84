//go:build cgo && linux && (amd64 || arm64)

package tf

import (
	"fmt"
	"runtime"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"

	"winnow/infer"
	"winnow/infer/tflite"
)

// Built says whether this program has the engine in it.
const Built = true

// Engine loads .tflite models into TensorFlow sessions. It is safe for
// concurrent use; its sessions are not.
type Engine struct {
	mode Mode
	info Info
}

// Open loads libtensorflow and returns the engine. An error of the loader names
// the file and what to do next.
func Open(c Config) (infer.Engine, error) {
	info, err := Probe(c)
	if err != nil {
		return nil, err
	}
	return &Engine{mode: c.Mode, info: info}, nil
}

// Probe loads libtensorflow and says which one it is.
func Probe(c Config) (Info, error) {
	path, err := c.Load()
	if err != nil {
		return Info{}, err
	}
	return Info{Path: path, Version: tensorflow.Version()}, nil
}

// Name is "tensorflow".
func (e *Engine) Name() string { return "tensorflow" }

// Mode the engine was opened with.
func (e *Engine) Mode() Mode { return e.mode }

// Info is the library in use.
func (e *Engine) Info() Info { return e.info }

// Tolerance is how far an output may lie from native's, in steps.
func (e *Engine) Tolerance() int {
	if e.mode == Fast {
		return fastTolerance
	}
	return 0
}

// Load lowers the model to a TensorFlow graph and starts a session on it.
func (e *Engine) Load(model []byte, o infer.Options) (infer.Session, error) {
	m, err := tflite.Parse(model, tflite.Limits{})
	if err != nil {
		return nil, err
	}
	l, err := lower(m, e.mode)
	if err != nil {
		return nil, err
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	s, err := newSession(l, threads)
	if err != nil {
		return nil, fmt.Errorf("tensorflow %s: %w", e.info.Version, err)
	}
	return s, nil
}

var _ infer.Engine = (*Engine)(nil)
