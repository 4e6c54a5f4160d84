package edge_test

import (
	"testing"

	"winnow/edge"
)

func TestZeroVerdictFires(t *testing.T) {
	var v edge.Verdict
	if v.Decision != edge.Unknown || !v.Fires(false) {
		t.Errorf("zero verdict: decision %v, fires %v; want unknown and a reject pulse", v.Decision, v.Fires(false))
	}
}

func TestDecisionsThatFire(t *testing.T) {
	for _, c := range []struct {
		d      edge.Decision
		unsure bool
		want   bool
	}{
		{edge.Unknown, false, true},
		{edge.Accept, true, false},
		{edge.Reject, false, true},
		{edge.Unsure, true, true},
		{edge.Unsure, false, false},
		{edge.Decision(77), false, true},
	} {
		v := edge.Verdict{Decision: c.d}
		if got := v.Fires(c.unsure); got != c.want {
			t.Errorf("%v with unsureFires=%v fires: %v, want %v", c.d, c.unsure, got, c.want)
		}
	}
}

func TestLateBecomesReject(t *testing.T) {
	v := edge.Verdict{Decision: edge.Accept, Due: 100}
	if v.Late(100) || v.Decision != edge.Accept {
		t.Error("a verdict exactly at its due instant is in time")
	}
	if !v.Late(101) || v.Decision != edge.Reject || v.Reason != edge.ReasonLate {
		t.Errorf("after due: %v %q", v.Decision, v.Reason)
	}
}

func TestNamesSurviveText(t *testing.T) {
	for d := edge.Unknown; d <= edge.Unsure; d++ {
		b, _ := d.MarshalText()
		var got edge.Decision
		if err := got.UnmarshalText(b); err != nil || got != d {
			t.Errorf("%s: %v %v", b, got, err)
		}
	}
	var d edge.Decision
	if err := d.UnmarshalText([]byte("maybe")); err == nil {
		t.Error(`decision "maybe" was accepted`)
	}
}

// TestFrameCheckBeyond32Bits: a forged recording may state sizes whose product is
// nothing in 32 bits.
func TestFrameCheckBeyond32Bits(t *testing.T) {
	f := edge.Frame{Width: 1 << 16, Height: 1 << 16, Stride: 3 << 16, Format: edge.RGB24}
	if f.Check() == nil {
		t.Error("65536x65536 pixels without a byte")
	}
}

func TestFrameCheck(t *testing.T) {
	good := edge.Frame{Pix: make([]byte, 2*12+9), Width: 3, Height: 3, Stride: 12, Format: edge.RGB24}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*edge.Frame){
		"short":  func(f *edge.Frame) { f.Pix = f.Pix[:len(f.Pix)-1] },
		"stride": func(f *edge.Frame) { f.Stride = 8 },
		"empty":  func(f *edge.Frame) { f.Width = 0 },
		"format": func(f *edge.Frame) { f.Format = 9 },
	} {
		f := good
		spoil(&f)
		if f.Check() == nil {
			t.Errorf("%s frame passed", name)
		}
	}
}
