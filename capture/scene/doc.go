// Package scene draws a production line: parts of several products that pass
// under a camera on a belt, as the camera sees them. It is the demonstration,
// the endless test material and the truth that both are compared with; it
// never judges.
//
// A part is drawn from its index alone, so any part can be drawn again, in any
// order. All arithmetic is in integers (and square roots, which every CPU
// rounds alike), so the same seed gives the same bytes everywhere.
//
// Lengths inside the package are in 1/256 of a nominal pixel ("n8"): a picture
// is 256 nominal pixels wide whatever its size, with the origin at its centre.
// Angles are in 1/65536 of a turn, clockwise on the screen.
package scene
