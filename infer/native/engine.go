package native

import (
	"os"
	"runtime"

	"winnow/infer"
	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// defaultArena bounds the activations of a session, in bytes.
const defaultArena = 256 << 20

// maxThreads bounds Options.Threads.
const maxThreads = 64

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
	g := graph.New(m)
	if o.ArenaLimit == 0 {
		o.ArenaLimit = defaultArena
	}
	plan, err := g.Plan(o.ArenaLimit, inPlace)
	if err != nil {
		return nil, err
	}
	l := &lowering{g: g, plan: plan, set: set, arena: make([]byte, plan.Size)}
	layers, err := l.layers()
	if err != nil {
		return nil, err
	}
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return newSession(l, layers, min(max(o.Threads, 1), maxThreads)), nil
}
