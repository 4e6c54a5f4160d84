package infer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
)

func TestFourierAgainstItsDefinition(t *testing.T) {
	f := newFFT()
	r := rand.New(rand.NewPCG(1, 1))
	re, im := make([]float64, regSide), make([]float64, regSide)
	for i := range re {
		re[i], im[i] = r.NormFloat64(), r.NormFloat64()
	}
	a, b := append([]float64(nil), re...), append([]float64(nil), im...)
	f.line(a, b)
	for k := range regSide {
		var sr, si float64
		for n := range regSide {
			s, c := math.Sincos(-2 * math.Pi * float64(k*n) / regSide)
			sr, si = sr+re[n]*c-im[n]*s, si+re[n]*s+im[n]*c
		}
		if math.Abs(sr-a[k]) > 1e-12 || math.Abs(si-b[k]) > 1e-12 {
			t.Fatalf("frequency %d: %g%+gi, want %g%+gi", k, a[k], b[k], sr, si)
		}
	}
}

func TestSpectrumOfRealCells(t *testing.T) {
	f := newFFT()
	r := rand.New(rand.NewPCG(1, 2))
	cells := make([]float64, regSide*regSide)
	for i := range cells {
		cells[i] = r.NormFloat64()
	}
	p := newField()
	f.forward(p, cells)
	for range 50 {
		u, v := r.IntN(regHalf), r.IntN(regSide)
		var sr, si float64
		for i, c := range cells {
			s, k := math.Sincos(-2 * math.Pi * float64(u*(i%regSide)+v*(i/regSide)) / regSide)
			sr, si = sr+c*k, si+c*s
		}
		if i := v*regHalf + u; math.Abs(sr-p.re[i]) > 1e-9 || math.Abs(si-p.im[i]) > 1e-9 {
			t.Fatalf("frequency %d,%d: %g%+gi, want %g%+gi", u, v, p.re[i], p.im[i], sr, si)
		}
	}
	for i := range p.im {
		p.im[i] = -p.im[i]
	}
	back := make([]float64, len(cells))
	f.real(back, p)
	for i, c := range cells {
		if math.Abs(back[i]/(regSide*regSide)-c) > 1e-12 {
			t.Fatalf("cell %d is %g there and back, it was %g", i, back[i]/(regSide*regSide), c)
		}
	}
}

// inputOf a picture of blots on a noisy ground that was moved by (dx, dy).
func inputOf(r *rand.Rand, w, h, dx, dy, light int) []byte {
	in := make([]byte, w*h*3)
	blots := [][3]int{{w / 2, h / 2, h / 4}, {w / 3, h / 3, h / 9}, {2 * w / 3, h / 2, h / 12}}
	for y := range h {
		for x := range w {
			v := 80 + light + r.IntN(9)
			for i, b := range blots {
				if ex, ey := x-dx-b[0], y-dy-b[1]; ex*ex+ey*ey < b[2]*b[2] {
					v += 40 - 25*i
				}
			}
			for c := range 3 {
				in[3*(y*w+x)+c] = uint8(v) ^ 0x80
			}
		}
	}
	return in
}

func TestRegistrationFindsShifts(t *testing.T) {
	for _, size := range [][2]int{{256, 256}, {320, 192}, {96, 96}} {
		w, h := size[0], size[1]
		r := rand.New(rand.NewPCG(9, 9))
		reg, err := newRegistrar(inputOf(r, w, h, 0, 0, 0), w, h)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 24 {
			dx, dy := r.IntN(w/5)-w/10, r.IntN(h/5)-h/10
			in := inputOf(r, w, h, dx, dy, 12*(n%3)-12)
			whole := bytes.Clone(in)
			reg.run(in)
			if d := max(reg.dx-dx, dx-reg.dx, reg.dy-dy, dy-reg.dy); d > 1 || reg.beyond {
				t.Fatalf("%dx%d: a shift of %d,%d is found as %d,%d (beyond: %v)", w, h, dx, dy, reg.dx, reg.dy, reg.beyond)
			}
			// the middle holds the very pixels, moved back
			x, y := w/2, h/2
			if in[3*(y*w+x)] != whole[3*((y+reg.dy)*w+x+reg.dx)] {
				t.Fatal("the picture was not moved back by whole pixels")
			}
		}
	}
}

// A print whose edges all lie four pixels apart stays in its place, and is found a
// pixel away from it.
func TestRegistrationOfAPrintOfCells(t *testing.T) {
	const side = 128
	ink := rand.New(rand.NewPCG(1, 1))
	var inked [side / 4][side / 4]bool
	for i := range side / 4 * side / 4 {
		inked[i/(side/4)][i%(side/4)] = ink.IntN(2) == 0
	}
	printed := func(seed uint64, dx, dy int) []byte {
		r, in := rand.New(rand.NewPCG(seed, 2)), make([]byte, 3*side*side)
		for i := range in {
			v := 150 + r.IntN(9)
			if x, y := (i/3%side-dx+side)%side, (i/3/side-dy+side)%side; inked[y/4][x/4] {
				v -= 90
			}
			in[i] = uint8(v) ^ 0x80
		}
		return in
	}
	for seed := range uint64(20) {
		for _, s := range [][2]int{{0, 0}, {1, 0}, {0, -1}, {3, -2}} {
			dx, dy, beyond, err := Register(printed(99, 0, 0), printed(seed, s[0], s[1]), side, side)
			if err != nil || dx != s[0] || dy != s[1] || beyond {
				t.Fatalf("%v away: found %d,%d, %v, %v", s, dx, dy, beyond, err)
			}
		}
	}
}

func TestRegistrationRefusesFarParts(t *testing.T) {
	const w, h = 256, 256
	r := rand.New(rand.NewPCG(9, 2))
	reg, err := newRegistrar(inputOf(r, w, h, 0, 0, 0), w, h)
	if err != nil {
		t.Fatal(err)
	}
	in := inputOf(r, w, h, 37, -3, 0)
	before := bytes.Clone(in)
	if reg.run(in); !reg.beyond || !bytes.Equal(in, before) {
		t.Errorf("a part 37 pixels away: moved by %d,%d, beyond: %v", reg.dx, reg.dy, reg.beyond)
	}
	flat := bytes.Repeat([]byte{9}, len(in))
	if reg.run(flat); reg.beyond || reg.dx != 0 || reg.dy != 0 {
		t.Errorf("an empty picture is moved by %d,%d", reg.dx, reg.dy)
	}
	if n := testing.AllocsPerRun(5, func() { reg.run(in) }); n != 0 {
		t.Errorf("%g allocations a picture", n)
	}
	if NewPreprocessor(64, 64, nil).SetReference(in) == nil {
		t.Error("a reference of another size was taken")
	}
}

// The bits of a spectrum and of what the phases say, so that shifts are the same on
// every processor: `make test` runs this under qemu too.
func TestRegistrationHasTheseBitsEverywhere(t *testing.T) {
	const w, h = 160, 128
	r := rand.New(rand.NewPCG(5, 5))
	reg, err := newRegistrar(inputOf(r, w, h, 0, 0, 0), w, h)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	put := func(values ...float64) {
		for _, v := range values {
			_ = binary.Write(sum, binary.LittleEndian, math.Float64bits(v))
		}
	}
	put(reg.spectrum.re...)
	put(reg.spectrum.im...)
	for n := range 8 {
		reg.run(inputOf(r, w, h, 3*n-11, 7-2*n, 0))
		put(reg.cells...)
		put(float64(reg.dx), float64(reg.dy))
	}
	const want = "e395d9237bebedf1"
	if got := hex.EncodeToString(sum.Sum(nil)[:8]); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func BenchmarkRegister(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 2))
	reg, err := newRegistrar(inputOf(r, 256, 256, 0, 0, 0), 256, 256)
	if err != nil {
		b.Fatal(err)
	}
	in, work := inputOf(r, 256, 256, 5, -3, 0), make([]byte, 256*256*3)
	for b.Loop() {
		copy(work, in)
		reg.run(work)
	}
}
