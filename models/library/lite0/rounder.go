package lite0

// rounder rounds a network node by node; maps holds what the rounded part
// makes of the pictures so far.
type rounder struct {
	g        *Graph
	q        *Quantized
	o        Options
	want     statistics // of the float network
	pictures []Picture
	maps     [][]Map8 // by picture, then map
	lastUse  []int    // of a map: the last node that reads it
}

func newRounder(g *Graph, q *Quantized, pictures []Picture, o Options, s statistics) *rounder {
	r := &rounder{g: g, q: q, o: o, want: s, pictures: pictures, lastUse: make([]int, len(g.Maps))}
	for i, n := range g.Nodes {
		for _, in := range n.Inputs {
			r.lastUse[in] = i
		}
	}
	for _, p := range pictures {
		maps := make([]Map8, len(g.Maps))
		maps[0] = p.Input8()
		r.maps = append(r.maps, maps)
	}
	return r
}

// node rounds node i and runs it.
func (r *rounder) node(i int) {
	n := &r.g.Nodes[i]
	in, out := r.q.Quants[n.Inputs[0]], r.q.Quants[n.Output]
	r.q.Nodes = append(r.q.Nodes, n.round(in, out))
	q := &r.q.Nodes[i]
	if n.Op != Add && r.o.Fit {
		r.fit(n, q)
	}
	if n.Op != Add && r.o.Correct {
		r.correct(n, q)
	}
	if !r.o.Correct && !r.o.Fit {
		return
	}
	parallel(len(r.maps), func(p int) { r.q.step(q, r.maps[p]) })
	for _, maps := range r.maps {
		for _, id := range n.Inputs {
			if r.lastUse[id] == i {
				maps[id] = Map8{}
			}
		}
	}
}

// correct moves the biases of q so that its sums have the mean that the float
// network has before the clamp.
func (r *rounder) correct(n *Node, q *QNode) {
	parts := make([][]channel, len(r.maps))
	parallel(len(r.maps), func(p int) {
		sums := r.q.sums(q, r.maps[p][n.Inputs[0]])
		parts[p] = make([]channel, sums.C)
		for i, v := range sums.V {
			parts[p][i%sums.C].add(float64(v))
		}
	})
	in := r.q.Quants[n.Inputs[0]].Scale
	for o := range q.Bias {
		var got channel
		for _, p := range parts {
			got.join(p[o])
		}
		step := float64(in) * float64(q.Scales[o])
		want := r.want.before[n.Output][o].mean() / step
		q.Bias[o] = int32(min(max(float64(q.Bias[o])+roundHalfEven(want-got.mean()), -maxBias), maxBias))
	}
}
