package pixfmt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"io"
	"os"
	"time"

	"winnow/capture"
	"winnow/edge"
)

// maxGIF is the largest GIF file that is taken into memory.
const maxGIF = 256 << 20

// Animation is a GIF whose frames are decoded and composed one at a time, so
// that memory is one canvas whatever their number. Not safe for concurrent use.
type Animation struct {
	name   string
	width  int
	height int
	grey   bool
	header []byte // signature, screen descriptor, global colour table
	frames []gifFrame

	next   int        // frame that goes onto the canvas next
	canvas edge.Frame // RGB24, what the viewer sees
	before []byte     // canvas to go back to after a frame with disposal 3
}

// gifFrame is one picture of the file with what says how it is shown.
type gifFrame struct {
	data     []byte // its blocks, from the graphic control extension on
	box      image.Rectangle
	delay    time.Duration
	disposal byte
}

// Disposal methods of GIF89a, section 23.
const (
	disposeBackground = 2
	disposePrevious   = 3
)

// OpenAnimation reads the GIF file at path. The errors are those of ReadImage.
func OpenAnimation(path string) (*Animation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	defer file.Close()
	a, err := parseGIF(file)
	if err != nil {
		return nil, fmt.Errorf("read picture %s: %w", path, plain(err))
	}
	a.name = path
	return a, nil
}

// Len is the number of frames, at least 1.
func (a *Animation) Len() int { return len(a.frames) }

// Delay is how long frame i is shown; 0 where the file does not say.
func (a *Animation) Delay(i int) time.Duration { return a.frames[i].delay }

// Frame composes frame i as a viewer shows it and copies it to dst. Frames are
// cheap in order; going back starts again from the first.
func (a *Animation) Frame(dst *edge.Frame, i int) error {
	if i < 0 || i >= len(a.frames) {
		return fmt.Errorf("read picture %s: it has no frame %d, only 0 to %d", a.name, i, len(a.frames)-1)
	}
	if i < a.next-1 {
		a.next = 0
	}
	for a.next <= i {
		if err := a.advance(); err != nil {
			a.next = 0
			return fmt.Errorf("read picture %s: frame %d: %w", a.name, i, plain(err))
		}
	}
	a.copyTo(dst)
	return nil
}

// copyTo copies the canvas to dst, one byte a pixel if the file is grey.
func (a *Animation) copyTo(dst *edge.Frame) {
	if !a.grey {
		capture.Reshape(dst, a.width, a.height, edge.RGB24)
		copy(dst.Pix, a.canvas.Pix)
		return
	}
	capture.Reshape(dst, a.width, a.height, edge.Gray8)
	for i := range dst.Pix {
		dst.Pix[i] = a.canvas.Pix[3*i]
	}
}

// advance disposes of the frame on the canvas and draws the next.
func (a *Animation) advance() error {
	if a.next == 0 {
		capture.Reshape(&a.canvas, a.width, a.height, edge.RGB24)
		clear(a.canvas.Pix)
	} else {
		a.dispose(a.frames[a.next-1])
	}
	f := a.frames[a.next]
	if f.disposal == disposePrevious {
		a.before = append(a.before[:0], a.canvas.Pix...)
	}
	img, err := a.decode(f)
	if err != nil {
		return err
	}
	a.draw(img)
	a.next++
	return nil
}

func (a *Animation) dispose(f gifFrame) {
	switch f.disposal {
	case disposeBackground:
		for y := f.box.Min.Y; y < f.box.Max.Y; y++ {
			clear(a.canvas.Row(y)[3*f.box.Min.X : 3*f.box.Max.X])
		}
	case disposePrevious:
		copy(a.canvas.Pix, a.before)
	}
}

// decode gives frame f, as a file of its own, to the standard decoder.
func (a *Animation) decode(f gifFrame) (*image.Paletted, error) {
	m, err := gif.Decode(io.MultiReader(bytes.NewReader(a.header), bytes.NewReader(f.data), bytes.NewReader([]byte{gifTrailer})))
	if err != nil {
		return nil, err
	}
	p, ok := m.(*image.Paletted)
	if !ok {
		return nil, fmt.Errorf("frame of type %T", m)
	}
	return p, nil
}

// draw puts the opaque pixels of m onto the canvas.
func (a *Animation) draw(m *image.Paletted) {
	var table [256][3]byte
	var seen [256]bool
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		_, _, _, alpha := c.RGBA()
		table[i], seen[i] = straight(c), alpha != 0
	}
	b := m.Rect.Intersect(image.Rect(0, 0, a.width, a.height))
	for y := b.Min.Y; y < b.Max.Y; y++ {
		out := a.canvas.Row(y)[3*b.Min.X : 3*b.Max.X]
		for x, v := range m.Pix[m.PixOffset(b.Min.X, y):][:b.Dx()] {
			if seen[v] {
				copy(out[3*x:3*x+3], table[v][:])
			}
		}
	}
}

func decodeFirstGIF(dst *edge.Frame, r *bufio.Reader) error {
	a, err := parseGIF(r)
	if err != nil {
		return err
	}
	if err := a.advance(); err != nil {
		return err
	}
	a.copyTo(dst)
	return nil
}

// Block codes of GIF89a.
const (
	gifExtension  = 0x21
	gifImage      = 0x2c
	gifTrailer    = 0x3b
	gifControl    = 0xf9
	gifColorTable = 0x80
)

// parseGIF cuts a GIF into its frames without decompressing any.
func parseGIF(r io.Reader) (*Animation, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxGIF+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxGIF {
		return nil, fmt.Errorf("%w: a gif of more than %d MiB", ErrTooLarge, maxGIF>>20)
	}
	p := gifParser{data: data}
	head := p.take(13)
	if head == nil {
		return nil, io.ErrUnexpectedEOF
	}
	a := &Animation{width: int(le16(head[6:])), height: int(le16(head[8:])), grey: true}
	if err := checkSize(a.width, a.height); err != nil {
		return nil, err
	}
	a.grey = p.colorTable(head[10])
	a.header = data[:p.pos]
	for p.err == nil && !p.done {
		p.block(a)
	}
	switch {
	case p.err != nil:
		return nil, p.err
	case len(a.frames) == 0:
		return nil, errors.New("gif without a picture")
	}
	return a, nil
}

// gifParser walks the blocks of a GIF.
type gifParser struct {
	data  []byte
	pos   int
	start int      // where the blocks of the next frame begin
	ctl   gifFrame // what the last graphic control extension said
	done  bool
	err   error
}

// take returns the next n bytes, or nil and sets err.
func (p *gifParser) take(n int) []byte {
	if p.err != nil || p.pos+n > len(p.data) {
		p.err = io.ErrUnexpectedEOF
		return nil
	}
	p.pos += n
	return p.data[p.pos-n : p.pos]
}

// colorTable passes the colour table that flags announce and reports whether
// it is grey.
func (p *gifParser) colorTable(flags byte) bool {
	if flags&gifColorTable == 0 {
		return true
	}
	t := p.take(3 << (1 + flags&7))
	for ; len(t) >= 3; t = t[3:] {
		if t[0] != t[1] || t[1] != t[2] {
			return false
		}
	}
	return true
}

// block passes one block; a file that stops between blocks after a whole
// picture is as good as one with a trailer.
func (p *gifParser) block(a *Animation) {
	if p.pos == len(p.data) && len(a.frames) > 0 {
		p.done = true
		return
	}
	if p.start == 0 {
		p.start = p.pos
	}
	code := p.take(1)
	if code == nil {
		return
	}
	switch code[0] {
	case gifTrailer:
		p.done = true
	case gifExtension:
		p.extension()
	case gifImage:
		p.image(a)
	default:
		p.err = fmt.Errorf("gif: unknown block 0x%02x", code[0])
	}
}

func (p *gifParser) extension() {
	label := p.take(1)
	if label == nil {
		return
	}
	if label[0] != gifControl {
		p.subBlocks()
		return
	}
	if c := p.take(6); c != nil {
		p.ctl.disposal = c[1] >> 2 & 7
		p.ctl.delay = time.Duration(le16(c[2:])) * 10 * time.Millisecond
	}
}

func (p *gifParser) image(a *Animation) {
	d := p.take(9)
	if d == nil {
		return
	}
	f := p.ctl
	f.box = image.Rect(0, 0, int(le16(d[4:])), int(le16(d[6:]))).Add(image.Pt(int(le16(d[0:])), int(le16(d[2:]))))
	if f.box.Empty() || !f.box.In(image.Rect(0, 0, a.width, a.height)) {
		p.err = fmt.Errorf("gif: frame %v lies outside the picture of %dx%d", f.box, a.width, a.height)
		return
	}
	a.grey = p.colorTable(d[8]) && a.grey
	p.take(1) // LZW code size
	p.subBlocks()
	if p.err == nil {
		f.data = p.data[p.start:p.pos]
		a.frames = append(a.frames, f)
		p.start, p.ctl = 0, gifFrame{}
	}
}

// subBlocks passes data sub-blocks up to their terminator.
func (p *gifParser) subBlocks() {
	for {
		n := p.take(1)
		if n == nil || n[0] == 0 {
			return
		}
		p.take(int(n[0]))
	}
}

func le16(b []byte) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
