package train

import (
	"cmp"
	"math"
	"slices"

	"winnow/infer"
	"winnow/infer/fit"
	"winnow/infer/tflite"
)

// Blocks that the native kernels skip: 16 output channels by 4 input channels
// of one place of the window.
const (
	blockOut = 16
	blockIn  = 4
)

const (
	pruneEvery   = 20  // steps between two cuts
	leastDensity = 0.1 // of any one layer
	profileRuns  = 5
)

// block is one that could go.
type block struct {
	param, place, in, out int
	share                 float64 // of its layer's squared weights
	time                  float64 // that it takes
}

// worth of keeping b, for the time that it takes.
func (b block) worth() float64 { return b.share / max(b.time, 1e-12) }

func byWorth(a, b block) int { return cmp.Compare(b.worth(), a.worth()) }
func byShare(a, b block) int { return cmp.Compare(b.share, a.share) }

// prunable says whether parameter i belongs to a layer that is pruned: a
// convolution or a dense layer wide enough to have blocks.
func (n *Net) prunable(i int) (s [3]int, ok bool) {
	_, k := n.rowAxes(i)
	if k < 0 || n.Nodes[k].Op == OpDepthwise {
		return s, false
	}
	shape := n.Params[i].Shape
	out := shape[len(shape)-1]
	in := shape[len(shape)-2]
	s = [3]int{n.Params[i].size() / in / out, in, out}
	return s, out >= blockOut && in >= 2*blockIn
}

// blocks lists those of parameter i, whose values are w and whose layer takes
// cost.
func (n *Net) blocks(i int, w []float32, cost float64) []block {
	s, ok := n.prunable(i)
	if !ok {
		return nil
	}
	ins, outs := (s[1]+blockIn-1)/blockIn, (s[2]+blockOut-1)/blockOut
	total := 1e-20
	for _, v := range w {
		total += float64(v) * float64(v)
	}
	each := cost / float64(s[0]*ins*outs)
	list := make([]block, 0, s[0]*ins*outs)
	for place := range s[0] {
		for in := range ins {
			for out := range outs {
				b := block{param: i, place: place, in: in, out: out, time: each}
				sum := 0.0
				b.each(s, func(j int) { sum += float64(w[j]) * float64(w[j]) })
				b.share = sum / total
				list = append(list, b)
			}
		}
	}
	return list
}

// each calls fn with the index of every weight of b; s is places, in, out.
func (b block) each(s [3]int, fn func(j int)) {
	for in := b.in * blockIn; in < min((b.in+1)*blockIn, s[1]); in++ {
		for out := b.out * blockOut; out < min((b.out+1)*blockOut, s[2]); out++ {
			fn((b.place*s[1]+in)*s[2] + out)
		}
	}
}

// Masks keeps blocks of values until the given density of the prunable layers'
// time is used, those first that are worth most for their time; of these, where
// they are still more than that density of all blocks, those that hold most of
// their layers. No layer loses more than leastDensity leaves it. cost is the time
// of each parameter's layer.
func (n *Net) Masks(values [][]float32, cost []float64, density float64) [][]float32 {
	masks := make([][]float32, len(n.Params))
	var free []block
	used, budget, blocks, kept := 0.0, 0.0, 0, 0
	for i := range n.Params {
		list := n.blocks(i, values[i], cost[i])
		if list == nil {
			continue
		}
		masks[i] = make([]float32, len(values[i]))
		slices.SortStableFunc(list, byShare)
		least := int(math.Ceil(leastDensity * float64(len(list))))
		for k := range least {
			n.open(masks[i], list[k])
			used += list[k].time
		}
		free = append(free, list[least:]...)
		budget += density * cost[i]
		blocks, kept = blocks+len(list), kept+least
	}
	free = inTime(free, budget-used)
	slices.SortStableFunc(free, byShare)
	room := int(math.Round(density*float64(blocks))) - kept
	for _, b := range free[:max(0, min(room, len(free)))] {
		n.open(masks[b.param], b)
	}
	return masks
}

// inTime are the blocks that are worth most for their time, as many as the budget
// pays for.
func inTime(bs []block, budget float64) []block {
	slices.SortStableFunc(bs, byWorth)
	used := 0.0
	for k, b := range bs {
		if used += b.time; used > budget*(1+1e-9) {
			return bs[:k]
		}
	}
	return bs
}

func (n *Net) open(mask []float32, b block) {
	s, _ := n.prunable(b.param)
	b.each(s, func(j int) { mask[j] = 1 })
}

// prune cuts to the density that the schedule has reached: cubic, so that most
// goes early, while there is time to recover (Zhu and Gupta 2017).
func (t *runner) prune() error {
	share := float64(t.s.Step+pruneEvery) / float64(max(pruneEvery, t.r.Compress.PruneSteps))
	left := 1 - min(1, share)
	density := t.r.Compress.Density + (1-t.r.Compress.Density)*left*left*left
	values, err := t.m.state().save()
	if err != nil {
		return err
	}
	t.s.Masks = t.net.Masks(t.masked(values[:len(t.net.Params)]), t.cost, density)
	return t.m.state().restore(nil, t.s.Masks)
}

// masked returns values with the weights of cut blocks at 0.
func (t *runner) masked(values [][]float32) [][]float32 {
	out := slices.Clone(values)
	for i := range t.s.Masks {
		if t.s.Masks[i] == nil {
			continue
		}
		out[i] = slices.Clone(values[i])
		for j, m := range t.s.Masks[i] {
			out[i][j] *= m
		}
	}
	return out
}

// density is the share of weights in prunable layers that the masks keep.
func (t *runner) density() float64 {
	kept, all := 0.0, 0.0
	for _, m := range t.s.Masks {
		for _, v := range m {
			kept += float64(v)
			all++
		}
	}
	if all == 0 {
		return 1
	}
	return kept / all
}

// measureCost times every layer of the dense net on the engine. Where it cannot
// say, a layer costs its multiply-accumulates.
func (t *runner) measureCost() error {
	if t.cost != nil {
		return nil
	}
	byName, err := t.profile()
	if err != nil {
		return err
	}
	t.cost = make([]float64, len(t.net.Params))
	for i := range t.net.Params {
		_, k := t.net.rowAxes(i)
		if k < 0 {
			continue
		}
		if t.cost[i] = byName[t.net.Nodes[k].Name]; t.cost[i] == 0 {
			t.cost[i] = float64(t.net.macs(k)) * 1e-10
		}
	}
	return nil
}

// profile returns the seconds of each layer by name; none where a clock would
// make runs differ.
func (t *runner) profile() (map[string]float64, error) {
	if t.c.Engine == nil || t.c.Threads == 1 {
		return nil, nil
	}
	return profile(t.c.Engine, t.net, t.s.Ranges, profileRuns)
}

// profile times each layer of net, int8, by name: the least of runs.
func profile(eng infer.Engine, net *Net, ranges []Range, runs int) (map[string]float64, error) {
	b := tflite.NewBuilder("network alone")
	s := net.Shape(0)
	in := b.AddInput("in", []int{1, s.H, s.W, s.C}, fit.FeatureQuant)
	code, out := net.Append(b, ranges, "", in)
	session, err := sessionOf(eng, b, code, out)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	byName := map[string]float64{}
	if p, ok := session.(infer.Profiler); ok {
		layers, err := p.Profile(runs)
		if err != nil {
			return nil, err
		}
		for _, l := range layers {
			byName[l.Name] += l.Time.Seconds()
		}
	}
	return byName, nil
}
