// Package tflite reads and writes .tflite files in memory: the flatbuffer that
// the Keras converter, LiteRT and Netron share, as plain Go values with every
// offset, length and shape already checked. It owns the file format, the shape
// rules of the operators and a Builder for quantized graphs; it runs nothing,
// opens no file and knows nothing of engines or of the files that a model
// package appends after the flatbuffer.
//
// Field numbers follow tensorflow/lite/schema/schema.fbs (schema version 3).
// A *Model that Parse or Builder.Model returns is sound: tensor indices are in
// range, operators are in execution order, every shape is what the operator
// makes of its inputs, constants hold as many bytes as their shape says.
//
// Nothing here is safe for concurrent mutation; a Model that nobody changes may
// be read from any number of goroutines.
package tflite
