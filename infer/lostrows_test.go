package infer

import (
	"math/rand/v2"
	"testing"

	"winnow/edge"
)

// TestOnlyRowsThatAreJudgedCanBeLost: black above a region of interest, such as the edge of a belt, is
// no sign of a frame that was cut off; rows that never came into the region are.
func TestOnlyRowsThatAreJudgedCanBeLost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	p := NewPreprocessor(32, 32, &[4]int{20, 40, 100, 100})
	p.SetSensor(&Sensor{Schema: SensorSchema})
	for _, c := range []struct {
		from, to int
		bad      bool
	}{{0, 0, false}, {0, 40, false}, {0, 50, true}, {80, 100, true}} {
		f := scenery(r, 100, 100, edge.RGB24)
		cut(f, c.from, c.to)
		if err := p.Run(f, make([]byte, 32*32*3)); err != nil {
			t.Fatal(err)
		}
		if missing, bad := p.Missing(); bad != c.bad {
			t.Errorf("rows %d to %d lost: bad is %v with %g missing", c.from, c.to, bad, missing)
		}
	}
	f, dst := scenery(r, 100, 100, edge.RGB24), make([]byte, 32*32*3)
	if n := testing.AllocsPerRun(5, func() { _ = p.Run(f, dst) }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

// TestRowsUnderTheMaskCannotBeLost: what is ignored may be black; what is not may not.
func TestRowsUnderTheMaskCannotBeLost(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 7))
	pix := make([]uint8, 50*50) // rows 20 to 39 count
	for i := 20 * 50; i < 40*50; i++ {
		pix[i] = 255
	}
	m, err := NewMask(pix, 50, 50, make([]byte, 32*32*3), 32, 32)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPreprocessor(32, 32, nil)
	if err := p.SetMask(m); err != nil {
		t.Fatal(err)
	}
	p.SetSensor(&Sensor{Schema: SensorSchema})
	for _, c := range []struct {
		from, to int
		bad      bool
	}{{0, 0, false}, {0, 40, false}, {0, 41, true}, {80, 100, false}, {79, 100, true}, {0, 100, true}} {
		f := scenery(r, 100, 100, edge.RGB24)
		cut(f, c.from, c.to)
		if err := p.Run(f, make([]byte, 32*32*3)); err != nil {
			t.Fatal(err)
		}
		if missing, bad := p.Missing(); bad != c.bad {
			t.Errorf("rows %d to %d lost: bad is %v with %g missing", c.from, c.to, bad, missing)
		}
	}
}
