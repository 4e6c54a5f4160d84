package edge

import "fmt"

// PixelFormat is the layout of Frame.Pix.
type PixelFormat uint8

// Formats that judges take; capture/pixfmt brings every camera format to one of them.
const (
	Gray8 PixelFormat = iota // one byte a pixel
	RGB24                    // three bytes a pixel: R, G, B
)

// BytesPerPixel of the format.
func (f PixelFormat) BytesPerPixel() int {
	if f == RGB24 {
		return 3
	}
	return 1
}

func (f PixelFormat) String() string {
	switch f {
	case Gray8:
		return "gray8"
	case RGB24:
		return "rgb24"
	}
	return fmt.Sprintf("pixelformat(%d)", uint8(f))
}

// FrameFlags tell what is wrong with a frame. A frame with any flag set is
// never judged as good.
type FrameFlags uint8

// Frame faults.
const (
	FrameError  FrameFlags = 1 << iota // the driver flagged the buffer
	FrameShort                         // fewer bytes than the format needs
	FrameTorn                          // parts of two exposures
	FrameRepeat                        // the same exposure as the frame before
	FrameFlat                          // every pixel equal: cap on, lamp off, dead sensor
	FrameLost                          // frames before it were lost (a gap in Seq)
)

// Frame is one exposure. Pix holds Height rows of Stride bytes, of which
// Width*BytesPerPixel count. A frame belongs to the pool that it came from:
// whoever receives one releases it exactly once and does not keep Pix.
type Frame struct {
	Pix           []byte
	Width, Height int
	Stride        int
	Format        PixelFormat
	Seq           uint64  // the camera's own frame counter
	At            Instant // start of exposure, or the driver's closest to it
	Flags         FrameFlags
}

// Row returns the bytes of row y that carry pixels.
func (f *Frame) Row(y int) []byte {
	n := f.Width * f.Format.BytesPerPixel()
	return f.Pix[y*f.Stride : y*f.Stride+n]
}

// Check returns an error if the frame's fields do not fit each other.
func (f *Frame) Check() error {
	row := f.Width * f.Format.BytesPerPixel()
	switch {
	case f.Format > RGB24:
		return fmt.Errorf("frame %d: unknown pixel format %v", f.Seq, f.Format)
	case f.Width < 1 || f.Height < 1:
		return fmt.Errorf("frame %d: size %dx%d", f.Seq, f.Width, f.Height)
	case f.Stride < row:
		return fmt.Errorf("frame %d: stride %d is below %d bytes a row", f.Seq, f.Stride, row)
	case int64(len(f.Pix)) < int64(f.Height-1)*int64(f.Stride)+int64(row):
		return fmt.Errorf("frame %d: %d bytes for %dx%d %v", f.Seq, len(f.Pix), f.Width, f.Height, f.Format)
	}
	return nil
}
