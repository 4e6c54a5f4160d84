package kernel

import (
	"fmt"
	"testing"
)

// convShape is a square convolution with SAME padding.
type convShape struct{ out, k, in, outC, stride, up int }

// autoencoder are the layers of ae256 (up: its decoder reads a smaller picture).
var autoencoder = []convShape{
	{128, 3, 3, 16, 2, 1}, {64, 3, 16, 32, 2, 1}, {32, 3, 32, 64, 2, 1}, {16, 3, 64, 128, 2, 1}, {8, 3, 128, 64, 2, 1},
	{16, 3, 64, 128, 1, 2}, {32, 3, 128, 64, 1, 2}, {64, 3, 64, 32, 1, 2}, {128, 3, 32, 16, 1, 2}, {256, 3, 16, 3, 1, 2},
}

// pointwise are the 1x1 layers of EfficientNet-Lite0 and MobileNetV2 at 224.
var pointwise = []convShape{
	{112, 3, 3, 32, 2, 1},
	{112, 1, 32, 16, 1, 1}, {112, 1, 16, 96, 1, 1}, {56, 1, 96, 24, 1, 1}, {56, 1, 24, 144, 1, 1}, {28, 1, 144, 40, 1, 1},
	{28, 1, 40, 240, 1, 1}, {14, 1, 240, 80, 1, 1}, {14, 1, 80, 480, 1, 1}, {14, 1, 480, 112, 1, 1}, {14, 1, 112, 672, 1, 1},
	{7, 1, 672, 192, 1, 1}, {7, 1, 192, 1152, 1, 1}, {7, 1, 1152, 320, 1, 1}, {28, 1, 192, 32, 1, 1}, {14, 1, 384, 64, 1, 1}, {7, 1, 320, 1280, 1, 1},
}

func (s convShape) String() string {
	return fmt.Sprintf("%dx%d_k%d_%dto%d_s%d_up%d", s.out, s.out, s.k, s.in, s.outC, s.stride, s.up)
}

// conv is the shape with ordinary weights, a share of whose blocks is zero.
func (s convShape) conv(r rng, pruned float64) Conv {
	in := s.out * s.stride / s.up
	d := Conv{InH: in, InW: in, InC: s.in, OutH: s.out, OutW: s.out, OutC: s.outC, KH: s.k, KW: s.k,
		StrideH: s.stride, StrideW: s.stride, Up: s.up, PadTop: max(0, s.k-s.stride) / 2, PadLeft: max(0, s.k-s.stride) / 2, InZero: -128}
	d.Weights = make([]int8, s.outC*s.k*s.k*s.in)
	for i := range d.Weights {
		d.Weights[i] = int8(r.between(-127, 127))
	}
	if s.outC%16 == 0 && s.in%4 == 0 {
		r.prune(d.Weights, s.outC, s.k*s.k, s.in, pruned)
	}
	d.Requant = Requant{Scale: make([]float32, s.outC), Zero: -128, Min: -128, Max: 127}
	for c := range d.Scale {
		d.Scale[c] = 0.0002
	}
	return d
}

// dwShape is a square depthwise convolution with SAME padding.
type dwShape struct{ out, k, c, stride int }

// depthwise are the depthwise layers of EfficientNet-Lite0 at 224.
var depthwise = []dwShape{{112, 3, 32, 1}, {56, 3, 96, 2}, {56, 3, 144, 1}, {28, 5, 144, 2}, {28, 5, 240, 1}, {14, 3, 240, 2},
	{14, 3, 480, 1}, {14, 5, 480, 1}, {14, 5, 672, 1}, {7, 5, 672, 2}, {7, 5, 1152, 1}, {7, 3, 1152, 1}}

func (s dwShape) String() string {
	return fmt.Sprintf("%dx%d_k%d_%d_s%d", s.out, s.out, s.k, s.c, s.stride)
}

func (s dwShape) depthwise(r rng) Depthwise {
	in := s.out * s.stride
	d := Depthwise{InH: in, InW: in, InC: s.c, OutH: s.out, OutW: s.out, OutC: s.c, KH: s.k, KW: s.k,
		StrideH: s.stride, StrideW: s.stride, PadTop: (s.k - s.stride) / 2, PadLeft: (s.k - s.stride) / 2, InZero: -128}
	d.Weights = make([]int8, s.k*s.k*s.c)
	for i := range d.Weights {
		d.Weights[i] = int8(r.between(-127, 127))
	}
	d.Requant = Requant{Scale: make([]float32, s.c), Zero: -128, Min: -128, Max: 127}
	for c := range d.Scale {
		d.Scale[c] = 0.002
	}
	return d
}

// benchOp times op on one thread and prints GMAC/s of the dense evaluation.
func benchOp(b *testing.B, op Op, out, in int) {
	r := newRNG(1)
	dst, src, scratch := make([]int8, out), r.int8s(in), make([]byte, op.Scratch())
	for b.Loop() {
		op.Run(dst, src, scratch, 0, op.Units())
	}
	b.ReportMetric(float64(op.Info().MACs)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GMAC/s")
}

func benchConvs(b *testing.B, shapes []convShape) {
	for _, s := range Sets()[:len(Sets())-1] {
		for _, sh := range shapes {
			for _, pruned := range []float64{0, 0.75} {
				b.Run(fmt.Sprintf("%s/%v/pruned%.0f", s.Name(), sh, pruned*100), func(b *testing.B) {
					d := sh.conv(newRNG(1), pruned)
					op, err := s.Conv(d)
					if err != nil {
						b.Fatal(err)
					}
					benchOp(b, op, d.OutH*d.OutW*d.OutC, d.InH*d.InW*d.InC)
				})
			}
		}
	}
}

func BenchmarkAutoencoder(b *testing.B) { benchConvs(b, autoencoder) }
func BenchmarkPointwise(b *testing.B)   { benchConvs(b, pointwise) }

func BenchmarkDepthwise(b *testing.B) {
	for _, s := range Sets()[:len(Sets())-1] {
		for _, sh := range depthwise {
			b.Run(fmt.Sprintf("%s/%v", s.Name(), sh), func(b *testing.B) {
				d := sh.depthwise(newRNG(1))
				op, err := s.Depthwise(d)
				if err != nil {
					b.Fatal(err)
				}
				benchOp(b, op, d.OutH*d.OutW*d.OutC, d.InH*d.InW*d.InC)
			})
		}
	}
}

// BenchmarkFullyConnected times the two layers of a closed-form code.
func BenchmarkFullyConnected(b *testing.B) {
	for _, s := range Sets()[:len(Sets())-1] {
		for _, n := range [][2]int{{98304, 32}, {32, 98304}, {1280, 1000}} {
			b.Run(fmt.Sprintf("%s/%dto%d", s.Name(), n[0], n[1]), func(b *testing.B) {
				r := newRNG(1)
				d := FullyConnected{Rows: 1, In: n[0], Out: n[1], Weights: make([]int8, n[0]*n[1]),
					Requant: Requant{Scale: make([]float32, n[1]), Min: -128, Max: 127}}
				for i := range d.Weights {
					d.Weights[i] = int8(r.between(-127, 127))
				}
				op, err := s.FullyConnected(d)
				if err != nil {
					b.Fatal(err)
				}
				benchOp(b, op, d.Out, d.In)
			})
		}
	}
}

func BenchmarkElementwise(b *testing.B) {
	r := newRNG(1)
	x, y := r.int8s(98304), make([]int8, 98304)
	p, err := NewAdd(0.7, 0.9, 3, -4, 5, -128, 127)
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range Sets() {
		b.Run("add/"+s.Name(), func(b *testing.B) {
			b.SetBytes(int64(len(x)))
			for b.Loop() {
				s.Add(y, x, x, &p)
			}
		})
		b.Run("map/"+s.Name(), func(b *testing.B) {
			b.SetBytes(int64(len(x)))
			for b.Loop() {
				s.Map(y, x, new(Table))
			}
		})
	}
}

func BenchmarkPool(b *testing.B) {
	for _, s := range Sets() {
		for _, n := range [][2]int{{64, 24}, {32, 40}, {16, 112}, {8, 192}} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", s.Name(), n[0], n[0], n[1]), func(b *testing.B) {
				op, err := s.AvgPool(AvgPool{InH: n[0], InW: n[0], C: n[1], OutH: n[0], OutW: n[0], KH: 3, KW: 3,
					StrideH: 1, StrideW: 1, PadTop: 1, PadLeft: 1, Min: -128, Max: 127})
				if err != nil {
					b.Fatal(err)
				}
				benchOp(b, op, n[0]*n[0]*n[1], n[0]*n[0]*n[1])
			})
		}
	}
}

// BenchmarkPrepare packs all layers of the autoencoder, which is most of what
// loading it costs, and prints what they hold.
func BenchmarkPrepare(b *testing.B) {
	for _, s := range Sets() {
		b.Run(s.Name(), func(b *testing.B) {
			var all []Conv
			for _, sh := range autoencoder {
				all = append(all, sh.conv(newRNG(1), 0))
			}
			packed := 0
			for b.Loop() {
				packed = 0
				for _, d := range all {
					op, err := s.Conv(d)
					if err != nil {
						b.Fatal(err)
					}
					packed += op.Info().Packed
				}
			}
			b.ReportMetric(float64(packed)/(1<<20), "MiB")
		})
	}
}
