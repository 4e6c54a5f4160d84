// Package graph turns a checked .tflite model into what an executor walks: nodes
// in order, with the data movement that costs nothing folded away, and a plan of
// where every activation lies in one arena. It computes nothing and knows no
// kernels.
//
// Folded away are: RESHAPE, SQUEEZE and EXPAND_DIMS (the same bytes under
// another shape), PAD in front of a convolution, nearest upsampling by a whole
// number in front of a convolution of stride 1, in both ways in which the Keras
// converter writes it (RESIZE_NEAREST_NEIGHBOR, and RESHAPE + TILE twice).
package graph
