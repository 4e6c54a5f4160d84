package fit

import (
	"math"
	"math/rand/v2"
	"testing"
)

const (
	fieldSide     = 16
	fieldChannels = 4
)

// field is a smooth random feature map with little noise: what lies around a
// place foretells it.
func field(r *rand.Rand) []byte {
	f := make([]byte, fieldSide*fieldSide*fieldChannels)
	for c := range fieldChannels {
		a, b, p, q := r.Float64()/4, r.Float64()/4, 6*r.Float64(), 6*r.Float64()
		for i := range fieldSide * fieldSide {
			v := 40*math.Sin(a*float64(i/fieldSide)+p)*math.Cos(b*float64(i%fieldSide)+q) + r.NormFloat64()
			f[i*fieldChannels+c] = byte(int8(math.RoundToEven(v)))
		}
	}
	return f
}

// spot moves one channel of the cell at (8, 8).
func spot(f []byte, by int8) []byte {
	i := (8*fieldSide+8)*fieldChannels + 1
	f[i] = byte(int8(f[i]) + by)
	return f
}

func fieldSurround(t *testing.T) (*surround, *localModel) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	s := newSurround([2]int{fieldSide, fieldSide}, fieldChannels, 2, 60)
	for i := range 60 {
		s.add(i%2, field(r))
	}
	cover := make([]byte, fieldSide*fieldSide)
	cover[8*fieldSide+8] = 255
	for i := range 40 {
		s.addOdd(i, spot(field(r), 12), cover)
	}
	told, err := s.foretell([]int{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.localOf(told, func(int) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

// at is the local deviation of feature map f at a place.
func (m *localModel) at(s *surround, f []byte, place int) float64 {
	win := make([]byte, s.width())
	s.window(win, f, place)
	row := make([]float64, s.width())
	s.centredWindow(row, oddWindow{0, place, win}, m.mean)
	_, dirs := m.kernel.Dims()
	sum := 0.0
	for d := range dirs {
		v := 0.0
		for i, x := range row {
			v += x * m.kernel.At(i, d)
		}
		sum += v * v
	}
	return math.Sqrt(sum)
}

// TestLocalViewSeesWhatSurroundingsDoNotForetell: a spot far smaller than the
// field's own swings stands out at its place, and the field itself does not.
func TestLocalViewSeesWhatSurroundingsDoNotForetell(t *testing.T) {
	s, m := fieldSurround(t)
	r := rand.New(rand.NewPCG(8, 8))
	worst := 0.0
	for range 50 {
		f := field(r)
		for p := range fieldSide * fieldSide {
			if y, x := p/fieldSide, p%fieldSide; min(y, x, fieldSide-1-y, fieldSide-1-x) >= surroundReach {
				worst = max(worst, m.at(s, f, p))
			}
		}
	}
	for range 20 {
		if v := m.at(s, spot(field(r), 12), 8*fieldSide+8); v < worst {
			t.Errorf("the spot deviates by %.2f, the worst good place by %.2f", v, worst)
		}
	}
}

// TestLocalViewLooksWhereDefectsPoint: a channel that drawn defects move counts
// more than one that they leave alone.
func TestLocalViewLooksWhereDefectsPoint(t *testing.T) {
	s, m := fieldSurround(t)
	r := rand.New(rand.NewPCG(9, 9))
	told, other := 0.0, 0.0
	for range 20 {
		f := field(r)
		told += m.at(s, spot(f, 12), 8*fieldSide+8)
		f = field(r)
		f[(8*fieldSide+8)*fieldChannels+3] += 12
		other += m.at(s, f, 8*fieldSide+8)
	}
	if told < 2*other {
		t.Errorf("a channel that defects move counts %.1f, another %.1f", told, other)
	}
}

// TestMomentsTakeTheMeanOfPlacesOff: parts that all look the same have nothing left
// but what shrinkage leaves.
func TestMomentsTakeTheMeanOfPlacesOff(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	one := field(r)
	s := newSurround([2]int{fieldSide, fieldSide}, fieldChannels, 1, 200)
	for range 200 {
		s.add(0, one)
	}
	_, m := s.moments([]int{0})
	raw := 0.0
	for _, p := range s.places {
		v := featureStep * float64(int8(one[p*fieldChannels]))
		raw += v * v / float64(len(s.places))
	}
	left := float64(placeParts) / (200 + placeParts)
	if got, want := m.At(4*fieldChannels, 4*fieldChannels), raw*left*left; math.Abs(got-want) > 1e-3*raw {
		t.Errorf("%.4g of %.4g is left, want %.4g", got, raw, want)
	}
}

func TestPlacesAreSpread(t *testing.T) {
	for _, n := range []int{1, 24, 100, 255, 256, 9999} {
		places := spreadPlaces([2]int{16, 16}, n)
		if len(places) != min(n, 256) {
			t.Errorf("%d places of %d", len(places), n)
		}
		seen := map[int]bool{}
		for _, p := range places {
			if p < 0 || p >= 256 || seen[p] {
				t.Errorf("place %d of %d is outside or twice there", p, n)
			}
			seen[p] = true
		}
	}
}
