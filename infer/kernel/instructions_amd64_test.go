package kernel

import (
	"encoding/binary"
	"math"
	"strings"
)

// The vector instructions that the interpreter knows, by Intel's manual. Go lists
// operands the other way round, the destination last.

// vectorOp runs a vector instruction.
func (m *interpreter) vectorOp(in *instruction) bool {
	return m.moveOp(in) || m.laneOp(in)
}

// moveOp runs instructions that move bytes about.
func (m *interpreter) moveOp(in *instruction) bool {
	a := in.args
	dst := a[len(a)-1]
	n := dst.bytes
	switch in.op {
	case "VMOVDQU32", "VMOVDQU", "VMOVUPS", "VMOVDQA32":
		if dst.isMem {
			n = a[0].bytes
		}
		m.setVector(dst, m.value(a[0], n))
	case "VMOVDQU8", "VMOVDQU8.Z":
		m.masked(in)
	case "VPBROADCASTD", "VBROADCASTSS":
		m.setVector(dst, repeat(m.value(a[0], 4), n))
	case "VBROADCASTI32X4":
		m.setVector(dst, repeat(m.value(a[0], 16), n))
	case "VPMOVSDB":
		var out []byte
		for v := m.value(a[0], 64); len(v) > 0; v = v[4:] {
			out = append(out, byte(max(-128, min(127, int32(binary.LittleEndian.Uint32(v))))))
		}
		m.setVector(dst, out)
	case "VINSERTI32X4", "VINSERTI64X4":
		part := map[string]int{"VINSERTI32X4": 16, "VINSERTI64X4": 32}[in.op]
		out := m.value(a[2], n)
		copy(out[int(a[0].constant)*part:], m.value(a[1], part))
		m.setVector(dst, out)
	case "VEXTRACTI32X4", "VEXTRACTI64X4":
		part := map[string]int{"VEXTRACTI32X4": 16, "VEXTRACTI64X4": 32}[in.op]
		m.setVector(dst, m.value(a[1], 64)[int(a[0].constant)*part:][:part])
	case "VPERMD":
		from, at, out := m.value(a[0], n), m.value(a[1], n), make([]byte, n)
		for i := 0; i < n; i += 4 {
			copy(out[i:i+4], from[at[i]%16*4:])
		}
		m.setVector(dst, out)
	default:
		return false
	}
	return true
}

// masked moves the bytes that K1 has a bit for, and nothing else of memory.
func (m *interpreter) masked(in *instruction) {
	from, to := in.args[0], in.args[len(in.args)-1]
	n := max(from.bytes, to.bytes)
	out := make([]byte, n)
	for i := range n {
		if m.r["K1"]>>i&1 == 0 {
			continue
		}
		at, place := from, to
		at.off, place.off = at.off+int64(i), place.off+int64(i)
		v := m.z[max(0, from.vector)][i]
		if from.isMem {
			v = m.bytesAt(at, 1)[0]
		}
		if to.isMem {
			m.bytesAt(place, 1)[0] = v
		}
		out[i] = v
	}
	if !to.isMem {
		m.setVector(to, out)
	}
}

func repeat(v []byte, n int) []byte { return []byte(strings.Repeat(string(v), n/len(v))) }

// laneOp runs instructions that compute lanes of 16 or of 4 bytes each on their own.
func (m *interpreter) laneOp(in *instruction) bool {
	a := in.args
	dst := a[len(a)-1]
	y := m.value(a[0], dst.bytes)
	x := y
	if len(a) == 3 {
		x = m.value(a[1], dst.bytes)
	}
	out := m.value(dst, dst.bytes)
	for i := 0; i < dst.bytes; i += 16 {
		if wide, ok := lane16(in.op, x[i:i+16], y[i:i+16]); ok {
			copy(out[i:], wide)
			continue
		}
		for j := i; j < i+16; j += 4 {
			v, ok := lane(in.op, x[j:], y[j:], binary.LittleEndian.Uint32(out[j:]))
			if !ok {
				return false
			}
			binary.LittleEndian.PutUint32(out[j:], v)
		}
	}
	m.setVector(dst, out)
	return true
}

// lane16 computes one lane of 16 bytes: x is Intel's first source, y its second.
func lane16(op string, x, y []byte) ([]byte, bool) {
	if size, ok := strings.CutPrefix(op, "VPUNPCK"); ok {
		return unpack(map[string]int{"BW": 1, "WD": 2, "DQ": 4, "QDQ": 8}[size[1:]], size[0] == 'H', x, y), true
	}
	var out []byte
	switch op {
	case "VPSHUFB":
		for _, at := range y {
			if at > 127 {
				out = append(out, 0)
				continue
			}
			out = append(out, x[at%16])
		}
	case "VPACKSSDW":
		for _, v := range [][]byte{x, y} {
			for ; len(v) > 0; v = v[4:] {
				out = binary.LittleEndian.AppendUint16(out, uint16(max(-32768, min(32767, int32(binary.LittleEndian.Uint32(v))))))
			}
		}
	case "VPACKSSWB":
		for _, v := range [][]byte{x, y} {
			for ; len(v) > 0; v = v[2:] {
				out = append(out, byte(max(-128, min(127, int16(binary.LittleEndian.Uint16(v))))))
			}
		}
	case "VPADDSW":
		for i := 0; i < 16; i += 2 {
			sum := int(int16(binary.LittleEndian.Uint16(x[i:]))) + int(int16(binary.LittleEndian.Uint16(y[i:])))
			out = binary.LittleEndian.AppendUint16(out, uint16(max(-32768, min(32767, sum))))
		}
	case "VPMAXSB":
		for i := range x {
			out = append(out, byte(max(int8(x[i]), int8(y[i]))))
		}
	default:
		return nil, false
	}
	return out, true
}

// unpack interleaves the low or high halves of x and y by pieces of size bytes.
func unpack(size int, high bool, x, y []byte) []byte {
	at := 0
	if high {
		at = 8
	}
	var out []byte
	for i := at; i < at+8; i += size {
		out = append(append(out, x[i:i+size]...), y[i:i+size]...)
	}
	return out
}

// lane computes one 32-bit lane: x is Intel's first source, y its second.
func lane(op string, x, y []byte, acc uint32) (uint32, bool) {
	xi, yi := binary.LittleEndian.Uint32(x), binary.LittleEndian.Uint32(y)
	xf, yf := math.Float32frombits(xi), math.Float32frombits(yi)
	switch op {
	case "VPXORD":
		return xi ^ yi, true
	case "VPORD":
		return xi | yi, true
	case "VPADDD":
		return xi + yi, true
	case "VPSUBD":
		return xi - yi, true
	case "VPMAXSD":
		return uint32(max(int32(xi), int32(yi))), true
	case "VCVTDQ2PS":
		return math.Float32bits(float32(int32(yi))), true
	case "VMULPS":
		return math.Float32bits(float32(xf * yf)), true
	case "VMINPS":
		if xf < yf {
			return xi, true
		}
		return yi, true
	case "VCVTPS2DQ":
		r := math.RoundToEven(float64(yf))
		if !(r >= math.MinInt32 && r <= math.MaxInt32) {
			return 0x80000000, true
		}
		return uint32(int32(r)), true
	case "VPDPBUSD": // unsigned bytes of the first source, signed of the second
		for i := range 4 {
			acc += uint32(int32(x[i]) * int32(int8(y[i])))
		}
		return acc, true
	}
	return 0, false
}
