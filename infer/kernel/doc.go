// Package kernel owns the int8 arithmetic of the native engine: what an operator
// computes, bit for bit, and how each instruction set computes it fast. It knows
// nothing of files, graphs, memory plans or threads, and imports nothing of ours.
//
// # Use
//
// Choose a Set once (Choose(os.Getenv(Env)) in the composition root), describe an
// operator (Conv, Depthwise, FullyConnected, AvgPool) and get an Op with packed
// weights. The description's slices are not kept. Then, for every inference:
//
//	op.Run(dst, src, scratch, from, to)
//
// dst and src are dense NHWC tensors without padding. Units from..to-1 of
// 0..Units() are computed; disjoint ranges may run at the same time, each
// with its own op.Scratch() bytes. Run allocates nothing. Padding, nearest
// upsampling of the input (Conv.Up), channel counts that are no multiple of the
// vector length, and the signedness of instructions are handled inside: no
// byte outside dst, src and scratch is read or written.
//
// Elementwise functions (Add, Map, Upsample) are methods of Set; cut the slices
// to share them among threads.
package kernel
