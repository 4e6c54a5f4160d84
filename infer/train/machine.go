package train

// batch is what one step sees.
type batch struct {
	inputs, targets [][]byte // int8 maps of each part; targets nil where they are the inputs
	second          [][]byte // inputs of the other view of each part, or nil
	seed            [2]int32 // of all noise in this step
	rate            float64  // of learning
	step            int      // from 1, for Adam's bias correction
	adversarial     float64  // 1 from the step on at which the discriminator counts
}

// outcome of a step.
type outcome struct {
	loss    float32
	terms   []float32 // one an objective that is on, in order
	perPart []float32 // mean squared error of each part
}

// machine runs one network on TensorFlow.
type machine interface {
	step(b batch) (outcome, error)
	// reconstruct evaluates the net as it will be used, and returns outputs and
	// codes of each part.
	reconstruct(inputs [][]byte) (outputs, codes [][]float32, err error)
	// extremes are the least and largest value of each node.
	extremes(inputs [][]byte) ([]Range, error)
	state() machineState
}

// machineState are the values that live in a machine's session.
type machineState interface {
	save() ([][]float32, error)      // parameters, then what else lives with them
	effective() ([][]float32, error) // parameters as layers use them: bounded, masked, rounded
	// restore sets what save returned, and what each parameter is multiplied by;
	// a nil mask leaves one whole. Nil values or masks stay as they are.
	restore(values, masks [][]float32) error
	close() error
}

// plan of a machine.
type plan struct {
	net     *Net
	recipe  *Recipe
	threads int
	ranges  []Range // nil: no rounding
	teacher *Net    // dense network to follow while pruning; nil without
	weights [][]float32
	masked  bool
}

// advLimit keeps the autoencoder's adversarial term between -1 and 1, so that a
// discriminator that wins cannot outweigh the reconstruction.
const advLimit = 1
