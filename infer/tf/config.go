package tf

import "fmt"

// Mode is how int8 arithmetic is carried out.
type Mode uint8

// The modes; the zero value is the careful one.
const (
	Exact Mode = iota // equal to native bit for bit
	Fast              // scales folded into the weights
)

func (m Mode) String() string {
	if m == Fast {
		return "fast"
	}
	return "exact"
}

// ParseMode reads "exact", "fast" or "", which means exact.
func ParseMode(s string) (Mode, error) {
	switch s {
	case "", "exact":
		return Exact, nil
	case "fast":
		return Fast, nil
	}
	return Exact, fmt.Errorf("tensorflow mode %q: say exact or fast", s)
}

// Config of an engine.
type Config struct {
	// Load makes TensorFlow's functions callable and returns the library's path;
	// it is called first. lazy.Loader is the one.
	Load func() (path string, err error)
	Mode Mode
}

// Info is what was found.
type Info struct {
	Path    string // of the library
	Version string // that it reports, such as "2.18.1"
}

// fastTolerance is how far an output of a whole graph may lie from native's in
// Fast mode, in steps of the output's scale.
const fastTolerance = 2
