package config

// Model says what judges.
type Model struct {
	Path          string `toml:"path"`    // a model package; "" teaches on the drawn scene at start
	Recipes       string `toml:"recipes"` // folder of packages NAME.tflite that the command "recipe" chooses among; "": none
	Engine        Engine `toml:"engine"`
	Threads       int    `toml:"threads"`       // 0: as many as there are processors
	LibTensorFlow string `toml:"libtensorflow"` // folder of libtensorflow; "": the system's
}

func defaultModel() Model { return Model{Engine: EngineAuto} }

// Engine runs the graph.
type Engine string

// Engines.
const (
	EngineAuto       Engine = "auto" // native where it supports every operator, else tensorflow
	EngineNative     Engine = "native"
	EngineTensorFlow Engine = "tensorflow"
)

func engines() []Engine { return []Engine{EngineAuto, EngineNative, EngineTensorFlow} }

// UnmarshalText reads the name of an engine.
func (e *Engine) UnmarshalText(b []byte) error { return choose(e, b, engines()...) }

func (m *Model) check(k *checker, camera CameraKind) {
	known(k, "model.engine", m.Engine, engines()...)
	within(k, "model.threads", m.Threads, 0, 256, "(0: one for each processor)")
	if camera != CameraScene {
		k.need("model.path", m.Path, `only a camera of kind "scene" can be taught at start: make a package with "winnow teach" and name it here`)
	}
}
