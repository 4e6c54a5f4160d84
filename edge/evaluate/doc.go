// Package evaluate turns judged pictures with known truth into the figures
// that people compare inspection systems by. It computes; it opens no model
// and reads no picture: the caller judges and adds one Part after the other.
//
// Image-level figures use the fused score of a part, pixel-level figures its
// anomaly map. A figure that the truth does not allow (no defective parts, no
// masks) is null, never zero.
package evaluate
