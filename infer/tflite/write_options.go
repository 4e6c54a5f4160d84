package tflite

// options writes o's option table and returns its member of the union.
func (w *writer) options(o *Op) (kind byte, at offset) {
	kind = opInfos[o.Code].options
	if kind == 0 {
		return 0, 0
	}
	switch c := o.Options.(type) {
	case Reshape:
		return kind, w.intsTable(c.NewShape)
	case Squeeze:
		return kind, w.intsTable(c.Dims)
	case Softmax:
		return kind, w.floatTable(c.Beta)
	case LeakyRelu:
		return kind, w.floatTable(c.Alpha)
	}
	w.StartObject(8)
	w.optionFields(o)
	return kind, w.EndObject()
}

func (w *writer) intsTable(v []int) offset {
	var vec offset
	if len(v) > 0 {
		vec = w.ints(v)
	}
	w.StartObject(1)
	w.PrependUOffsetTSlot(0, vec, 0)
	return w.EndObject()
}

func (w *writer) floatTable(v float32) offset {
	w.StartObject(1)
	w.PrependFloat32Slot(0, v, 0)
	return w.EndObject()
}

// optionFields fills the open table; slots are the schema's field numbers.
func (w *writer) optionFields(o *Op) {
	switch c := o.Options.(type) {
	case Conv2D:
		w.window(c.Padding, 0, c.StrideW, 1, c.StrideH, 2)
		w.activation(3, c.Activation)
		w.dilation(4, c.DilationW, c.DilationH)
	case DepthwiseConv2D:
		w.window(c.Padding, 0, c.StrideW, 1, c.StrideH, 2)
		w.i32(3, c.Multiplier)
		w.activation(4, c.Activation)
		w.dilation(5, c.DilationW, c.DilationH)
	case TransposeConv:
		w.window(c.Padding, 0, c.StrideW, 1, c.StrideH, 2)
		w.activation(3, c.Activation)
	case Pool2D:
		w.window(c.Padding, 0, c.StrideW, 1, c.StrideH, 2)
		w.i32(3, c.FilterW)
		w.i32(4, c.FilterH)
		w.activation(5, c.Activation)
	case FullyConnected:
		w.activation(0, c.Activation)
		w.PrependBoolSlot(2, c.KeepDims, false)
	case Arithmetic:
		w.activation(0, c.Activation)
	case Concat:
		w.i32(0, c.Axis)
		w.activation(1, c.Activation)
	case Resize:
		first := 0
		if o.Code == OpResizeBilinear {
			first = 2
		}
		w.PrependBoolSlot(first, c.AlignCorners, false)
		w.PrependBoolSlot(first+1, c.HalfPixelCenters, false)
	case Reduce:
		w.PrependBoolSlot(0, c.KeepDims, false)
	case Pack:
		w.i32(0, len(o.Inputs))
		w.i32(1, c.Axis)
	}
}

func (w *writer) i32(slot, v int) { w.PrependInt32Slot(slot, int32(v), 0) }

func (w *writer) activation(slot int, a Activation) { w.PrependInt8Slot(slot, int8(a), 0) }

func (w *writer) window(p Padding, slot, sw, slotW, sh, slotH int) {
	w.PrependInt8Slot(slot, int8(p), 0)
	w.i32(slotW, sw)
	w.i32(slotH, sh)
}

// dilation factors have 1 as their default; width comes first.
func (w *writer) dilation(slot, dw, dh int) {
	w.PrependInt32Slot(slot, int32(dw), 1)
	w.PrependInt32Slot(slot+1, int32(dh), 1)
}
