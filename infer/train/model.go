package train

// Model is what training made: networks that can be written as .tflite
// operators.
type Model struct {
	Members []Member
	Levels  []float64 // noise levels at which each member reconstructs; none for one plain pass
	Seed    uint64
	Looks   []Look  // at held-out parts, of all members in order
	Curve   []Point // of the loss, likewise
	Stopped string  // why the last member stopped
}

// Member is one network of an ensemble, its normalizations folded.
type Member struct {
	Net    *Net
	Ranges []Range

	dense  *Net        // before pruning and rounding, folded
	values [][]float32 // of the net as it was built, before either
}

// Point of a loss curve.
type Point struct {
	Member, Phase, Step int
	Loss                float32
	Terms               []float32 // one for each objective that is on
}

// Look is one measurement on what no weight has seen.
type Look struct {
	Member, Phase, Step int
	Held                float64 // mean squared error of held-out good parts
	Synthetic           float64 // AUROC of drawn anomalies against held-out good parts; 0.5 without any
	Density             float64 // share of prunable weight blocks that are left
	Score               float64 // what early stopping compares: Synthetic - Held/first Held/20
}
