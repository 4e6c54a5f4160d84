package pixfmt

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"winnow/edge"
)

// jpegScratch is memory kept from one JPEG to the next.
type jpegScratch struct {
	reader bytes.Reader
	whole  []byte     // a frame with its Huffman tables put in
	rgb    edge.Frame // the decoded picture where only a region is wanted
	tables []byte     // the DHT segment that motion JPEG leaves out
}

func (d *Decoder) convertJPEG(dst *edge.Frame, src []byte, l Layout) error {
	img, err := d.jpeg.decode(src, l.Width, l.Height)
	if err != nil {
		if errors.Is(err, ErrShort) || truncated(err) {
			dst.Flags |= edge.FrameShort
		} else {
			dst.Flags |= edge.FrameError
		}
		return fmt.Errorf("%v frame of %d bytes: %w", l.Format, len(src), err)
	}
	copyImage(dst, img, l.region())
	return nil
}

// decode checks what the header says before any memory is taken for it.
func (s *jpegScratch) decode(src []byte, w, h int) (image.Image, error) {
	head, err := scanJPEG(src)
	if err != nil {
		return nil, err
	}
	if head.width != w || head.height != h {
		return nil, fmt.Errorf("it is %dx%d, the camera promised %dx%d", head.width, head.height, w, h)
	}
	if !head.huffman {
		if s.tables == nil {
			s.tables = standardHuffman()
		}
		s.whole = append(append(append(s.whole[:0], src[:head.scan]...), s.tables...), src[head.scan:]...)
		src = s.whole
	}
	s.reader.Reset(src)
	return jpeg.Decode(&s.reader)
}

// jpegHead is what is known of a JPEG before its entropy-coded data.
type jpegHead struct {
	width, height int
	huffman       bool // has a DHT segment
	scan          int  // offset of the first SOS marker
}

// scanJPEG walks the segments up to the first scan (ITU-T T.81, B.1.1).
func scanJPEG(b []byte) (h jpegHead, err error) {
	if len(b) < 4 {
		return h, ErrShort
	}
	if b[0] != 0xff || b[1] != 0xd8 {
		return h, errors.New("no JPEG start marker")
	}
	for i := 2; ; {
		for i < len(b) && b[i] == 0xff { // fill bytes before a marker
			i++
		}
		if i+3 > len(b) {
			return h, ErrShort
		}
		marker, n := b[i], int(b[i+1])<<8|int(b[i+2])
		seg := i + 1
		if b[i-1] != 0xff || n < 2 {
			return h, errors.New("broken JPEG segment")
		}
		if seg+n > len(b) {
			return h, ErrShort
		}
		switch {
		case marker == 0xda:
			h.scan = i - 1
			if h.width == 0 || h.height == 0 {
				return h, errors.New("JPEG scan before its frame header")
			}
			return h, nil
		case marker == 0xc4:
			h.huffman = true
		case marker >= 0xc0 && marker <= 0xc2 && n >= 8:
			h.height = int(b[seg+3])<<8 | int(b[seg+4])
			h.width = int(b[seg+5])<<8 | int(b[seg+6])
		}
		i = seg + n
	}
}
