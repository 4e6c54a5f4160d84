// Package drift measures on each preprocessed picture how light, focus, pose and
// product stand against the taught parts, and says which of them has changed. It
// is arithmetic on pictures and beside the verdict: it never changes one.
//
// A Reference is learned while teaching and travels in the package as drift.json.
// It is fitted to some of the taught parts; the others are measured against it, and
// their measures are the seeds that live parts are compared with: neither kind was
// fitted, so both are exchangeable while nothing changes. A Monitor runs one
// exchange.Test for each measure, which gives the false-alarm rate.
package drift

// Kind of drift.
type Kind int

// Kinds of drift.
const (
	Light   Kind = iota // brightness of the whole scene
	Focus               // sharpness of the edges that every part has
	Pose                // where parts lie, and how they are turned
	Product             // what is left when the first three are taken out
	Kinds   int  = iota
)

func (k Kind) String() string { return [...]string{"light", "focus", "pose", "product"}[k] }

// MarshalText writes the name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Measures of one part.
const (
	gain      = iota // relative change of brightness: -0.03 is 3 % darker
	sharpness        // logarithm of fine over coarse contrast along edges
	right            // pixels of the input that the part lies further right ...
	down             // ... and further down
	turned           // degrees, clockwise
	unlike           // logarithm of the squared distance of what is left
	measures
)

// Sample is what was measured on one part.
type Sample [measures]float64

// kindOf each measure.
var kindOf = [measures]Kind{Light, Focus, Pose, Pose, Pose, Product}
