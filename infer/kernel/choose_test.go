package kernel

import (
	"strings"
	"testing"
	"unsafe"
)

func TestChoose(t *testing.T) {
	best, err := Choose("")
	if err != nil || best.Name() != Sets()[0].Name() {
		t.Fatalf("Choose(\"\") = %v, %v, want the first of Sets", best, err)
	}
	for _, s := range Sets() {
		if got, err := Choose(s.Name()); err != nil || got.Name() != s.Name() {
			t.Errorf("Choose(%q) = %v, %v", s.Name(), got, err)
		}
	}
	for _, name := range []string{"sse", "AVX2", "avx2 ", "generic,avx2"} {
		if _, err := Choose(name); err == nil || !strings.Contains(err.Error(), "choose from") || !strings.Contains(err.Error(), Env) {
			t.Errorf("Choose(%q): error %v, want one that lists the choices", name, err)
		}
	}
}

// TestSetsOfThisCPU says loudly which sets the other tests could not try here.
func TestSetsOfThisCPU(t *testing.T) {
	for _, name := range []string{"avx2", "avx512vnni", "neon", "dotprod"} {
		t.Run(name, func(t *testing.T) {
			if _, err := Choose(name); err != nil {
				t.Skipf("not here: this CPU has no %s, so NOTHING in this run executed those kernels "+
					"(testdata/arm64.sh runs the arm64 ones under qemu; on amd64, TestVNNIInterpreted interprets the "+
					"instructions of the AVX512-VNNI ones)", name)
			}
		})
	}
}

// TestArgsLayout compares the structs with the offsets that the assembly uses.
func TestArgsLayout(t *testing.T) {
	var a blockArgs
	var z zipArgs
	var p Add
	var r rowArgs
	var g rowGroup
	var m mixArgs
	var u sumArgs
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"blockArgs.in", unsafe.Offsetof(a.in), 0}, {"px", unsafe.Offsetof(a.px), 8}, {"tiles", unsafe.Offsetof(a.tiles), 16},
		{"offs", unsafe.Offsetof(a.offs), 24}, {"n", unsafe.Offsetof(a.n), 32}, {"w", unsafe.Offsetof(a.w), 40},
		{"bias", unsafe.Offsetof(a.bias), 48}, {"scale", unsafe.Offsetof(a.scale), 56}, {"out", unsafe.Offsetof(a.out), 64},
		{"zero", unsafe.Offsetof(a.zero), 72}, {"lo", unsafe.Offsetof(a.lo), 76}, {"hi", unsafe.Offsetof(a.hi), 80},
		{"hiF", unsafe.Offsetof(a.hiF), 84}, {"zero2", unsafe.Offsetof(a.zero2), 88}, {"lo4", unsafe.Offsetof(a.lo4), 92}, {"joined", unsafe.Offsetof(a.joined), 96},
		{"mask", unsafe.Offsetof(a.mask), 104}, {"pitch", unsafe.Offsetof(a.pitch), 112},
		{"step", unsafe.Offsetof(a.step), 120}, {"skip", unsafe.Offsetof(a.skip), 128}, {"length", unsafe.Offsetof(a.length), 136}, {"zipArgs.mask", unsafe.Offsetof(z.mask), 72}, {"more", unsafe.Offsetof(z.more), 80}, {"group", unsafe.Offsetof(z.group), 112}, {"plane", unsafe.Offsetof(z.plane), 120},
		{"tail", unsafe.Offsetof(a.tail), 144}, {"ending", unsafe.Offsetof(a.ending), 152},
		{"zipArgs.rows", unsafe.Offsetof(z.rows), 8}, {"n", unsafe.Offsetof(z.n), 40}, {"pixels", unsafe.Offsetof(z.pixels), 48},
		{"srcStep", unsafe.Offsetof(z.srcStep), 56}, {"dstStep", unsafe.Offsetof(z.dstStep), 64},
		{"rowArgs.groups", unsafe.Offsetof(r.groups), 16}, {"n", unsafe.Offsetof(r.n), 24}, {"w", unsafe.Offsetof(r.w), 32}, {"blocks", unsafe.Offsetof(r.blocks), 40},
		{"orders", unsafe.Offsetof(r.orders), 48}, {"rowGroup.dst", unsafe.Offsetof(g.dst), 16}, {"rowGroup", unsafe.Sizeof(g), 20},
		{"mixArgs.stride", unsafe.Offsetof(m.stride), 16}, {"n", unsafe.Offsetof(m.n), 24}, {"w", unsafe.Offsetof(m.w), 32}, {"pairs", unsafe.Offsetof(m.pairs), 40},
		{"sumArgs.n", unsafe.Offsetof(u.n), 8}, {"stride", unsafe.Offsetof(u.stride), 16}, {"dst", unsafe.Offsetof(u.dst), 24},
		{"sqr", unsafe.Offsetof(u.sqr), 32}, {"mask", unsafe.Offsetof(u.mask), 40},
		{"Add.MulB", unsafe.Offsetof(p.MulB), 4}, {"Bias", unsafe.Offsetof(p.Bias), 8}, {"Shift", unsafe.Offsetof(p.Shift), 12},
		{"Zero", unsafe.Offsetof(p.Zero), 16}, {"Min", unsafe.Offsetof(p.Min), 20}, {"Max", unsafe.Offsetof(p.Max), 21},
	} {
		if unsafe.Sizeof(uintptr(0)) == 8 && c.got != c.want {
			t.Errorf("%s at %d, the assembly has %d", c.name, c.got, c.want)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	for _, s := range Sets() {
		r := newRNG(3)
		c, d, f := r.conv(), r.depthwise(), r.fullyConnected()
		conv, _ := s.Conv(c)
		dw, _ := s.Depthwise(d)
		fc, _ := s.FullyConnected(f)
		p, _ := NewAdd(1, 1, 0, 0, 0, -128, 127)
		var tab Table
		mul := Mul{Scale: 1, Min: -128, Max: 127}
		buf := make([]int8, 1<<20)
		run := func(op Op, in, out int) {
			op.Run(buf[:out], buf[1<<18:][:in], bytesOf(buf[1<<19:][:op.Scratch()]), 0, op.Units())
		}
		if n := testing.AllocsPerRun(20, func() {
			run(conv, c.InH*c.InW*c.InC, c.OutH*c.OutW*c.OutC)
			run(dw, d.InH*d.InW*d.InC, d.OutH*d.OutW*d.OutC)
			run(fc, f.Rows*f.In, f.Rows*f.Out)
			s.Add(buf[:100], buf[100:200], buf[200:300], &p)
			s.Mul(buf[:100], buf[100:200], buf[200:300], &mul)
			s.Map(buf[:100], buf[100:200], &tab)
		}); n != 0 {
			t.Errorf("%s: %v allocations a run", s.Name(), n)
		}
	}
}

// TestRefusals feeds descriptions that cannot be.
func TestRefusals(t *testing.T) {
	s := &Set{}
	good := newRNG(1).conv()
	for name, spoil := range map[string]func(d *Conv){
		"no input":            func(d *Conv) { d.InH = 0 },
		"negative stride":     func(d *Conv) { d.StrideW = -1 },
		"weights missing":     func(d *Conv) { d.Weights = d.Weights[1:] },
		"scales missing":      func(d *Conv) { d.Scale = d.Scale[1:] },
		"a scale is negative": func(d *Conv) { d.Scale[0] = -1 },
		"biases":              func(d *Conv) { d.Bias = make([]int32, d.OutC+1) },
		"zero point":          func(d *Conv) { d.InZero = 128 },
		"range":               func(d *Conv) { d.Min, d.Max = 1, 0 },
		"huge":                func(d *Conv) { d.InH, d.InW, d.InC = 1<<20, 1<<20, 1<<20 },
		"up and stride":       func(d *Conv) { d.Up, d.StrideH = 2, 2 },
		"padding":             func(d *Conv) { d.PadTop = -1 },
	} {
		d := good
		d.Scale = append([]float32(nil), good.Scale...)
		spoil(&d)
		if _, err := s.Conv(d); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
