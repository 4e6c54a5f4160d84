//go:build !race

package scene_test

const slowdown = 1
