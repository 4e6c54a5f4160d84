package train

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"winnow/infer/native"
	"winnow/infer/tf/lazy"
)

// tensorLibrary makes TensorFlow usable, or skips; under STRICT=1 it has to be there.
func tensorLibrary(t *testing.T) func() (string, error) {
	t.Helper()
	load := lazy.Loader("")
	if err := loadLibrary(load); err != nil {
		if Built && os.Getenv("STRICT") == "1" {
			t.Fatal(err)
		}
		t.Skipf("not here: %v", err)
	}
	return load
}

var small = Shape{8, 8, 8}

// waves are good parts: every channel a wave whose phase varies from part to
// part, so that few numbers describe a part.
func waves(n int, seed uint64) [][]byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var rows [][]byte
	for range n {
		a, b := r.Float64()*6, r.Float64()*6
		row := make([]byte, small.Size())
		for y := range small.H {
			for x := range small.W {
				for c := range small.C {
					v := math.Sin(a+float64(x)*0.7+float64(c)) + math.Cos(b+float64(y)*0.6-float64(c))
					row[(y*small.W+x)*small.C+c] = byte(int8(16 * v))
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// spotted are the same with one place that fits nothing.
func spotted(n int, seed uint64) [][]byte {
	rows := waves(n, seed)
	for i, row := range rows {
		at := (i*7 + 18) % (small.H * small.W) * small.C
		for c := range small.C {
			row[at+c] = byte(int8(row[at+c]) ^ 0x55)
		}
	}
	return rows
}

func wavesData() *Data {
	d := &Data{In: small, Out: small, Held: Views{Inputs: waves(24, 2)}, Synthetic: Views{Inputs: spotted(24, 3)}}
	for _, row := range waves(64, 1) {
		d.Train = append(d.Train, Views{Inputs: [][]byte{row}})
	}
	return d
}

// tiny is a recipe that takes a second.
func tiny(t *testing.T, keys string) *Recipe {
	t.Helper()
	r, err := ParseRecipe([]byte(keys))
	if err != nil {
		t.Fatal(err)
	}
	if r.Loop.Steps > 400 {
		r.Loop.Steps = 120
	}
	r.Network.Width, r.Network.Code = 16, 8
	r.Loop.Warmup, r.Loop.Batch = 10, 16
	r.Validation.Every = 40
	return r
}

func config(t *testing.T) Config {
	return Config{Load: tensorLibrary(t), Engine: native.New(), Threads: 1}
}

func trained(t *testing.T, r *Recipe, d *Data) *Model {
	t.Helper()
	m, err := Train(context.Background(), config(t), r, d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
