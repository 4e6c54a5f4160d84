//go:build race

package scene_test

// slowdown divides how much the statistical tests draw: the race detector
// makes a part twenty times dearer and finds nothing in the arithmetic.
const slowdown = 8
