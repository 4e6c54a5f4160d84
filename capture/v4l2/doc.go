// Package v4l2 takes frames from Linux cameras. It owns the device: finding it
// by a name that survives replugging, its format, its controls, its buffers,
// and the news that it is gone. It converts frames through capture/pixfmt,
// never retries (capture.Supervise does) and never judges.
//
// github.com/blackjack/webcam sets a camera up: capabilities, formats, sizes,
// rates, controls. Streaming is done here, on a file of its own, because frames
// need what that library drops: the kernel's time stamp, the sequence number
// and the error flag. The library's file is closed before streaming begins:
// uvcvideo lets only the file that set the format, while it is open, have
// buffers.
package v4l2
