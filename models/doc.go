// Package models owns the model package: one .tflite file with its associated
// files appended, from the bytes on disk to a checked Package in memory. It
// knows no operator, no engine and no device; what a graph computes is the
// business of infer, which hands a Runner to Verify.
//
// FORMAT.md is the normative description; each rule there has an id, and the
// error of a broken rule carries it.
package models
