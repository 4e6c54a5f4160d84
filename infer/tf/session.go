//go:build cgo && linux && (amd64 || arm64)

package tf

// #include <stdlib.h>
// #include "session.h"
import "C"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	tensorflow "github.com/tensorflow/tensorflow/tensorflow/go"

	"winnow/infer"
)

// session runs one lowered model. It implements infer.Session.
type session struct {
	c               *C.winnow_session
	inputs, outputs []infer.Tensor
	in, out         [][]byte // C memory that lives as long as c
	msg             [512]C.char
}

// end is an input or output of a lowered graph.
type end struct {
	tensor infer.Tensor
	op     tensorflow.Output
	typ    tensorflow.DataType
}

const maxRank = 6 // of winnow_tensor

// newSession hands the graph to TensorFlow under the given number of threads.
func newSession(l *lowered, threads int) (*session, error) {
	var def bytes.Buffer
	if _, err := l.graph.WriteTo(&def); err != nil {
		return nil, fmt.Errorf("writing the graph: %w", err)
	}
	in, freeIn, err := ends(l.inputs)
	if err != nil {
		return nil, err
	}
	defer freeIn()
	out, freeOut, err := ends(l.outputs)
	if err != nil {
		return nil, err
	}
	defer freeOut()
	s := new(session)
	config := sessionConfig(threads)
	s.c = C.winnow_session_new(unsafe.Pointer(unsafe.SliceData(def.Bytes())), C.size_t(def.Len()), unsafe.Pointer(&config[0]), C.size_t(len(config)),
		unsafe.SliceData(in), C.int(len(in)), unsafe.SliceData(out), C.int(len(out)), &s.msg[0], C.size_t(len(s.msg)))
	if s.c == nil {
		return nil, errors.New(C.GoString(&s.msg[0]))
	}
	s.inputs, s.in = memory(l.inputs, in)
	s.outputs, s.out = memory(l.outputs, out)
	return s, nil
}

// ends describes graph ends to C. The caller calls free when C has read them.
func ends(es []end) (list []C.winnow_tensor, free func(), err error) {
	list = make([]C.winnow_tensor, len(es))
	free = func() {
		for i := range list {
			C.free(unsafe.Pointer(list[i].operation))
		}
	}
	for i, e := range es {
		if len(e.tensor.Shape) > maxRank {
			free()
			return nil, nil, fmt.Errorf("tensor %q has %d dimensions, at most %d are supported", e.tensor.Name, len(e.tensor.Shape), maxRank)
		}
		t := &list[i]
		t.operation = C.CString(e.op.Op.Name())
		t._type = C.int(e.typ)
		t.rank = C.int(len(e.tensor.Shape))
		for d, n := range e.tensor.Shape {
			t.dims[d] = C.longlong(n)
		}
		t.bytes = C.size_t(e.tensor.Elements() * e.tensor.Type.Size())
	}
	return list, free, nil
}

// memory returns the tensors and the C memory behind them.
func memory(es []end, list []C.winnow_tensor) (ts []infer.Tensor, mem [][]byte) {
	for i, e := range es {
		ts = append(ts, e.tensor)
		mem = append(mem, unsafe.Slice((*byte)(list[i].data), int(list[i].bytes)))
	}
	return ts, mem
}

func (s *session) Inputs() []infer.Tensor  { return s.inputs }
func (s *session) Outputs() []infer.Tensor { return s.outputs }
func (s *session) Input(i int) []byte      { return s.in[i] }
func (s *session) Output(i int) []byte     { return s.out[i] }

// Run computes the outputs. It allocates no Go memory.
func (s *session) Run() error {
	if s.c == nil {
		return errors.New("tensorflow: the session is closed")
	}
	if C.winnow_session_run(s.c, &s.msg[0], C.size_t(len(s.msg))) != 0 {
		return fmt.Errorf("tensorflow: %s", C.GoString(&s.msg[0]))
	}
	return nil
}

// Close frees the session and its memory; Input and Output are void after it.
func (s *session) Close() error {
	if s.c != nil {
		C.winnow_session_free(s.c)
		s.c, s.in, s.out = nil, nil, nil
	}
	return nil
}

// sessionConfig is a serialized tensorflow.ConfigProto (config.proto of 2.18):
// as many threads within an operator as asked for, none between operators (the
// caller's own thread runs them in order), and no graph rewriting: it may fold a
// scale into integer weights, which then are no integers any more.
func sessionConfig(threads int) []byte {
	field := func(b []byte, n int, v uint64) []byte {
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(n)<<3), v)
	}
	message := func(b []byte, n int, m []byte) []byte {
		b = binary.AppendUvarint(b, uint64(n)<<3|2)
		return append(binary.AppendUvarint(b, uint64(len(m))), m...)
	}
	const minusOne = ^uint64(0)
	b := field(nil, 2, uint64(threads))  // intra_op_parallelism_threads
	b = field(b, 5, minusOne)            // inter_op_parallelism_threads: the caller's thread
	b = field(b, 9, 1)                   // use_per_session_threads
	optimizer := field(nil, 3, minusOne) // OptimizerOptions.opt_level = L0
	rewriter := field(nil, 19, 1)        // RewriterConfig.disable_meta_optimizer
	graph := message(message(nil, 3, optimizer), 10, rewriter)
	return message(b, 10, graph)
}

var _ infer.Session = (*session)(nil)
