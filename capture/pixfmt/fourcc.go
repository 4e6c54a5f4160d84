package pixfmt

import (
	"fmt"
	"image"
)

// FourCC is a camera's pixel format code as V4L2 has it: four characters,
// little-endian.
type FourCC uint32

// Formats that Convert reads. Names are those of the kernel's videodev2.h.
const (
	YUYV FourCC = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24 // 4:2:2 packed, Y0 Cb Y1 Cr
	UYVY FourCC = 'U' | 'Y'<<8 | 'V'<<16 | 'Y'<<24 // 4:2:2 packed, Cb Y0 Cr Y1
	GREY FourCC = 'G' | 'R'<<8 | 'E'<<16 | 'Y'<<24 // 8 bit luminance
	Y16  FourCC = 'Y' | '1'<<8 | '6'<<16 | ' '<<24 // 16 bit luminance, little-endian, the high byte is kept
	RGB3 FourCC = 'R' | 'G'<<8 | 'B'<<16 | '3'<<24 // R G B
	BGR3 FourCC = 'B' | 'G'<<8 | 'R'<<16 | '3'<<24 // B G R
	NV12 FourCC = 'N' | 'V'<<8 | '1'<<16 | '2'<<24 // 4:2:0, plane of Y, then plane of Cb Cr pairs
	MJPG FourCC = 'M' | 'J'<<8 | 'P'<<16 | 'G'<<24 // one JPEG a frame, Huffman tables may be left out
	JPEG FourCC = 'J' | 'P'<<8 | 'E'<<16 | 'G'<<24 // one JPEG a frame
)

// Formats lists what Convert reads, cheapest to convert first.
func Formats() []FourCC { return []FourCC{GREY, RGB3, BGR3, YUYV, UYVY, NV12, Y16, MJPG, JPEG} }

// String is the code as four characters; anything unprintable is a dot.
func (c FourCC) String() string {
	b := [4]byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)}
	for i, ch := range b {
		if ch < ' ' || ch > '~' {
			b[i] = '.'
		}
	}
	return string(b[:])
}

// ParseFourCC reads the name of a format that Convert reads, such as "YUYV".
func ParseFourCC(s string) (FourCC, error) {
	for _, c := range Formats() {
		if name := c.String(); s == name || s+" " == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("camera format %q is not one of %v", s, Formats())
}

// Compressed reports whether frames of the format vary in length.
func (c FourCC) Compressed() bool { return c == MJPG || c == JPEG }

// Grey reports whether the format carries no colour.
func (c FourCC) Grey() bool { return c == GREY || c == Y16 }

// rowBytes is the smallest stride of a row of w pixels (of the Y plane for
// NV12), or 0 for formats without rows.
func (c FourCC) rowBytes(w int) int {
	switch c {
	case YUYV, UYVY:
		return (w + 1) / 2 * 4
	case GREY:
		return w
	case NV12:
		return (w + 1) &^ 1
	case Y16:
		return 2 * w
	case RGB3, BGR3:
		return 3 * w
	}
	return 0
}

// Layout says how a camera's buffer is to be read.
type Layout struct {
	Format        FourCC
	Width, Height int
	Stride        int // bytes a row, 0: no padding
	// FullRange is luminance 0..255 as JPEG has it, instead of video's 16..235.
	// It matters to YUYV, UYVY and NV12 only.
	FullRange bool
	// ROI is the part of the picture to convert; empty: all of it.
	ROI image.Rectangle
}

// region is the rectangle that comes out.
func (l Layout) region() image.Rectangle {
	if l.ROI.Empty() {
		return image.Rect(0, 0, l.Width, l.Height)
	}
	return l.ROI
}

// stride is the bytes from one row to the next.
func (l Layout) stride() int {
	if l.Stride != 0 {
		return l.Stride
	}
	return l.Format.rowBytes(l.Width)
}

// Size is the number of bytes that an uncompressed frame needs, 0 for a
// compressed one. The last row needs no padding behind it.
func (l Layout) Size() int {
	row, rows := l.Format.rowBytes(l.Width), l.Height
	switch {
	case row == 0 || rows == 0:
		return 0
	case l.Format == NV12:
		rows += (l.Height + 1) / 2
	}
	return (rows-1)*l.stride() + row
}

// Check returns an error if the layout's fields do not fit each other.
func (l Layout) Check() error {
	full := image.Rect(0, 0, l.Width, l.Height)
	switch {
	case l.Format.rowBytes(1) == 0 && !l.Format.Compressed():
		return fmt.Errorf("camera format %v is not one of %v", l.Format, Formats())
	case l.Width < 1 || l.Height < 1 || l.Width > maxSide || l.Height > maxSide:
		return fmt.Errorf("camera picture of %dx%d", l.Width, l.Height)
	case l.Stride != 0 && l.Stride < l.Format.rowBytes(l.Width) || l.Stride > maxStride:
		return fmt.Errorf("%d bytes a row do not fit %d pixels of %v", l.Stride, l.Width, l.Format)
	case !l.region().In(full):
		return fmt.Errorf("region of interest %v does not lie in the camera's %dx%d", l.ROI, l.Width, l.Height)
	}
	return nil
}

// Bounds so that sizes in bytes fit an int of 32 bits, NV12's planes too.
const (
	maxSide   = 16384
	maxStride = 4 * maxSide
)
