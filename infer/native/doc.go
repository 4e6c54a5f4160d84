// Package native runs int8 .tflite graphs in Go, without cgo and without a
// library. It owns the executor: which arithmetic an operator has, how nodes
// become steps over one arena, and the threads that share a step. The kernels
// themselves are in infer/kernel, the folding and the memory plan in
// infer/graph; it knows nothing of frames, scores and packages.
//
// Its one promise is exactness: every output byte is the one that LiteRT gives
// on x86-64 with its default (XNNPACK) delegate. Requantization is
// float32(sum) * scale, the product rounded to float32, rounded half to even,
// saturated, clamped by the fused activation; the other rules stand beside the
// operators. What cannot be computed by a known rule is refused when the model
// is loaded, by an error that names operator, tensor and file offset.
// infer/BENCH.md lists what was compared and how.
//
// A session takes all its memory when it is made: the packed weights, one arena
// for the activations and a scratch buffer a thread. Run allocates nothing.
// With several threads, rows or tiles of the larger layers are shared among
// them; between layers the workers spin for some tens of microseconds, then
// park.
package native
