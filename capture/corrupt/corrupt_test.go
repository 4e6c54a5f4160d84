package corrupt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"winnow/edge"
)

// picture is a smooth colour picture with an edge and a bright blot.
func picture(format edge.PixelFormat) *edge.Frame {
	const w, h = 256, 200
	bpp := format.BytesPerPixel()
	f := &edge.Frame{Width: w, Height: h, Stride: w*bpp + 5, Format: format}
	f.Pix = make([]byte, h*f.Stride)
	for y := range h {
		for x := range w {
			for c := range bpp {
				v := 40 + x/2 + (x*7+y*3)%9 + c*20
				if y > 40 {
					v += 50
				}
				if (x-30)*(x-30)+(y-30)*(y-30) < 60 {
					v = 230
				}
				f.Pix[y*f.Stride+x*bpp+c] = byte(v)
			}
		}
	}
	return f
}

// distance is the sum of absolute differences of pixels.
func distance(a, b *edge.Frame) int {
	sum := 0
	for y := range a.Height {
		for i, v := range a.Row(y) {
			d := int(v) - int(b.Row(y)[i])
			sum += max(d, -d)
		}
	}
	return sum
}

func TestGradesGrow(t *testing.T) {
	for _, k := range Kinds() {
		before := 0
		for grade := 1; grade <= Grades; grade++ {
			f, clean := picture(edge.RGB24), picture(edge.RGB24)
			if err := Apply(f, k, grade, 7, 3); err != nil {
				t.Fatal(err)
			}
			d := distance(f, clean)
			if d <= before {
				t.Errorf("%s grade %d changes %d, the grade before %d", k, grade, d, before)
			}
			if Strength(k, grade) == "" {
				t.Errorf("%s grade %d has no words", k, grade)
			}
			before = d
		}
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, format := range []edge.PixelFormat{edge.RGB24, edge.Gray8} {
		for _, k := range Kinds() {
			a, b, other := picture(format), picture(format), picture(format)
			for f, i := range map[*edge.Frame]uint64{a: 5, b: 5, other: 6} {
				if err := Apply(f, k, 2, 1, i); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(a.Pix, b.Pix) {
				t.Errorf("%s on %v: the same seed gave other bytes", k, format)
			}
			varies := k == Noise || k == Occlusion || k == Shift
			if differs := !bytes.Equal(a.Pix, other.Pix); varies && !differs || (k == Dead || k == Lines) && differs {
				t.Errorf("%s on %v: another picture of the series differs: %v", k, format, differs)
			}
		}
	}
}

// The bytes of every corruption, so that figures of other days and processors
// can be compared. They change only with a changelog line.
func TestBytesAreTheseEverywhere(t *testing.T) {
	h := sha256.New()
	for _, k := range Kinds() {
		for grade := 1; grade <= Grades; grade++ {
			f := picture(edge.RGB24)
			if err := Apply(f, k, grade, 1, 2); err != nil {
				t.Fatal(err)
			}
			h.Write(f.Pix)
		}
	}
	const want = "8a6409b9fb445cd5"
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func TestGreyHasNoColourToCast(t *testing.T) {
	f, clean := picture(edge.Gray8), picture(edge.Gray8)
	if err := Apply(f, Cast, 3, 1, 1); err != nil || distance(f, clean) != 0 {
		t.Errorf("changed by %d, %v", distance(f, clean), err)
	}
}

// Nothing outside a row's pixels is touched, and a flat picture stays flat under
// what only moves or blurs.
func TestFlatStaysFlat(t *testing.T) {
	for _, k := range []Kind{Blur, Shift, Rotation} {
		f := picture(edge.RGB24)
		for i := range f.Pix {
			f.Pix[i] = 90
		}
		if err := Apply(f, k, 3, 1, 1); err != nil {
			t.Fatal(err)
		}
		for i, v := range f.Pix {
			if v != 90 {
				t.Fatalf("%s: byte %d is %d", k, i, v)
			}
		}
	}
}

func TestOcclusionCoversItsShare(t *testing.T) {
	f, clean := picture(edge.Gray8), picture(edge.Gray8)
	if err := Apply(f, Occlusion, 3, 1, 1); err != nil {
		t.Fatal(err)
	}
	n := 0
	for y := range f.Height {
		for i, v := range f.Row(y) {
			if v != clean.Row(y)[i] {
				n++
			}
		}
	}
	if share := float64(n) / float64(f.Width*f.Height); share < 0.08 || share > 0.11 {
		t.Errorf("%.3f of the picture is covered, 10 %% was asked for", share)
	}
}

func TestMistakesAreRefused(t *testing.T) {
	f := picture(edge.Gray8)
	if Apply(f, "rain", 1, 0, 0) == nil || Apply(f, Blur, 0, 0, 0) == nil || Apply(f, Blur, 4, 0, 0) == nil || Apply(&edge.Frame{}, Blur, 1, 0, 0) == nil {
		t.Error("an unknown corruption, a grade out of range or an empty frame was accepted")
	}
}
