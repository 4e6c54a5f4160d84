package native

import (
	"errors"
	"time"

	"winnow/infer"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// layer is a step with what a table says of it.
type layer struct {
	step
	name, op, shape, kernel string
	macs                    int64
	density                 float64
	wide                    bool // worth several threads
}

// session runs one model. Its memory is taken when it is made.
type session struct {
	layers          []layer
	pool            *pool
	inputs, outputs []infer.Tensor
	in, out         [][]byte
	set             *kernel.Set
	closed          bool
}

func newSession(l *lowering, layers []layer, threads int) *session {
	scratch := 0
	for i := range layers {
		scratch = max(scratch, layers[i].scratch())
	}
	s := &session{layers: layers, pool: newPool(threads, scratch), set: l.set}
	m := l.g.Model
	for _, i := range m.Inputs {
		s.inputs, s.in = append(s.inputs, describe(&m.Tensors[i])), append(s.in, l.bytes(i))
	}
	for _, i := range m.Outputs {
		s.outputs, s.out = append(s.outputs, describe(&m.Tensors[i])), append(s.out, l.bytes(i))
	}
	return s
}

func describe(t *tflite.Tensor) infer.Tensor {
	types := map[tflite.DType]infer.DType{tflite.Int8: infer.Int8, tflite.UInt8: infer.UInt8,
		tflite.Int16: infer.Int16, tflite.Int32: infer.Int32, tflite.Float32: infer.Float32}
	return infer.Tensor{Name: t.Name, Shape: append([]int(nil), t.Shape...), Type: types[t.Type], Scale: t.Scale(), ZeroPoint: t.ZeroPoint()}
}

func (s *session) Inputs() []infer.Tensor  { return s.inputs }
func (s *session) Outputs() []infer.Tensor { return s.outputs }
func (s *session) Input(i int) []byte      { return s.in[i] }
func (s *session) Output(i int) []byte     { return s.out[i] }

var errClosed = errors.New("the session is closed")

func (s *session) Run() error {
	if s.closed {
		return errClosed
	}
	for i := range s.layers {
		s.pool.run(s.layers[i].step, s.layers[i].wide)
	}
	return nil
}

// Kernels implements infer.Accelerated.
func (s *session) Kernels() infer.Kernels { return s.set }

// Close stops the session's threads. It may be called twice.
func (s *session) Close() error {
	s.closed = true
	s.pool.close()
	return nil
}

// Profile implements infer.Profiler.
func (s *session) Profile(runs int) ([]infer.LayerTime, error) {
	if s.closed {
		return nil, errClosed
	}
	t := make([]infer.LayerTime, len(s.layers))
	for i := range s.layers {
		l := &s.layers[i]
		t[i] = infer.LayerTime{Name: l.name, Op: l.op, Shape: l.shape, MACs: l.macs, Density: l.density, Kernel: l.kernel}
	}
	for r := range max(1, runs) {
		for i := range s.layers {
			start := time.Now()
			s.pool.run(s.layers[i].step, s.layers[i].wide)
			if d := time.Since(start); r == 0 || d < t[i].Time {
				t[i].Time = d
			}
		}
	}
	return t, nil
}
