// Package lazy lets a program that calls TensorFlow's C API start, and do all
// its other work, on a machine that has no libtensorflow.
//
// It owns the search for the library, the checks before it is opened, and the
// opening. Every TF_* function that the Go binding calls is defined here as a
// trampoline that jumps through a table; Load fills the table. Calling
// TensorFlow before Load has succeeded ends the program, so callers outside
// infer/tf go through that package and never come here.
//
// The trampolines are generated from the binding's sources: after a change of
// the binding's version, or of the C functions that infer/tf calls itself, run
// `go generate ./infer/tf/lazy`. The file stub/libtensorflow.a is an archive
// without members: it satisfies the binding's -ltensorflow at link time.
//
// Without cgo the package still finds and checks libraries, and Load says that
// the program was built without TensorFlow.
package lazy

//go:generate go run ./gen
