// Package train makes autoencoders by gradient descent through TensorFlow's C
// API, without Python, from good parts alone. A family (family_*.go) describes a
// network as a small graph of operators; the same description is lowered to
// TensorFlow for training (lower_tf.go) and written as int8 .tflite operators
// (export.go), which any engine then runs.
//
// Every network here reconstructs one map of standardized features: the frozen
// encoder's taps, or the picture itself cut into 4x4 blocks (blocks.go). So what
// is learned is scored, calibrated and packed by infer/fit like the closed form.
//
// Distill (distill.go) trains another network: the encoder itself, from which
// fit.Lighten has pruned blocks, after the dense one.
//
// Everything random in step s of a run follows from the recipe's seed and s
// alone, so a run that was killed goes on from its checkpoint as if it had not
// been. The package reads no file, keeps no clock and takes the library's loader
// and the place of checkpoints from its caller. Without cgo it builds, and Train
// says that this program has no TensorFlow in it.
package train
