package infer

import (
	"math/rand/v2"
	"testing"

	"winnow/edge"
)

// BenchmarkPreprocess brings camera frames to 256x256.
func BenchmarkPreprocess(b *testing.B) {
	for name, f := range map[string]*edge.Frame{
		"same":     {Width: 256, Height: 256, Stride: 768, Format: edge.RGB24},
		"vga":      {Width: 640, Height: 480, Stride: 1920, Format: edge.RGB24},
		"vga-gray": {Width: 640, Height: 480, Stride: 640},
	} {
		f.Pix = make([]byte, f.Height*f.Stride)
		for i := range f.Pix {
			f.Pix[i] = byte(i * 7)
		}
		p, dst := NewPreprocessor(256, 256, nil), make([]byte, 256*256*3)
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if err := p.Run(f, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRepairWholeFrame(b *testing.B) {
	f := scenery(rand.New(rand.NewPCG(1, 1)), 640, 480, edge.RGB24)
	r := newRepairer(&Sensor{Schema: SensorSchema})
	for b.Loop() {
		r.run(f)
	}
}
