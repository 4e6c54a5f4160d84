package kernel

import (
	"encoding/binary"
	"fmt"
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
	data  map[string][]byte // constants of the file, by name
	diff  int64             // of the last comparison, what the flags come from
}

// newInterpreter runs the functions of the file; spoil changes them first.
func newInterpreter(t *testing.T, file string, spoil func(in *instruction)) *interpreter {
	t.Helper()
	m := &interpreter{t: t, data: map[string][]byte{}}
	m.funcs = parseAssembly(t, file, m.data)
	for _, code := range m.funcs {
		for i := range code {
			spoil(&code[i])
		}
	}
	return m
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
	mask        bool // K1
	isMem       bool
	base, index string
	scale, off  int64
}

func parseAssembly(t *testing.T, file string, data map[string][]byte) map[string][]instruction {
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
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "GLOBL"):
		case strings.HasPrefix(line, "DATA"): // DATA name<>+offset(SB)/4, $value, in order
			name, value, _ := strings.Cut(strings.TrimPrefix(line, "DATA "), ", $")
			name, _, _ = strings.Cut(name, "<>")
			v, _ := strconv.ParseUint(value, 0, 32)
			data[name] = binary.LittleEndian.AppendUint32(data[name], uint32(v))
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
		o.reg, o.mask = s, s == "K1"
		if n, err := strconv.Atoi(s[min(1, len(s)):]); err == nil && strings.Contains("XYZ", s[:1]) {
			o.vector, o.bytes = n, map[byte]int{'X': 16, 'Y': 32, 'Z': 64}[s[0]]
		}
		return o
	}
	o.isMem = true
	base, index, more := strings.Cut(place, ")")
	o.base = base
	if base == "SB" {
		o.base, _, _ = strings.Cut(off, "<>")
		return o
	}
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
	if b, ok := m.data[o.base]; ok {
		return b[:n]
	}
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
	taken, ok := map[string]bool{"JMP": true, "JZ": m.diff == 0, "JNZ": m.diff != 0, "JLT": m.diff < 0}[in.op]
	if !ok {
		m.t.Fatalf("instruction %d: %s is not written down here", pc, in.op)
	}
	if taken {
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
	case "KMOVQ":
		m.r["K1"] = m.word(a[0])
	case "LEAQ":
		m.setWord(last, m.r[a[0].base]+uint64(a[0].off)+m.r[a[0].index]*uint64(a[0].scale))
	case "ADDQ", "SUBQ", "DECQ", "SHLQ":
		v := m.word(last)
		switch in.op {
		case "ADDQ":
			v += m.word(a[0])
		case "SUBQ":
			v -= m.word(a[0])
		case "DECQ":
			v--
		case "SHLQ":
			v <<= m.word(a[0])
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
	for _, kind := range []string{"conv", "depthwise", "fully connected"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := &Set{isa: isaVNNI, machine: newInterpreter(t, "vnni_amd64.s", func(*instruction) {})}
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
	for _, spoil := range [][2]string{{"VPDPBUSD", "VPADDD"}, {"VPMAXSB", "VPADDSW"}, {"VMINPS", "VMULPS"}, {"VPXORD", "VPSUBD"}, {"VPERMD", "VPADDD"}} {
		s := &Set{isa: isaVNNI, machine: newInterpreter(t, "vnni_amd64.s", func(in *instruction) {
			if in.op == spoil[0] {
				in.op = spoil[1]
			}
		})}
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
