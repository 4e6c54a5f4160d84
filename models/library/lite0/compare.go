package lite0

import "math"

// Loss says what rounding does to one tap.
type Loss struct {
	Cosine  float64 // between all values of a picture, mean over pictures
	SQNR    float64 // signal over noise of all values, in dB (power about zero)
	Channel float64 // the same for a channel about its mean, mean over channels of the noise share, in dB
	Clamped float64 // share of values at an end of the int8 range
}

// Compare measures the taps of q against those of g over pictures. Channel is
// what a detector sees that standardizes every channel.
func Compare(g *Graph, q *Quantized, pictures []Picture) []Loss {
	sums := make([]lossSums, len(g.Taps))
	for i, t := range g.Taps {
		sums[i] = lossSums{signal: make([]channel, g.Maps[t.Map].Channels), noise: make([]channel, g.Maps[t.Map].Channels)}
	}
	for len(pictures) > 0 {
		batch := pictures[:min(8, len(pictures))]
		want, got := make([][]Map, len(batch)), make([][]Map8, len(batch))
		parallel(len(batch), func(i int) {
			want[i], got[i] = g.Run(batch[i].Input()), q.Run(batch[i].Input8())
		})
		for p := range batch {
			for i, t := range g.Taps {
				sums[i].add(want[p][t.Map], q.Real(t.Map, got[p][t.Map]), got[p][t.Map])
			}
		}
		pictures = pictures[len(batch):]
	}
	out := make([]Loss, len(sums))
	for i := range sums {
		out[i] = sums[i].loss()
	}
	return out
}

type lossSums struct {
	signal, noise      []channel
	cosine, n, clamped float64
	values             float64
}

func (s *lossSums) add(want, got Map, raw Map8) {
	var ab, aa, bb float64
	for i, w := range want.V {
		a, b := float64(w), float64(got.V[i])
		ab, aa, bb = ab+float64(a*b), aa+float64(a*a), bb+float64(b*b)
		s.signal[i%want.C].add(a)
		s.noise[i%want.C].add(b - a)
		if raw.V[i] == -128 || raw.V[i] == 127 {
			s.clamped++
		}
	}
	s.cosine += ab / math.Sqrt(max(aa*bb, 1e-30))
	s.n++
	s.values += float64(len(want.V))
}

func (s *lossSums) loss() Loss {
	var signal, noise, share float64
	for c, v := range s.signal {
		signal, noise = signal+v.sq, noise+s.noise[c].sq
		share += s.noise[c].sq / max(v.n*v.deviation()*v.deviation(), 1e-12)
	}
	return Loss{
		Cosine: s.cosine / s.n, SQNR: decibels(signal / noise),
		Channel: decibels(float64(len(s.signal)) / share), Clamped: s.clamped / s.values,
	}
}

func decibels(ratio float64) float64 { return 10 * math.Log10(ratio) }
