package train

import (
	"math"
	"testing"
)

// compressed is tiny with 16x4 blocks to prune.
func compressed(t *testing.T, density float64, prune, aware int) *Recipe {
	r := tiny(t, "[compress]\ndistill = 0.5")
	r.Network.Width, r.Network.Code, r.Validation.Patience = 32, 16, 100
	r.Compress.Density, r.Compress.PruneSteps, r.Compress.AwareSteps = density, prune, aware
	return r
}

// open is the share of the prunable layers' multiply-accumulates that is in 16x4
// blocks with any weight in them, and the share of those blocks.
func open(n *Net) (work, blocks float64) {
	open, all, some, count := 0.0, 0.0, 0.0, 0.0
	for i := range n.Params {
		s, ok := n.prunable(i)
		if !ok {
			continue
		}
		_, k := n.rowAxes(i)
		for _, b := range n.blocks(i, n.Params[i].Init, float64(n.macs(k))) {
			any := false
			b.each(s, func(j int) { any = any || n.Params[i].Init[j] != 0 })
			count++
			if all += b.time; any {
				open += b.time
				some++
			}
		}
	}
	return open / all, some / count
}

// Pruning empties whole blocks until the share of the work that was asked for is left, and that
// share of the blocks, and the steps that follow win back what the cut cost.
func TestPruning(t *testing.T) {
	r := compressed(t, 0.25, 100, 250)
	m := trained(t, r, wavesData())
	if work, blocks := open(m.Members[0].Net); work > 0.27 || blocks > 0.27 {
		t.Errorf("%.2f of the work and %.2f of the blocks are left, 0.25 was asked for", work, blocks)
	}
	if dense, _ := open(trained(t, tiny(t, ""), wavesData()).Members[0].Net); dense < 0.99 {
		t.Errorf("%.2f of the work of an unpruned network is left", dense)
	}
	var dense, cut, last Look
	for _, l := range m.Looks {
		switch {
		case l.Phase == phaseFloat:
			dense = l
		case l.Step <= r.Compress.PruneSteps && l.Held > cut.Held:
			cut = l
		}
		last = l
	}
	if last.Held >= cut.Held || last.Held > 3*dense.Held {
		t.Errorf("held-out loss %.4f dense, at most %.4f while cutting, %.4f at the end", dense.Held, cut.Held, last.Held)
	}
}

// Blocks go where time is: of two layers with the same weights the one that
// costs more loses more.
func TestPruningFollowsCost(t *testing.T) {
	n := NewNet(1)
	n.plain = true
	x := n.Input("x", Shape{4, 4, 64})
	a := n.Conv("cheap", x, 64, 1, 1, Relu)
	n.Output = n.Conv("dear", a, 64, 1, 1, Linear)
	values := make([][]float32, len(n.Params))
	cost := make([]float64, len(n.Params))
	for i := range n.Params {
		values[i] = n.Params[i].Init
		if _, k := n.rowAxes(i); k >= 0 {
			cost[i] = 1
			if n.Nodes[k].Name == "dear" {
				cost[i] = 1.5
			}
		}
	}
	kept := map[string]float32{}
	for i, m := range n.Masks(values, cost, 0.5) {
		if m == nil {
			continue
		}
		for _, v := range m {
			kept[n.Params[i].Name] += v / float32(len(m))
		}
	}
	if kept["dear/weights"] >= kept["cheap/weights"] {
		t.Errorf("kept: %v", kept)
	}
}

// Training with rounded weights ends on weights that eight bits hold as they
// are; without it they lie between the steps.
func TestQuantizationAwareness(t *testing.T) {
	between := func(aware int) float64 {
		r := tiny(t, "")
		r.Loop.Steps, r.Compress.AwareSteps = 40, aware
		n := trained(t, r, wavesData()).Members[0].Net
		for i := range n.Params {
			if n.Params[i].Name == "narrow/weights" {
				return offGrid(n.Params[i].Init, n.Params[i].Shape[3])
			}
		}
		t.Fatal("no such layer")
		return 0
	}
	if with, without := between(40), between(0); with > 0.01 || without < 0.1 {
		t.Errorf("weights lie %.3f steps off the grid after training for it, %.3f without", with, without)
	}
}

// offGrid is how far weights lie from whole steps on the average, each output
// channel (the innermost index) having 127 steps up to its largest weight.
func offGrid(w []float32, channels int) float64 {
	most := make([]float64, channels)
	for i, v := range w {
		most[i%channels] = max(most[i%channels], math.Abs(float64(v)))
	}
	sum := 0.0
	for i, v := range w {
		steps := float64(v) * 127 / most[i%channels]
		sum += math.Abs(steps - math.Round(steps))
	}
	return sum / float64(len(w))
}
