package npy_test

import (
	"archive/zip"
	"bytes"
	"slices"
	"testing"

	"winnow/infer/npy"
)

func TestWrittenArraysReadBack(t *testing.T) {
	for _, a := range []npy.Array{
		{Type: "i1", Shape: []int{2, 3}, Data: []byte{1, 2, 3, 4, 5, 255}},
		{Type: "f4", Shape: []int{2}, Data: make([]byte, 8)},
		{Type: "i8", Data: make([]byte, 8)},
		{Type: "u1", Shape: []int{0, 4}},
	} {
		b := a.Bytes()
		got, err := npy.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.Type != a.Type || !slices.Equal(got.Shape, a.Shape) || !bytes.Equal(got.Data, a.Data) {
			t.Errorf("%+v became %+v", a, got)
		}
		if (len(b)-len(a.Data))%64 != 0 {
			t.Errorf("the header of %v takes %d bytes, no multiple of 64", a.Shape, len(b)-len(a.Data))
		}
	}
}

// TestHeaderIsNumPys is what numpy.save writes for the array [[1, 2]] of int8.
func TestHeaderIsNumPys(t *testing.T) {
	a := npy.Array{Type: "i1", Shape: []int{1, 2}, Data: []byte{1, 2}}
	want := "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 2), }"
	if got := string(a.Bytes()[10 : 10+len(want)]); got != want {
		t.Errorf("header %q, want %q", got, want)
	}
}

func TestBadFilesAreRefused(t *testing.T) {
	head := func(h string) []byte { return append([]byte("\x93NUMPY\x01\x00"+string(rune(len(h)))+"\x00"), h...) }
	for name, b := range map[string][]byte{
		"empty":      nil,
		"text":       []byte("hello, this is no array"),
		"cut header": []byte("\x93NUMPY\x01\x00\xff\xff{"),
		"big-endian": head("{'descr': '>f4', 'fortran_order': False, 'shape': (0,), }"),
		"fortran":    head("{'descr': '<f4', 'fortran_order': True, 'shape': (0,), }"),
		"objects":    head("{'descr': '|O', 'fortran_order': False, 'shape': (0,), }"),
		"huge":       head("{'descr': '|i1', 'fortran_order': False, 'shape': (99999, 99999, 99999), }"),
		"negative":   head("{'descr': '|i1', 'fortran_order': False, 'shape': (-1,), }"),
		"short":      head("{'descr': '|i1', 'fortran_order': False, 'shape': (9,), }"),
	} {
		if a, err := npy.Read(b); err == nil {
			t.Errorf("%s: read as %+v", name, a)
		}
	}
}

func TestReadZip(t *testing.T) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	a := npy.Array{Type: "u1", Shape: []int{3}, Data: []byte{7, 8, 9}}
	w, err := z.Create("x.npy")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(a.Bytes()); err != nil {
		t.Fatal(err)
	}
	z.Close()
	all, err := npy.ReadZip(buf.Bytes())
	if err != nil || all["x"] == nil || !bytes.Equal(all["x"].Data, a.Data) {
		t.Errorf("%v %v", all, err)
	}
	if _, err := npy.ReadZip([]byte("no zip")); err == nil {
		t.Error("text was read as an archive")
	}
}

func FuzzRead(f *testing.F) {
	f.Add((&npy.Array{Type: "f4", Shape: []int{2, 2}, Data: make([]byte, 16)}).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := npy.Read(b)
		if err != nil {
			return
		}
		if got, err := npy.Read(a.Bytes()); err != nil || !slices.Equal(got.Shape, a.Shape) || !bytes.Equal(got.Data, a.Data) {
			t.Errorf("%+v became %+v (%v)", a, got, err)
		}
	})
}

// TestHeaderLongerThan32BitsCount is refused where int has 32 bits, too (GOARCH=386).
func TestHeaderLongerThan32BitsCount(t *testing.T) {
	if _, err := npy.Read([]byte("\x93NUMPY\x02\x00\xf0\xff\xff\xff{'descr': '|i1', 'fortran_order': False, 'shape': (1,), }")); err == nil {
		t.Error("accepted")
	}
}
