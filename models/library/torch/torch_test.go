package torch_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"winnow/models/library/torch"
)

// file writes a legacy file by hand: one float tensor "w" of shape 2x3 that is
// the transpose of its storage, and one int64 scalar "n".
func file() *pickler {
	p := &pickler{}
	p.raw("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")
	p.raw("\x80\x02M\xe9\x03.")
	p.raw("\x80\x02}q\x00").text("little_endian").raw("\x88s.")
	p.raw("\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(")
	p.text("w").tensor("FloatStorage", "10", 6, 0, []int{2, 3}, []int{1, 2})
	p.text("n").tensor("LongStorage", "11", 1, 0, nil, nil)
	p.raw("u}").text("_metadata").raw("}sb.")
	p.raw("\x80\x02](").text("10").text("11").raw("e.")
	p.floats(1, 2, 3, 4, 5, 6)
	p.longs(-7)
	return p
}

type pickler struct{ bytes.Buffer }

func (p *pickler) raw(s string) *pickler { p.WriteString(s); return p }

func (p *pickler) text(s string) *pickler {
	p.WriteByte('X')
	_ = binary.Write(p, binary.LittleEndian, uint32(len(s)))
	return p.raw(s)
}

func (p *pickler) num(n int) *pickler {
	p.WriteByte('J')
	_ = binary.Write(p, binary.LittleEndian, int32(n))
	return p
}

func (p *pickler) tuple(ns []int) *pickler {
	p.raw("(")
	for _, n := range ns {
		p.num(n)
	}
	return p.raw("t")
}

func (p *pickler) tensor(kind, key string, count, off int, shape, stride []int) *pickler {
	p.raw("ctorch._utils\n_rebuild_tensor_v2\n((").text("storage").raw("ctorch\n" + kind + "\n")
	p.text(key).text("cpu").num(count).raw("NtQ").num(off).tuple(shape).tuple(stride)
	return p.raw("\x89ccollections\nOrderedDict\n)RtR")
}

func (p *pickler) floats(vs ...float32) {
	_ = binary.Write(p, binary.LittleEndian, int64(len(vs)))
	_ = binary.Write(p, binary.LittleEndian, vs)
}

func (p *pickler) longs(vs ...int64) {
	_ = binary.Write(p, binary.LittleEndian, int64(len(vs)))
	_ = binary.Write(p, binary.LittleEndian, vs)
}

const limit = 1 << 16

func TestReadLegacy(t *testing.T) {
	got, err := torch.ReadLegacy(file(), limit)
	if err != nil {
		t.Fatal(err)
	}
	if w := got["w"]; !slices.Equal(w.Shape, []int{2, 3}) || !slices.Equal(w.Float, []float32{1, 3, 5, 2, 4, 6}) {
		t.Errorf("w = %+v, want the transpose 1 3 5 / 2 4 6", w)
	}
	if n := got["n"]; len(n.Shape) != 0 || !slices.Equal(n.Int, []int64{-7}) {
		t.Errorf("n = %+v, want the scalar -7", n)
	}
}

func TestRefused(t *testing.T) {
	good := file().String()
	for _, c := range []struct{ name, old, new, want string }{
		{"a call of anything else", "torch._utils\n_rebuild_tensor_v2", "posix\nsystem", "refused"},
		{"another opcode", "}s" + "b.", "}s\x81.", "refused"},
		{"another storage", "torch\nLongStorage", "torch\nHalfStorage", "neither float32 nor int64"},
		{"another module's storage", "torch\nLongStorage", "evil\nLongStorage", "neither float32 nor int64"},
		{"a storage larger than the limit", "J\x06\x00\x00\x00N", "J\x06\x00\x00\x7fN", "over the limit"},
		{"a view beyond its storage", "J\x03\x00\x00\x00t", "J\x04\x00\x00\x00t", "leaves its storage"},
		{"another magic number", "\x6c\xfc", "\x6d\xfc", "magic"},
		{"another protocol", "M\xe9\x03", "M\xea\x03", "protocol 1002"},
		{"big-endian", "\x88s.", "\x89s.", "little-endian"},
		{"a key that is not described", "10X\x02\x00\x00\x0011e", "10X\x02\x00\x00\x0012e", "unknown"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if bad == good && c.old != c.new {
			t.Fatalf("%s: nothing to replace", c.name)
		}
		if _, err := torch.ReadLegacy(strings.NewReader(bad), limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestEveryTruncationIsAnError(t *testing.T) {
	good := file().Bytes()
	for n := range good {
		if _, err := torch.ReadLegacy(bytes.NewReader(good[:n]), limit); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(good))
		}
	}
}

func FuzzReadLegacy(f *testing.F) {
	f.Add(file().Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := torch.ReadLegacy(bytes.NewReader(b), limit)
		if err != nil {
			return
		}
		for name, w := range got {
			n := 1
			for _, d := range w.Shape {
				n *= d
			}
			if len(w.Float)+len(w.Int) != n || n > math.MaxInt32 {
				t.Fatalf("%q: shape %v with %d values", name, w.Shape, len(w.Float)+len(w.Int))
			}
		}
	})
}
