// Package capture owns the frames: the fixed pool that they live in, the
// checks that tell a bad frame from a good one, and the supervisor that opens
// a source again after it failed. The sources themselves (v4l2, replay, scene)
// live below it and know nothing of retry; what becomes of a frame is decided
// elsewhere.
//
// A Source hands out frames with Next and gets each back, exactly once, with
// Release. Next is called by one goroutine at a time; Release may be called by
// any.
package capture
