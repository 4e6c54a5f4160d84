package tflite

import (
	"fmt"
	"slices"
)

// Limits bound what Parse may take.
type Limits struct {
	// Alloc is how many bytes Parse may allocate; 0 means 2x the file + 12 MiB,
	// which stays inside the promised 4x + 16 MiB with the allocator's rounding.
	Alloc int
	// Elements bounds every activation; 0 means 1 << 28.
	Elements int
}

const defaultElements = 1 << 28

// What one element of each list costs in memory, rounded up; for Limits.Alloc.
const (
	sizeTable    = 48
	sizeOpRef    = 40
	sizeMetadata = 2 * 48 // grown by append
	sizeTensor   = 160
	sizeOp       = 224 // with its options
)

// identifier of a .tflite flatbuffer, at byte 4.
const identifier = "TFL3"

// Parse reads the flatbuffer at the start of b; what follows it (a package's
// associated files) is ignored. Constants alias b, which must not change while
// the Model is in use. Errors are *Error.
func Parse(b []byte, lim Limits) (*Model, error) {
	if len(b) < 8 || string(b[4:8]) != identifier {
		return nil, &Error{Kind: ErrMalformed, Offset: 0, Msg: "it does not start as one (identifier TFL3 is missing)"}
	}
	r := &reader{b: b, budget: lim.Alloc}
	if r.budget == 0 {
		r.budget = 2*len(b) + 12<<20
	}
	p := parser{reader: r, lim: lim}
	root := r.follow(0)
	if r.err != nil {
		return nil, r.err
	}
	m := p.model(r.table(root))
	if r.err != nil {
		return nil, r.err
	}
	if lim.Elements == 0 {
		lim.Elements = defaultElements
	}
	if err := m.finish(r, lim); err != nil {
		return nil, err
	}
	return m, nil
}

// parser keeps what tensors and operators refer to by index.
type parser struct {
	*reader
	lim     Limits
	buffers []table
	codes   []opRef
}

type opRef struct {
	code    OpCode
	custom  string
	version int
}

func (p *parser) model(t table) *Model {
	if p.err != nil {
		return nil
	}
	m := &Model{Version: t.u32(0, 0), Description: t.str(3)}
	if m.Version != 3 {
		p.fail(t.pos, "schema version %d, expected 3", m.Version)
	}
	if n := t.count(2); n != 1 {
		t.fail("%d subgraphs; files with exactly one can be read", n)
	}
	p.readBuffers(t)
	p.readCodes(t)
	p.readMetadata(m, t)
	t.each(2, func(_ int, g table) { p.subgraph(m, g) })
	return m
}

func (p *parser) readBuffers(t table) {
	if !p.take(t.pos, t.count(4), sizeTable) {
		return
	}
	p.buffers = make([]table, 0, t.count(4))
	t.each(4, func(_ int, b table) { p.buffers = append(p.buffers, b) })
}

func (p *parser) readCodes(t table) {
	if !p.take(t.pos, t.count(1), sizeOpRef) {
		return
	}
	p.codes = make([]opRef, 0, t.count(1))
	t.each(1, func(_ int, c table) {
		code := max(int(c.u8(0, 0)), c.i32(3, 0))
		p.codes = append(p.codes, opRef{OpCode(code), c.str(1), c.i32(2, 1)})
	})
}

func (p *parser) readMetadata(m *Model, t table) {
	if !p.take(t.pos, t.count(6), sizeMetadata) {
		return
	}
	t.each(6, func(_ int, e table) {
		m.Metadata = append(m.Metadata, Metadata{e.str(0), p.buffer(e, e.u32(1, 0))})
	})
}

// buffer returns the bytes of buffer i, which alias the file.
func (p *parser) buffer(from table, i int) []byte {
	if p.err != nil {
		return nil
	}
	if i >= len(p.buffers) {
		p.fail(from.pos, "buffer %d of %d", i, len(p.buffers))
		return nil
	}
	b := p.buffers[i]
	// Files above 2 GB keep their buffers outside the flatbuffer, by offset.
	if off, n := b.u64(1), b.u64(2); off > 1 {
		if off > uint64(len(p.b)) || n > uint64(len(p.b))-off {
			p.fail(b.pos, "buffer %d at byte %d does not fit into the file", i, off)
			return nil
		}
		return p.b[off : off+n : off+n]
	}
	return b.bytes(0)
}

func (p *parser) subgraph(m *Model, g table) {
	n := g.count(0)
	if !p.take(g.pos, n, sizeTensor) {
		return
	}
	m.Tensors = make([]Tensor, 0, n)
	g.each(0, func(_ int, t table) { m.Tensors = append(m.Tensors, p.tensor(t)) })
	m.Inputs, m.Outputs = g.ints(1), g.ints(2)
	n = g.count(3)
	if !p.take(g.pos, n, sizeOp) {
		return
	}
	m.Ops = make([]Op, 0, n)
	g.each(3, func(k int, t table) { p.op(m, k, t) })
}

func (p *parser) tensor(t table) Tensor {
	x := Tensor{Shape: t.ints(0), Type: DType(t.u8(1, 0)), Name: t.str(3), Offset: t.pos}
	if q, ok := t.sub(4); ok {
		x.Scales, x.ZeroPoints, x.Axis = q.floats(2), q.longs(3), q.i32(6, 0)
		if q.u8(4, 0) != 0 {
			p.refuse(x, "custom quantization")
		}
		if len(x.ZeroPoints) == 0 && len(x.Scales) > 0 && p.take(q.pos, len(x.Scales), 8) {
			x.ZeroPoints = make([]int64, len(x.Scales))
		}
	}
	if x.Type.Size() == 0 {
		p.refuse(x, "element type "+x.Type.String())
	}
	if t.u8(5, 0) != 0 {
		p.refuse(x, "variable tensor")
	}
	x.open = slices.Contains(t.ints(7), -1)
	p.values(&x, t)
	return x
}

func (p *parser) refuse(x Tensor, msg string) {
	if p.err == nil {
		p.err = &Error{Kind: ErrUnsupported, Tensor: x.Name, Offset: x.Offset, Msg: msg}
	}
}

// values sets the constant's bytes; what is stored sparse becomes dense, and may
// hold no values at all where every weight is zero.
func (p *parser) values(x *Tensor, t table) {
	data := p.buffer(t, t.u32(2, 0))
	s, sparse := t.sub(6)
	if p.err != nil || len(data) == 0 && !sparse {
		return
	}
	want, err := checkedBytes(x.Shape, x.Type, maxConstBytes)
	if err != nil {
		p.failTensor(x, err.Error())
		return
	}
	if sparse {
		x.Sparse = true
		x.Data = p.densify(x, s, data, want)
		return
	}
	if len(data) != want {
		p.failTensor(x, fmt.Sprintf("%d bytes of data for shape %v of %v", len(data), x.Shape, x.Type))
		return
	}
	x.Data = data
}

func (p *parser) failTensor(x *Tensor, msg string) {
	if p.err == nil {
		p.err = &Error{Kind: ErrMalformed, Tensor: x.Name, Offset: x.Offset, Msg: msg}
	}
}

func (p *parser) op(m *Model, k int, t table) {
	i := t.u32(0, 0)
	if i >= len(p.codes) {
		p.fail(t.pos, "operator code %d of %d", i, len(p.codes))
		return
	}
	ref := p.codes[i]
	o := Op{Code: ref.code, Version: ref.version, Inputs: t.ints(1), Outputs: t.ints(2), Offset: t.pos}
	info, known := opInfos[o.Code]
	if !known {
		p.refuseOp(m, o, k, ref.custom)
		return
	}
	p.options(&o, info, t)
	if p.err != nil {
		p.place(m, o, k)
		return
	}
	m.Ops = append(m.Ops, o)
}

func (p *parser) options(o *Op, info opInfo, t table) {
	if info.decode == nil {
		return
	}
	opts, ok := t.sub(4)
	kind := t.u8(3, 0)
	switch {
	case p.err != nil:
	case ok && kind == info.options:
		o.Options = info.decode(opts)
	case kind == 0:
		o.Options = info.decode(table{r: p.reader}) // every field at its default
	default:
		p.fail(t.pos, "options of kind %d, expected %d", kind, info.options)
	}
}

func (p *parser) refuseOp(m *Model, o Op, k int, custom string) {
	msg := "this operator cannot be run"
	if custom != "" {
		msg = fmt.Sprintf("custom operator %q cannot be run", custom)
	}
	p.failAs(ErrUnsupported, o.Offset, "%s", msg)
	p.place(m, o, k)
}

// place adds operator and tensor to the pending error.
func (p *parser) place(m *Model, o Op, k int) {
	e, ok := p.err.(*Error)
	if !ok {
		return
	}
	e.Op = fmt.Sprintf("%v #%d", o.Code, k)
	if len(o.Outputs) > 0 && o.Outputs[0] >= 0 && o.Outputs[0] < len(m.Tensors) {
		e.Tensor = m.Tensors[o.Outputs[0]].Name
	}
}
