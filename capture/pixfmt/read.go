package pixfmt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"winnow/capture"
	"winnow/edge"
)

// MaxPixels is the largest picture that is read from a file: a limit on what
// a few hostile bytes can make the program allocate.
const MaxPixels = 64 << 20

// What can be wrong with a picture file, beside what the file system says.
var (
	ErrNotPicture = errors.New("not a picture: it is none of " + edge.PictureFormats)
	ErrTooLarge   = errors.New("picture is too large")
	ErrTruncated  = errors.New("file ends before the picture does: copy it again")
)

// codec reads one file format.
type codec struct {
	name   string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// sniff is how many bytes of a file decide its format and, for PNG, whether it
// is grey: signature, then IHDR up to its colour type.
const sniff = 26

// codecFor tells the format from the first bytes of a file.
func codecFor(head []byte) (codec, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return codec{"png", png.DecodeConfig, png.Decode}, checkPNG(head)
	case bytes.HasPrefix(head, []byte{0xff, 0xd8}):
		return codec{"jpeg", jpeg.DecodeConfig, jpeg.Decode}, nil
	case bytes.HasPrefix(head, []byte("GIF8")):
		return codec{"gif", gif.DecodeConfig, nil}, nil
	case bytes.HasPrefix(head, []byte("BM")):
		return codec{"bmp", bmp.DecodeConfig, bmp.Decode}, nil
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return codec{"tiff", tiff.DecodeConfig, tiff.Decode}, nil
	case len(head) >= 12 && bytes.HasPrefix(head, []byte("RIFF")) && string(head[8:12]) == "WEBP":
		return codec{"webp", webp.DecodeConfig, decodeWebP}, nil
	case len(head) == 0:
		return codec{}, errors.New("the file is empty")
	}
	return codec{}, ErrNotPicture
}

// ReadImage reads the picture in file path: PNG, JPEG (progressive and CMYK
// too), BMP, the first page of a TIFF, WebP or the first frame of a GIF; grey
// files give Gray8 and all others RGB24. Sixteen-bit samples keep their high byte; alpha is dropped; EXIF
// orientation is ignored. Pictures over MaxPixels are refused by their header,
// before they are decoded. Every error names the file.
func ReadImage(path string) (*edge.Frame, error) {
	f := new(edge.Frame)
	if err := ReadImageInto(f, path); err != nil {
		return nil, err
	}
	return f, nil
}

// ReadImageInto is ReadImage into dst, whose memory it uses where it suffices.
// After an error dst's pixels are undefined.
func ReadImageInto(dst *edge.Frame, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read picture: %w", err)
	}
	defer file.Close()
	if st, err := file.Stat(); err == nil && st.IsDir() {
		return fmt.Errorf("read picture %s: it is a folder", path)
	}
	return DecodeImage(dst, file, path)
}

// DecodeImage is ReadImageInto from r; name stands for the file in errors.
func DecodeImage(dst *edge.Frame, r io.Reader, name string) error {
	if err := decodeImage(dst, bufio.NewReaderSize(r, 1<<16)); err != nil {
		return fmt.Errorf("read picture %s: %w", name, plain(err))
	}
	return nil
}

func decodeImage(dst *edge.Frame, r *bufio.Reader) error {
	head, err := r.Peek(sniff)
	if err != nil && err != io.EOF {
		return err
	}
	head = bytes.Clone(head)
	c, err := codecFor(head)
	if err != nil {
		return err
	}
	if c.name == "gif" {
		return decodeFirstGIF(dst, r)
	}
	// The bytes that the header takes are read again by the decoder.
	var seen bytes.Buffer
	cfg, err := c.config(io.TeeReader(r, &seen))
	if err != nil {
		return err
	}
	if err := checkSize(cfg.Width, cfg.Height); err != nil {
		return err
	}
	fax := c.name == "tiff" && faxOnBlack(seen.Bytes())
	img, err := c.decode(io.MultiReader(&seen, r))
	if err != nil {
		return err
	}
	if fax {
		negative(img)
	}
	if c.name == "png" && greyPNG(head) && !isGrey(img) {
		b := img.Bounds()
		capture.Reshape(dst, b.Dx(), b.Dy(), edge.Gray8)
		copyImage(dst, img, b)
		return nil
	}
	FromImage(img, dst)
	return nil
}

// greyPNG reports whether a PNG file holds grey samples, with or without
// alpha: colour type 0 or 4 (PNG specification, 11.2.2).
func greyPNG(head []byte) bool {
	return len(head) == sniff && (head[25] == 0 || head[25] == 4)
}

func checkSize(w, h int) error {
	if w < 1 || h < 1 {
		return fmt.Errorf("its header says %dx%d pixels", w, h)
	}
	return checkPixels(uint64(w), uint64(h))
}

func checkPixels(w, h uint64) error {
	if w*h > MaxPixels {
		return fmt.Errorf("%w: %dx%d pixels; at most %d million are read: scale it down or cut it", ErrTooLarge, w, h, MaxPixels/1_000_000)
	}
	return nil
}

// checkPNG refuses sizes of which the decoder does not say so where an int has 32 bits.
func checkPNG(head []byte) error {
	if len(head) < sniff {
		return nil
	}
	return checkPixels(uint64(binary.BigEndian.Uint32(head[16:])), uint64(binary.BigEndian.Uint32(head[20:])))
}

// plain says an end of file in words; other errors are passed on.
func plain(err error) error {
	if truncated(err) {
		return fmt.Errorf("%w (%v)", ErrTruncated, err)
	}
	return err
}

// truncated reports whether a decoder ran out of bytes. The standard decoders
// keep io.ErrUnexpectedEOF in some places and say it in words in others.
func truncated(err error) bool {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return true
	}
	text := err.Error()
	for _, words := range []string{"unexpected EOF", "not enough ", "short Huffman data"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}
