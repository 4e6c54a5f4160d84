package native

import (
	"fmt"
	"os"
	"runtime"

	"winnow/infer"
	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// defaultArena bounds the activations of a session and the threads' scratch
// memory, in bytes.
const defaultArena = 256 << 20

// packedTimes bounds, with the arena's limit, how much larger than the file its
// weights may become: operators that share weights each pack their own.
const packedTimes = 16

// MaxThreads bounds Options.Threads: more are taken for so many.
const MaxThreads = 64

// maxOps, maxInputs, of all operators together, and maxEnds, inputs and outputs of the
// model, bound the time that loading takes.
const (
	maxOps    = 1 << 13
	maxInputs = 1 << 15
	maxEnds   = 1 << 10
)

// engine makes sessions with one set of kernels.
type engine struct{ kernels string }

// New returns the engine named "native". Its kernels are the best that the CPU
// has, unless the environment variable WINNOW_KERNEL names others. It is safe
// for concurrent use.
func New() infer.Engine { return engine{os.Getenv(kernel.Env)} }

// NewWith is New with the kernels of that name; "" means the best.
func NewWith(kernels string) infer.Engine { return engine{kernels} }

func (engine) Name() string { return "native" }

func (e engine) Load(model []byte, o infer.Options) (infer.Session, error) {
	set, err := kernel.Choose(e.kernels)
	if err != nil {
		return nil, err
	}
	m, err := tflite.Parse(model, tflite.Limits{})
	if err != nil {
		return nil, err
	}
	if len(m.Inputs)+len(m.Outputs) > maxEnds {
		return nil, &tflite.Error{Kind: tflite.ErrUnsupported, Offset: -1,
			Msg: fmt.Sprintf("a model of more than %d inputs and outputs cannot be run", maxEnds)}
	}
	if len(m.Ops) > maxOps {
		return nil, m.Refuse(maxOps, "a model of more than %d operators cannot be run", maxOps)
	}
	inputs := 0
	for k := range m.Ops {
		if inputs += len(m.Ops[k].Inputs); inputs > maxInputs {
			return nil, m.Refuse(k, "a model whose operators have more than %d inputs cannot be run", maxInputs)
		}
	}
	g := graph.New(m)
	if o.ArenaLimit == 0 {
		o.ArenaLimit = defaultArena
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	o.Threads = min(max(o.Threads, 1), MaxThreads)
	plan, err := g.Plan(o.ArenaLimit, inPlace)
	if err != nil {
		return nil, err
	}
	l := &lowering{g: g, plan: plan, set: set, arena: make([]byte, plan.Size), copies: make(map[int][]byte),
		most: int64(o.ArenaLimit) + packedTimes*int64(len(model))}
	layers, err := l.layers()
	if err != nil {
		return nil, err
	}
	if err := l.outputs(); err != nil {
		return nil, err
	}
	for i := range layers {
		if n := layers[i].scratch(); n > (o.ArenaLimit-plan.Size)/o.Threads {
			return nil, m.Refuse(g.Nodes[i].Op, "%d threads need %d bytes each beside %d of activations, more than the %d that are allowed", o.Threads, n, plan.Size, o.ArenaLimit)
		}
	}
	return newSession(l, layers, o.Threads), nil
}
