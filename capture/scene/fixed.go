package scene

import (
	"math"
	"math/rand/v2"
)

// one is a nominal pixel in n8.
const one = 256

// turn is a full circle.
const turn = 1 << 16

// sine returns sin(a) in Q14 by a polynomial of degree 9 over a quarter of the
// circle (Hastings, Approximations for Digital Computers, sheet 15; error
// below 1e-8, so the last bit is the rounding's).
func sine(a int32) int32 {
	a &= turn - 1
	sign := int64(1)
	if a >= turn/2 {
		a, sign = a-turn/2, -1
	}
	if a > turn/4 {
		a = turn/2 - a
	}
	const q = 24
	z := int64(a) << (q - 14) // 0..1 over the quarter
	z2 := z * z >> q
	s := int64(2541)              // 0.00015148419
	s = -78413 + (s * z2 >> q)    // -0.00467376557
	s = 1336971 + (s * z2 >> q)   // 0.07968967928
	s = -10837473 + (s * z2 >> q) // -0.64596371106
	s = 26353589 + (s * z2 >> q)  // 1.57079631847
	return int32(sign * (((s * z >> q) + 1<<9) >> 10))
}

func cosine(a int32) int32 { return sine(a + turn/4) }

// rotate turns the point (u, v) by the angle whose cosine and sine are c and s.
func rotate(u, v, c, s int32) (int32, int32) {
	return int32((int64(u)*int64(c) - int64(v)*int64(s)) >> 14), int32((int64(u)*int64(s) + int64(v)*int64(c)) >> 14)
}

// hypot is the length of (u, v), rounded down.
func hypot(u, v int32) int32 {
	return int32(math.Sqrt(float64(int64(u)*int64(u) + int64(v)*int64(v))))
}

// angle returns the direction of (u, v) with an error below 1/600 of a turn's
// quarter; good for finding the nearest of many equal sectors.
func angle(u, v int32) int32 {
	au, av := max(u, -u), max(v, -v)
	if au == 0 && av == 0 {
		return 0
	}
	lo, hi := int64(min(au, av)), int64(max(au, av))
	z := lo << 14 / hi // tangent, Q14
	// atan(z) = z(pi/4 + 0.273(1 - z)); S. Rajan et al., IEEE SPM 23(3), 2006
	a := int32(z * (8192 + 2847*(16384-z)>>14) >> 14)
	if av > au {
		a = turn/4 - a
	}
	if u < 0 {
		a = turn/2 - a
	}
	if v < 0 {
		a = turn - a
	}
	return a & (turn - 1)
}

// dice is a random stream that gives the same integers on every CPU.
type dice struct{ pcg rand.PCG }

// Streams of random numbers that belong to one part. Each aspect has its own,
// so that a part with a defect differs from the same part without only by it.
const (
	streamFate = iota
	streamPose
	streamSurface
	streamDefect
	streamCamera
	streamDust
	_ // was used once; the numbers of the others stay
	streams
)

func newDice(seed, part uint64, stream int) dice {
	var d dice
	d.pcg.Seed(seed, part*streams+uint64(stream))
	return d
}

// under returns a number in [0, n). The bias of the modulo is below 2^-30 for
// the n in use.
func (d *dice) under(n int32) int32 { return int32(d.pcg.Uint64() >> 32 % uint64(n)) }

// around returns a number in [-n, n] with a triangular distribution.
func (d *dice) around(n int32) int32 {
	if n <= 0 {
		return 0
	}
	return d.under(n+1) - d.under(n+1)
}

// between returns a number in [lo, hi].
func (d *dice) between(lo, hi int32) int32 { return lo + d.under(hi-lo+1) }

// ramp maps x from [lo, hi] to 0..256, clamped.
func ramp(x, lo, hi int32) int32 {
	return min(max((x-lo)*256/(hi-lo), 0), 256)
}

// mixed is a + (b-a)*w/256.
func mixed(a, b, w int32) int32 { return a + (b-a)*w>>8 }

func abs32(v int32) int32 { return max(v, -v) }
