package tflite_test

import (
	"testing"
	"time"

	flatbuffers "github.com/google/flatbuffers/go"

	"winnow/infer/tflite"
)

// TestSparseNothingEndsSoon: a sparse constant without elements, whose other
// dimensions are huge, has no values to look for.
func TestSparseNothingEndsSoon(t *testing.T) {
	const huge = 1<<31 - 1
	f := flatbuffers.NewBuilder(1024)
	ints := func(v ...int32) flatbuffers.UOffsetT {
		f.StartVector(4, len(v), 4)
		for i := len(v) - 1; i >= 0; i-- {
			f.PrependInt32(v[i])
		}
		return f.EndVector(len(v))
	}
	tables := func(v ...flatbuffers.UOffsetT) flatbuffers.UOffsetT {
		f.StartVector(4, len(v), 4)
		for i := len(v) - 1; i >= 0; i-- {
			f.PrependUOffsetT(v[i])
		}
		return f.EndVector(len(v))
	}
	dense := func(size int32) flatbuffers.UOffsetT {
		f.StartObject(2)
		f.PrependInt32Slot(1, size, 0)
		return f.EndObject()
	}
	levels, order := tables(dense(huge), dense(huge), dense(0)), ints(1, 2, 0)
	f.StartObject(3)
	f.PrependUOffsetTSlot(0, order, 0)
	f.PrependUOffsetTSlot(2, levels, 0)
	sparsity, shape := f.EndObject(), ints(0, huge, huge)
	f.StartObject(7)
	f.PrependUOffsetTSlot(0, shape, 0)
	f.PrependByteSlot(1, byte(tflite.Int8), 0)
	f.PrependUOffsetTSlot(6, sparsity, 0)
	tensors, outputs := tables(f.EndObject()), ints(0)
	f.StartObject(4)
	f.PrependUOffsetTSlot(0, tensors, 0)
	f.PrependUOffsetTSlot(2, outputs, 0)
	graphs := tables(f.EndObject())
	f.StartObject(1)
	buffers := tables(f.EndObject())
	f.StartObject(5)
	f.PrependUint32Slot(0, 3, 0)
	f.PrependUOffsetTSlot(2, graphs, 0)
	f.PrependUOffsetTSlot(4, buffers, 0)
	f.FinishWithFileIdentifier(f.EndObject(), []byte("TFL3"))

	done := make(chan bool, 1)
	go func() {
		tflite.Parse(f.FinishedBytes(), tflite.Limits{}) // either answer is right
		done <- true
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("Parse has not ended after 10 s")
	}
}

// graphOf is a file of one graph: of tensors, all of that shape without data, of
// inputs and outputs that are all tensor 0, and of DENSIFY operators from 0 to 1.
func graphOf(shape []int32, tensors, inputs, densify int) []byte {
	f := flatbuffers.NewBuilder(1024)
	ints := func(v ...int32) flatbuffers.UOffsetT {
		f.StartVector(4, len(v), 4)
		for i := len(v) - 1; i >= 0; i-- {
			f.PrependInt32(v[i])
		}
		return f.EndVector(len(v))
	}
	tables := func(n int, v flatbuffers.UOffsetT) flatbuffers.UOffsetT {
		f.StartVector(4, n, 4)
		for range n {
			f.PrependUOffsetT(v)
		}
		return f.EndVector(n)
	}
	dims, zeros, zero, one := ints(shape...), ints(make([]int32, inputs)...), ints(0), ints(1)
	f.StartObject(7)
	f.PrependUOffsetTSlot(0, dims, 0)
	f.PrependByteSlot(1, byte(tflite.Int8), 0)
	all := tables(tensors, f.EndObject())
	f.StartObject(3)
	f.PrependUOffsetTSlot(1, zero, 0)
	f.PrependUOffsetTSlot(2, one, 0)
	ops := tables(densify, f.EndObject())
	f.StartObject(4)
	f.PrependUOffsetTSlot(0, all, 0)
	f.PrependUOffsetTSlot(1, zeros, 0)
	f.PrependUOffsetTSlot(2, zero, 0)
	f.PrependUOffsetTSlot(3, ops, 0)
	graphs := tables(1, f.EndObject())
	f.StartObject(4)
	f.PrependInt32Slot(3, 124, 0) // DENSIFY
	codes := tables(1, f.EndObject())
	f.StartObject(1)
	buffers := tables(1, f.EndObject())
	f.StartObject(5)
	f.PrependUint32Slot(0, 3, 0)
	f.PrependUOffsetTSlot(1, codes, 0)
	f.PrependUOffsetTSlot(2, graphs, 0)
	f.PrependUOffsetTSlot(4, buffers, 0)
	f.FinishWithFileIdentifier(f.EndObject(), []byte("TFL3"))
	return f.FinishedBytes()
}

// TestManyOfEachEndSoon: the work of reading is in proportion to what a file lists,
// not to one list times another.
func TestManyOfEachEndSoon(t *testing.T) {
	for name, file := range map[string][]byte{
		"empty tensors and inputs": graphOf([]int32{0}, 80_000, 1_500_000, 0),
		"DENSIFY":                  graphOf([]int32{1}, 2, 1, 400_000),
	} {
		done := make(chan error, 1)
		go func() {
			_, err := tflite.Parse(file, tflite.Limits{Alloc: 1 << 30})
			done <- err
		}()
		select {
		case err := <-done:
			t.Log(name, len(file), err) // either answer is right
		case <-time.After(10 * time.Second):
			t.Errorf("%s: Parse has not ended after 10 s", name)
		}
	}
}

// TestLongListsOfIntegersAreRefused: no operator takes more than a few for each
// dimension, and each reads its own again.
func TestLongListsOfIntegersAreRefused(t *testing.T) {
	b := tflite.NewBuilder("hostile")
	q := tflite.Quant{Scale: 0.1}
	x := b.AddInput("x", []int{1, 2}, q)
	y := b.Mean("y", x, true, q, make([]int, 1000)...)
	if _, err := b.Model(y); err == nil {
		t.Error("a mean over a thousand axes is accepted")
	} else {
		t.Log(err)
	}
}

// TestSparseLevelsThatOverflowAreRefused, where int has 32 bits too (GOARCH=386): a
// dimension of 65176 blocks of 65899 has 65928 elements modulo 2^32.
func TestSparseLevelsThatOverflowAreRefused(t *testing.T) {
	const size, blocks, block = 65928, 65176, 65899
	f := flatbuffers.NewBuilder(1024)
	vector := func(put func(), n int) flatbuffers.UOffsetT {
		f.StartVector(4, n, 4)
		put()
		return f.EndVector(n)
	}
	table := func(fields map[int]flatbuffers.UOffsetT, n int) flatbuffers.UOffsetT {
		f.StartObject(n)
		for i, v := range fields {
			f.PrependUOffsetTSlot(i, v, 0)
		}
		return f.EndObject()
	}
	dense := func(size int32) flatbuffers.UOffsetT {
		f.StartObject(2)
		f.PrependInt32Slot(1, size, 0)
		return f.EndObject()
	}
	one := func(v flatbuffers.UOffsetT) flatbuffers.UOffsetT { return vector(func() { f.PrependUOffsetT(v) }, 1) }
	whole, part := dense(blocks), dense(block)
	levels := vector(func() { f.PrependUOffsetT(part); f.PrependUOffsetT(whole) }, 2)
	order := vector(func() { f.PrependInt32(1); f.PrependInt32(0) }, 2)
	zero := vector(func() { f.PrependInt32(0) }, 1)
	sparsity := table(map[int]flatbuffers.UOffsetT{0: order, 1: zero, 2: levels}, 3)
	shape := vector(func() { f.PrependInt32(size) }, 1)
	f.StartObject(7)
	f.PrependUOffsetTSlot(0, shape, 0)
	f.PrependByteSlot(1, byte(tflite.Int8), 0)
	f.PrependUOffsetTSlot(6, sparsity, 0)
	tensors := one(f.EndObject())
	graphs := one(table(map[int]flatbuffers.UOffsetT{0: tensors, 2: zero}, 4))
	buffers := one(table(map[int]flatbuffers.UOffsetT{0: f.CreateByteVector(make([]byte, 2*size))}, 1))
	f.StartObject(5)
	f.PrependUint32Slot(0, 3, 0)
	f.PrependUOffsetTSlot(2, graphs, 0)
	f.PrependUOffsetTSlot(4, buffers, 0)
	f.FinishWithFileIdentifier(f.EndObject(), []byte("TFL3"))
	if _, err := tflite.Parse(f.FinishedBytes(), tflite.Limits{}); err == nil {
		t.Error("accepted")
	} else {
		t.Log(err)
	}
}
