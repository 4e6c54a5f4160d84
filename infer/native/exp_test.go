package native

import (
	"math"
	"testing"
)

func TestExpAndTanhAreAccurate(t *testing.T) {
	for x := -120.0; x < 120; x += 0.0137 {
		if a, b := exp(x), math.Exp(x); math.Abs(a-b) > 4e-15*b {
			t.Fatalf("exp(%v) = %v, want %v", x, a, b)
		}
		if a, b := tanh(x/20), math.Tanh(x/20); math.Abs(a-b) > 1e-10*math.Abs(b) {
			t.Fatalf("tanh(%v) = %v, want %v", x/20, a, b)
		}
	}
	if exp(-1e9) != 0 || exp(0) != 1 || tanh(0) != 0 {
		t.Error("at the ends")
	}
}

// TestMultiplierIsGemmlowps compares with the real product.
func TestMultiplierIsGemmlowps(t *testing.T) {
	for _, v := range []float64{1e-9, 0.001, 0.3, 0.5, 0.99999, 1, 1.7, 31, 1e4} {
		m := newMultiplier(v)
		for _, x := range []int32{-255, -128, -1, 0, 1, 7, 255} {
			if got, want := float64(m.apply(x)), float64(x)*v; math.Abs(got-want) > 1 {
				t.Errorf("%d * %v = %v, want %v", x, v, got, want)
			}
		}
	}
	if newMultiplier(0).apply(100) != 0 {
		t.Error("times 0")
	}
	if got := doublingHighMul(-1<<15, -1<<15, 15); got != 1<<15-1 {
		t.Errorf("saturates at %d", got)
	}
	for x, want := range map[int64]int64{5: 3, -5: -3, 4: 2, 6: 3, -6: -3, -7: -4} {
		if got := divideByPowerOfTwo(x, 1); got != want {
			t.Errorf("%d/2 = %d, want %d", x, got, want)
		}
	}
}
