// Package recording keeps what a judge saw and said: every frame without loss,
// with the verdict's scores to the bit, so that the same package can judge the
// frames again and be compared. It owns the files and their format; it judges
// nothing.
//
// A recording is a folder of segments, frames-00000001.rec and so on, and of the
// packages that judged, model-<digest>.tflite. A segment is the text "WNWREC1\n"
// followed by entries:
//
//	tag      4 bytes: HEAD, PART or TAIL
//	lengths  2 x uint32, little-endian: of the JSON and of the pixels
//	JSON     Head, Part or Tail
//	pixels   rows without padding, only in PART
//	digest   32 bytes: SHA-256 of the digest before it (zeros at first) and of
//	         all of this entry before the digest
//
// The first entry is a HEAD, the last a TAIL with the number of parts. A segment
// without TAIL was cut off: by a power loss, or because it is being written. The
// chain of digests tells of damage and of careless changes; whoever wants to
// forge a recording can compute it anew, but must then find pixels that score as
// the part says.
package recording
