package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// interpreter runs the functions of vnni_amd64.s, so that their logic is tested
// on CPUs without AVX512-VNNI: each instruction is written down here by Intel's
// manual. What it cannot test is that Go's assembler encodes them as meant.
type interpreter struct {
	t     *testing.T
	funcs map[string][]instruction
	r     map[string]uint64 // general registers
	keep  []any             // what registers point to, on the heap
	z     [32][64]byte      // vector registers
	diff  int64             // of the last comparison, what the flags come from
}

type instruction struct {
	op   string
	args []operand
	next int // of a jump: index of its target
}

// operand is a register, a constant or a place in memory.
type operand struct {
	reg         string
	vector      int // -1: no vector register
	bytes       int // of a vector register
	constant    int64
	isMem       bool
	base, index string
	scale, off  int64
}

func parseAssembly(t *testing.T, file string) map[string][]instruction {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	funcs, labels := map[string][]instruction{}, map[string]int{}
	name := ""
	link := func() {
		for i, in := range funcs[name] {
			if strings.HasPrefix(in.op, "J") {
				funcs[name][i].next = labels[in.args[0].reg]
			}
		}
		clear(labels)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "//")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "TEXT"):
			link()
			name, _, _ = strings.Cut(strings.TrimPrefix(line, "TEXT ·"), "(")
		case strings.HasSuffix(line, ":"):
			labels[strings.TrimSuffix(line, ":")] = len(funcs[name])
		default:
			op, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			in := instruction{op: op}
			for a := range strings.SplitSeq(rest, ", ") {
				in.args = append(in.args, parseOperand(strings.TrimSpace(a)))
			}
			funcs[name] = append(funcs[name], in)
		}
	}
	link()
	return funcs
}

func parseOperand(s string) operand {
	o := operand{vector: -1}
	if c, ok := strings.CutPrefix(s, "$"); ok {
		o.constant, _ = strconv.ParseInt(c, 0, 64)
		return o
	}
	off, place, ok := strings.Cut(s, "(")
	if !ok {
		o.reg = s
		if n, err := strconv.Atoi(s[min(1, len(s)):]); err == nil && strings.Contains("XYZ", s[:1]) {
			o.vector, o.bytes = n, map[byte]int{'X': 16, 'Y': 32, 'Z': 64}[s[0]]
		}
		return o
	}
	o.isMem = true
	base, index, more := strings.Cut(place, ")")
	o.base = base
	if _, at, named := strings.Cut(off, "+"); named && base == "FP" {
		off = at
	}
	o.off, _ = strconv.ParseInt(off, 0, 64)
	if more && index != "" {
		reg, scale, _ := strings.Cut(strings.Trim(index, "()"), "*")
		o.index = reg
		o.scale, _ = strconv.ParseInt(scale, 0, 64)
	}
	return o
}

// bytesAt is memory as the kernels see it.
func (m *interpreter) bytesAt(o operand, n int) []byte {
	at := m.r[o.base] + uint64(o.off) + m.r[o.index]*uint64(o.scale)
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), n)
}

// value is n bytes of an operand.
func (m *interpreter) value(o operand, n int) []byte {
	var b [64]byte
	switch {
	case o.vector >= 0:
		copy(b[:], m.z[o.vector][:n])
	case o.isMem:
		copy(b[:], m.bytesAt(o, n))
	case o.reg != "":
		binary.LittleEndian.PutUint64(b[:], m.r[o.reg])
	default:
		binary.LittleEndian.PutUint64(b[:], uint64(o.constant))
	}
	return b[:n]
}

func (m *interpreter) word(o operand) uint64 { return binary.LittleEndian.Uint64(m.value(o, 8)) }

// setWord writes a general register or 8 bytes of memory.
func (m *interpreter) setWord(o operand, v uint64) {
	if o.isMem {
		binary.LittleEndian.PutUint64(m.bytesAt(o, 8), v)
		return
	}
	m.r[o.reg] = v
}

// setVector writes a vector register, zeroing what is above, or memory.
func (m *interpreter) setVector(o operand, v []byte) {
	if o.isMem {
		copy(m.bytesAt(o, len(v)), v)
		return
	}
	m.z[o.vector] = [64]byte{}
	copy(m.z[o.vector][:], v)
}

// call runs a function whose arguments are the given words.
func (m *interpreter) call(name string, args ...uint64) {
	code, ok := m.funcs[name]
	if !ok {
		m.t.Fatalf("no function %s", name)
	}
	frame := append([]uint64(nil), args...)
	m.keep = append(m.keep, &frame[0])
	defer func() { m.keep = m.keep[:0] }()
	m.r = map[string]uint64{"FP": uint64(uintptr(unsafe.Pointer(&frame[0])))}
	for pc := 0; code[pc].op != "RET"; {
		if in := &code[pc]; strings.HasPrefix(in.op, "J") {
			pc = m.jump(in, pc)
			continue
		}
		if !m.general(&code[pc]) && !m.vectorOp(&code[pc]) {
			m.t.Fatalf("%s: instruction %d: %s is not written down here", name, pc, code[pc].op)
		}
		pc++
	}
}

func (m *interpreter) jump(in *instruction, pc int) int {
	if in.op == "JMP" || in.op == "JZ" && m.diff == 0 || in.op == "JNZ" && m.diff != 0 || in.op == "JLT" && m.diff < 0 {
		return in.next
	}
	return pc + 1
}

// general runs an instruction of the general registers.
func (m *interpreter) general(in *instruction) bool {
	a := in.args
	last := a[len(a)-1]
	switch in.op {
	case "MOVQ":
		m.setWord(last, m.word(a[0]))
	case "MOVL":
		m.setWord(last, uint64(uint32(m.word(a[0]))))
	case "MOVLQSX":
		m.setWord(last, uint64(int64(int32(binary.LittleEndian.Uint32(m.value(a[0], 4))))))
	case "ADDQ", "SUBQ", "DECQ", "XORQ":
		v := m.word(last)
		switch in.op {
		case "ADDQ":
			v += m.word(a[0])
		case "SUBQ":
			v -= m.word(a[0])
		case "DECQ":
			v--
		case "XORQ":
			v ^= m.word(a[0])
		}
		m.diff = int64(v)
		m.setWord(last, v)
	case "TESTQ":
		m.diff = int64(m.word(a[0]) & m.word(a[1]))
	case "CMPQ": // Go compares the first with the second
		m.diff = int64(m.word(a[0])) - int64(m.word(a[1]))
	case "PREFETCHT0", "VZEROUPPER":
	default:
		return false
	}
	return true
}

// vectorOp runs a vector instruction; Go lists operands with the destination last.
func (m *interpreter) vectorOp(in *instruction) bool {
	a := in.args
	dst := a[len(a)-1]
	n := dst.bytes
	switch in.op {
	case "VMOVDQU32", "VMOVDQU", "VMOVUPS":
		if dst.isMem {
			n = a[0].bytes
		}
		m.setVector(dst, m.value(a[0], n))
		return true
	case "VPBROADCASTD", "VBROADCASTSS":
		v := m.value(a[0], 4)
		m.setVector(dst, []byte(strings.Repeat(string(v), n/4)))
		return true
	case "VPMOVSDB":
		var out []byte
		for v := m.value(a[0], 64); len(v) > 0; v = v[4:] {
			out = append(out, byte(max(-128, min(127, int32(binary.LittleEndian.Uint32(v))))))
		}
		m.setVector(dst, out)
		return true
	case "VPUNPCKLBW", "VPUNPCKHBW", "VPUNPCKLWD", "VPUNPCKHWD":
		m.setVector(dst, unpack(in.op, m.value(a[1], 16), m.value(a[0], 16)))
		return true
	}
	out := m.value(dst, n)
	for i := 0; i < n; i += 4 {
		y := m.value(a[0], n)[i:]
		x := y
		if len(a) == 3 {
			x = m.value(a[1], n)[i:]
		}
		v, ok := lane(in.op, x, y, binary.LittleEndian.Uint32(out[i:]))
		if !ok {
			return false
		}
		binary.LittleEndian.PutUint32(out[i:], v)
	}
	m.setVector(dst, out)
	return true
}

// unpack interleaves the low or high halves of x and y by bytes or words.
func unpack(op string, x, y []byte) []byte {
	size, at := 1, 0
	if strings.HasSuffix(op, "WD") {
		size = 2
	}
	if strings.Contains(op, "KH") {
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

func (m *interpreter) blocks(name string, a blockArgs) {
	m.keep = append(m.keep, &a)
	m.call(name, uint64(uintptr(unsafe.Pointer(&a))))
}

func (m *interpreter) zip(name string, a zipArgs) {
	m.keep = append(m.keep, &a)
	m.call(name, uint64(uintptr(unsafe.Pointer(&a))))
}

func (m *interpreter) flip(dst, src []byte) {
	m.call("flipVNNI", uint64(uintptr(ptr(dst))), uint64(uintptr(ptr(src))), uint64(len(src)))
}

// TestVNNIInterpreted runs the AVX512-VNNI kernels in the interpreter, against the
// definition.
func TestVNNIInterpreted(t *testing.T) {
	funcs := parseAssembly(t, "vnni_amd64.s")
	for _, kind := range []string{"conv", "depthwise", "fully connected"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := &Set{isa: isaVNNI, machine: &interpreter{t: t, funcs: funcs}}
			for i := range rounds(400) {
				r := newRNG(uint64(i))
				switch kind {
				case "conv":
					checkConv(t, s, r, r.conv())
				case "depthwise":
					checkDepthwise(t, s, r, r.depthwise())
				default:
					checkFC(t, s, r, r.fullyConnected())
				}
			}
		})
	}
}

// TestInterpreterNotices runs a kernel with one instruction spoiled at a time: the
// comparison must fail, or it proves nothing.
func TestInterpreterNotices(t *testing.T) {
	for _, spoil := range [][2]string{{"VPDPBUSD", "VPADDD"}, {"VPMAXSD", "VPADDD"}, {"VMINPS", "VMULPS"}, {"VPXORD", "VPADDD"}} {
		funcs := parseAssembly(t, "vnni_amd64.s")
		for _, code := range funcs {
			for i := range code {
				if code[i].op == spoil[0] {
					code[i].op = spoil[1]
				}
			}
		}
		s := &Set{isa: isaVNNI, machine: &interpreter{t: t, funcs: funcs}}
		wrong := 0
		for i := range 12 {
			r := newRNG(uint64(i))
			d := r.conv()
			n, _ := d.normal()
			op, err := s.Conv(d)
			if err != nil {
				t.Fatal(err)
			}
			src := r.int8s(d.InH * d.InW * d.InC)
			got := make([]int8, d.OutH*d.OutW*d.OutC)
			op.Run(got, src, make([]byte, op.Scratch()), 0, op.Units())
			if fmt.Sprint(got) != fmt.Sprint(reference(&refConv{n}, src, len(got))) {
				wrong++
			}
		}
		if wrong == 0 {
			t.Errorf("%s for %s went unnoticed", spoil[1], spoil[0])
		}
	}
}
