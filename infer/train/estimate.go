package train

import "time"

// Estimate says what a run will cost before it is begun.
type Estimate struct {
	Parameters  int           `json:"parameters"` // of one member that gradients move
	MACs        int64         `json:"macs"`       // of one member for one part
	MemoryMB    float64       `json:"memory_mb"`  // weights, moments and what gradients keep, beside the library
	Steps       int           `json:"steps"`      // of all members and phases
	StepSeconds float64       `json:"step_seconds"`
	Total       time.Duration `json:"total_ns"`
}

// estimateSteps are timed; the first, which prepares, is not.
const estimateSteps = 4

// EstimateRun builds the recipe's network and times some steps on empty maps.
// now reads a clock that only goes forward.
func EstimateRun(c Config, r *Recipe, in, out Shape, now func() time.Duration) (*Estimate, error) {
	if err := loadLibrary(c.Load); err != nil {
		return nil, err
	}
	net := r.Build(in, out, make([]float32, out.Size()), r.Seed)
	e := &Estimate{Parameters: net.Weights(), MACs: net.MACs()}
	e.MemoryMB = float64(16*e.Parameters+8*net.Activations()*r.Loop.Batch) / 1e6
	e.Steps = r.Ensemble * (r.Loop.Steps + r.Compress.PruneSteps + r.Compress.AwareSteps)
	m, err := newMachine(plan{net: net, recipe: r, threads: c.Threads})
	if err != nil {
		return nil, err
	}
	defer m.state().close()
	b := batch{rate: 1e-6}
	for range r.Loop.Batch {
		b.inputs = append(b.inputs, make([]byte, in.Size()))
		b.targets = append(b.targets, make([]byte, out.Size()))
	}
	b.second = b.inputs
	var start time.Duration
	for b.step = 1; b.step <= estimateSteps; b.step++ {
		if _, err := m.step(b); err != nil {
			return nil, err
		}
		if b.step == 1 {
			start = now()
		}
	}
	e.StepSeconds = (now() - start).Seconds() / (estimateSteps - 1)
	e.Total = time.Duration(e.StepSeconds * float64(e.Steps) * 1e9)
	return e, nil
}
