package tflite

import (
	"slices"

	flatbuffers "github.com/google/flatbuffers/go"
)

// Marshal writes the model as a .tflite flatbuffer that LiteRT and Netron read:
// constants aligned to 16 bytes, identifier TFL3. The same model gives the same
// bytes. It fails where Check does.
func (m *Model) Marshal() ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	w := &writer{Builder: flatbuffers.NewBuilder(m.roughSize())}
	w.FinishWithFileIdentifier(w.model(m), []byte(identifier))
	return w.FinishedBytes(), nil
}

func (m *Model) roughSize() int {
	n := 4096 + 256*(len(m.Tensors)+len(m.Ops))
	for i := range m.Tensors {
		n += len(m.Tensors[i].Data) + 32
	}
	for i := range m.Metadata {
		n += len(m.Metadata[i].Data) + 32
	}
	return n
}

// writer adds what the schema needs to the flatbuffers builder, which writes
// from the end of the file to its start: children before parents.
type writer struct {
	*flatbuffers.Builder
}

type offset = flatbuffers.UOffsetT

func (w *writer) model(m *Model) offset {
	buffers, ofTensor, ofMetadata := w.buffers(m)
	codes, ofOp := w.codes(m)
	graphs := w.offsets([]offset{w.subgraph(m, ofTensor, ofOp)})
	meta := w.metadata(m, ofMetadata)
	description := w.CreateString(m.Description)
	w.StartObject(8)
	w.PrependUint32Slot(0, 3, 0)
	w.PrependUOffsetTSlot(1, codes, 0)
	w.PrependUOffsetTSlot(2, graphs, 0)
	w.PrependUOffsetTSlot(3, description, 0)
	w.PrependUOffsetTSlot(4, buffers, 0)
	if len(m.Metadata) > 0 {
		w.PrependUOffsetTSlot(6, meta, 0)
	}
	return w.EndObject()
}

// buffers writes one buffer a constant after the empty buffer 0 and returns
// which one belongs to which tensor and metadata.
func (w *writer) buffers(m *Model) (vector offset, ofTensor, ofMetadata []int) {
	all := []offset{w.buffer(nil)}
	add := func(data []byte) int {
		all = append(all, w.buffer(data))
		return len(all) - 1
	}
	ofTensor = make([]int, len(m.Tensors))
	for i := range m.Tensors {
		if d := m.Tensors[i].Data; len(d) > 0 {
			ofTensor[i] = add(d)
		}
	}
	ofMetadata = make([]int, len(m.Metadata))
	for i := range m.Metadata {
		ofMetadata[i] = add(m.Metadata[i].Data)
	}
	return w.offsets(all), ofTensor, ofMetadata
}

func (w *writer) buffer(data []byte) offset {
	var at offset
	if len(data) > 0 {
		w.StartVector(1, len(data), 16)
		w.Pad(len(data))
		copy(w.Bytes[w.Head():], data)
		at = w.EndVector(len(data))
	}
	w.StartObject(1)
	w.PrependUOffsetTSlot(0, at, 0)
	return w.EndObject()
}

// codes writes each pair of operator and version once, in order of first use.
func (w *writer) codes(m *Model) (vector offset, ofOp []int) {
	type key struct {
		code    OpCode
		version int
	}
	var keys []key
	for i := range m.Ops {
		o := &m.Ops[i]
		k := key{o.Code, max(o.Version, opInfos[o.Code].version)}
		n := slices.Index(keys, k)
		if n < 0 {
			n = len(keys)
			keys = append(keys, k)
		}
		ofOp = append(ofOp, n)
	}
	all := make([]offset, len(keys))
	for i, k := range keys {
		w.StartObject(4)
		w.PrependInt8Slot(0, int8(min(k.code, 127)), 0)
		w.PrependInt32Slot(2, int32(k.version), 1)
		w.PrependInt32Slot(3, int32(k.code), 0)
		all[i] = w.EndObject()
	}
	return w.offsets(all), ofOp
}

func (w *writer) metadata(m *Model, ofMetadata []int) offset {
	all := make([]offset, len(m.Metadata))
	for i := range m.Metadata {
		name := w.CreateString(m.Metadata[i].Name)
		w.StartObject(2)
		w.PrependUOffsetTSlot(0, name, 0)
		w.PrependUint32Slot(1, uint32(ofMetadata[i]), 0)
		all[i] = w.EndObject()
	}
	return w.offsets(all)
}

func (w *writer) subgraph(m *Model, ofTensor, ofOp []int) offset {
	tensors := make([]offset, len(m.Tensors))
	for i := range m.Tensors {
		tensors[i] = w.tensor(&m.Tensors[i], ofTensor[i])
	}
	ops := make([]offset, len(m.Ops))
	for i := range m.Ops {
		ops[i] = w.op(&m.Ops[i], ofOp[i])
	}
	tv, ov := w.offsets(tensors), w.offsets(ops)
	in, out, name := w.ints(m.Inputs), w.ints(m.Outputs), w.CreateString("main")
	w.StartObject(5)
	w.PrependUOffsetTSlot(0, tv, 0)
	w.PrependUOffsetTSlot(1, in, 0)
	w.PrependUOffsetTSlot(2, out, 0)
	w.PrependUOffsetTSlot(3, ov, 0)
	w.PrependUOffsetTSlot(4, name, 0)
	return w.EndObject()
}

func (w *writer) tensor(t *Tensor, buffer int) offset {
	shape, name := w.ints(t.Shape), w.CreateString(t.Name)
	var quant offset
	if t.Quantized() {
		quant = w.quantization(t)
	}
	w.StartObject(9)
	w.PrependUOffsetTSlot(0, shape, 0)
	w.PrependInt8Slot(1, int8(t.Type), 0)
	w.PrependUint32Slot(2, uint32(buffer), 0)
	w.PrependUOffsetTSlot(3, name, 0)
	w.PrependUOffsetTSlot(4, quant, 0)
	w.PrependBoolSlot(8, true, false)
	return w.EndObject()
}

func (w *writer) quantization(t *Tensor) offset {
	w.StartVector(8, len(t.ZeroPoints), 8)
	for i := len(t.ZeroPoints) - 1; i >= 0; i-- {
		w.PrependInt64(t.ZeroPoints[i])
	}
	zeros := w.EndVector(len(t.ZeroPoints))
	w.StartVector(4, len(t.Scales), 4)
	for i := len(t.Scales) - 1; i >= 0; i-- {
		w.PrependFloat32(t.Scales[i])
	}
	scales := w.EndVector(len(t.Scales))
	w.StartObject(7)
	w.PrependUOffsetTSlot(2, scales, 0)
	w.PrependUOffsetTSlot(3, zeros, 0)
	w.PrependInt32Slot(6, int32(t.Axis), 0)
	return w.EndObject()
}

func (w *writer) op(o *Op, code int) offset {
	in, out := w.ints(o.Inputs), w.ints(o.Outputs)
	kind, options := w.options(o)
	w.StartObject(9)
	w.PrependUint32Slot(0, uint32(code), 0)
	w.PrependUOffsetTSlot(1, in, 0)
	w.PrependUOffsetTSlot(2, out, 0)
	w.PrependByteSlot(3, kind, 0)
	w.PrependUOffsetTSlot(4, options, 0)
	return w.EndObject()
}

func (w *writer) offsets(v []offset) offset {
	w.StartVector(4, len(v), 4)
	for i := len(v) - 1; i >= 0; i-- {
		w.PrependUOffsetT(v[i])
	}
	return w.EndVector(len(v))
}

func (w *writer) ints(v []int) offset {
	w.StartVector(4, len(v), 4)
	for i := len(v) - 1; i >= 0; i-- {
		w.PrependInt32(int32(v[i]))
	}
	return w.EndVector(len(v))
}
