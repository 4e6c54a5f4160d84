package kernel

import "testing"

// encoder256 are the convolutions of EfficientNet-Lite0 at 256x256, the encoder
// of shipped packages, and mobilenet those of MobileNetV2 at 224x224, as far as
// pointwise and depthwise do not have them.
var (
	encoder256 = []convShape{
		{128, 3, 3, 32, 2, 1}, {128, 1, 32, 16, 1, 1}, {128, 1, 16, 96, 1, 1}, {64, 1, 96, 24, 1, 1}, {64, 1, 24, 144, 1, 1},
		{64, 1, 144, 24, 1, 1}, {32, 1, 144, 40, 1, 1}, {32, 1, 40, 240, 1, 1}, {32, 1, 240, 40, 1, 1}, {16, 1, 240, 80, 1, 1},
		{16, 1, 80, 480, 1, 1}, {16, 1, 480, 80, 1, 1}, {16, 1, 480, 112, 1, 1}, {16, 1, 112, 672, 1, 1}, {16, 1, 672, 112, 1, 1},
		{8, 1, 672, 192, 1, 1}, {8, 1, 192, 1152, 1, 1}, {8, 1, 1152, 192, 1, 1}, {8, 1, 1152, 320, 1, 1},
	}
	mobilenet = []convShape{
		{56, 1, 144, 24, 1, 1}, {28, 1, 144, 32, 1, 1}, {28, 1, 32, 192, 1, 1}, {14, 1, 192, 64, 1, 1}, {14, 1, 64, 384, 1, 1},
		{14, 1, 384, 96, 1, 1}, {14, 1, 96, 576, 1, 1}, {14, 1, 576, 96, 1, 1}, {7, 1, 576, 160, 1, 1}, {7, 1, 160, 960, 1, 1},
		{7, 1, 960, 160, 1, 1}, {7, 1, 960, 320, 1, 1},
	}
	depthwise256 = []dwShape{{128, 3, 32, 1}, {64, 3, 96, 2}, {64, 3, 144, 1}, {32, 5, 144, 2}, {32, 5, 240, 1}, {16, 3, 240, 2},
		{16, 3, 480, 1}, {16, 5, 480, 1}, {16, 5, 672, 1}, {8, 5, 672, 2}, {8, 5, 1152, 1}, {8, 3, 1152, 1},
		{28, 3, 144, 2}, {28, 3, 192, 1}, {14, 3, 192, 2}, {14, 3, 384, 1}, {14, 3, 576, 1}, {7, 3, 576, 2}, {7, 3, 960, 1}}
)

// spots is how many outputs of a large operator -short looks at.
const spots = 1500

// checkSpots compares all outputs, or some with -short, with want(index).
func checkSpots(t *testing.T, op Op, r rng, src []int8, n int, want func(i int) int8) {
	t.Helper()
	dst, all := guarded(n)
	op.Run(dst, src, make([]byte, op.Scratch()), 0, op.Units())
	if !intact(all, n) {
		t.Fatal("wrote outside of dst")
	}
	step := 1
	if testing.Short() {
		step = n/spots + 1
	}
	for i := r.IntN(step); i < n; i += step {
		if w := want(i); dst[i] != w {
			t.Fatalf("element %d is %d, want %d", i, dst[i], w)
		}
	}
}

func TestShippedConvolutions(t *testing.T) {
	for _, s := range fast(t) {
		for _, shapes := range [][]convShape{autoencoder, pointwise, encoder256, mobilenet} {
			for i, sh := range shapes {
				t.Run(s.Name()+"/"+sh.String(), func(t *testing.T) {
					r := newRNG(uint64(i))
					d := sh.conv(r, []float64{0, 0.75}[i%2])
					r.fillConv(&d)
					n, _ := d.normal()
					op, err := s.Conv(d)
					if err != nil {
						t.Fatal(err)
					}
					src := r.int8s(d.InH * d.InW * d.InC)
					checkSpots(t, op, r, src, d.OutH*d.OutW*d.OutC, func(i int) int8 {
						px, c := i/d.OutC, i%d.OutC
						return d.apply(n.sum(src, px/d.OutW, px%d.OutW, c), c)
					})
				})
			}
		}
	}
}

func TestShippedDepthwise(t *testing.T) {
	for _, s := range fast(t) {
		for _, shapes := range [][]dwShape{depthwise, depthwise256} {
			for i, sh := range shapes {
				t.Run(s.Name()+"/"+sh.String(), func(t *testing.T) {
					r := newRNG(uint64(i))
					d := sh.depthwise(r)
					r.fillDepthwise(&d)
					n, _ := d.normal()
					op, err := s.Depthwise(d)
					if err != nil {
						t.Fatal(err)
					}
					src := r.int8s(d.InH * d.InW * d.InC)
					checkSpots(t, op, r, src, d.OutH*d.OutW*d.OutC, func(i int) int8 {
						px, c := i/d.OutC, i%d.OutC
						return d.apply(n.sum(src, px/d.OutW, px%d.OutW, c), c)
					})
				})
			}
		}
	}
}

// TestShippedCode runs the two matrices of a closed-form code at their size.
func TestShippedCode(t *testing.T) {
	for _, s := range fast(t) {
		for i, n := range [][2]int{{98304, 32}, {32, 98304}, {1280, 1000}} {
			r := newRNG(uint64(i))
			d := FullyConnected{Rows: 1, In: n[0], Out: n[1], InZero: -128, Weights: r.int8s(n[0] * n[1]),
				Bias: r.bias(n[1]), Requant: r.requant(n[1], 5e6)}
			op, err := s.FullyConnected(d)
			if err != nil {
				t.Fatal(err)
			}
			src := r.int8s(d.In)
			checkSpots(t, op, r, src, d.Out, func(c int) int8 {
				sum := biasOf(d.Bias, c)
				for k, w := range d.Weights[c*d.In:][:d.In] {
					sum += (int32(src[k]) - d.InZero) * int32(w)
				}
				return d.apply(sum, c)
			})
		}
	}
}
