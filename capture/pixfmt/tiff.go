package pixfmt

import (
	"encoding/binary"
	"image"
)

// Tags and values of TIFF 6.0, sections 8 and 11.
const (
	tiffCompression = 259
	tiffPhotometric = 262
	tiffFax3        = 3
	tiffFax4        = 4
	tiffBlackIsZero = 1
)

// faxOnBlack reports whether head, a TIFF up to the end of its first directory,
// begins a picture in fax compression with black as zero. A fax's black runs are
// ones, so such a picture is its negative; golang.org/x/image/tiff takes them for
// zeros there.
func faxOnBlack(head []byte) bool {
	if len(head) < 8 {
		return false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(head[4:]))
	if at+2 > int64(len(head)) {
		return false
	}
	entries := head[at+2:]
	var compression, photometric uint16
	for range order.Uint16(head[at:]) {
		if len(entries) < 12 {
			break
		}
		switch order.Uint16(entries) {
		case tiffCompression:
			compression = order.Uint16(entries[8:])
		case tiffPhotometric:
			photometric = order.Uint16(entries[8:])
		}
		entries = entries[12:]
	}
	return (compression == tiffFax3 || compression == tiffFax4) && photometric == tiffBlackIsZero
}

// negative inverts a grey picture in place.
func negative(img image.Image) {
	if m, ok := img.(*image.Gray); ok {
		for i, v := range m.Pix {
			m.Pix[i] = 255 - v
		}
	}
}
