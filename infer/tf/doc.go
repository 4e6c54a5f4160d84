// Package tf runs .tflite models through TensorFlow's C API: the second opinion
// beside infer/native, and the engine of plants that have settled on
// TensorFlow. It owns the lowering of int8 operators to a TensorFlow graph and
// the sessions that run it; the library itself is found and opened by package
// lazy, which the caller hands in: a program that imports this package imports
// that one too, since TensorFlow's functions are its trampolines. It decides nothing about verdicts.
//
// Activations travel through the graph as float32 holding the integer
// q - zeroPoint, so convolutions are TensorFlow's own fast float kernels. Two
// modes differ in how a sum becomes an activation again:
//
//   - Fast folds the scales into weights and biases and rounds with
//     FakeQuantWithMinMaxArgs, wherever the layers behind cannot make more than
//     2 steps of the one that this may cost; elsewhere it is Exact.
//   - Exact keeps weights as integers, so that every sum is exact (in float32
//     while it cannot pass 2^24, in float64 above), multiplies by the float32
//     scale once and rounds half to even, as XNNPACK and infer/native do: equal
//     to them bit for bit. It is the oracle that native is checked against.
//
// Without cgo, or on other processors than amd64 and arm64, the package builds
// and Open says that this program has no TensorFlow in it.
package tf
