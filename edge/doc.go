// Package edge is the vocabulary of the inspection station: what a frame, a
// score, a verdict and an event are, and what time means here. It imports the
// standard library only, starts nothing and owns nothing, so that every room
// of the house may speak it.
//
// Two contracts hold everywhere and are worth reading before anything else:
//
//   - The zero Decision is Unknown, and every actuator treats Unknown as Reject.
//   - A Verdict that is not ready by its Due instant is a Reject with ReasonLate.
package edge
