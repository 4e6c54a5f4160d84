//go:build !cgo || !linux || !(amd64 || arm64)

package lazy

// Built says whether this program can load libtensorflow at all.
const Built = false

// Load says that this program was built without TensorFlow.
func Load(Search) (string, error) {
	return "", &Error{Kind: ErrNotBuilt, Detail: "this program has no cgo in it", Advice: "use bin/winnow-tf, which `make build-tf` makes (it needs a C compiler), or choose engine \"native\""}
}
