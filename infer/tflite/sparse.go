package tflite

// Sparse constants, as tensorflow/lite/kernels/internal/utils/sparsity_format_converter.h
// describes them: a tree whose levels are the tensor's dimensions, then those of
// a block, in traversal order; each level is dense or compressed (segments and
// indices).

// maxLevels bounds the tree: a dimension and its block each take one.
const maxLevels = 16

// level is one dimension of the tree.
type level struct {
	size     int // values that the level's index may take
	sparse   bool
	segments intVector
	indices  intVector
}

// intVector is a vector of 1, 2 or 4 byte integers inside the file.
type intVector struct {
	pos, n, width int
}

func (v intVector) at(r *reader, i int) int {
	switch p := v.pos + i*v.width; v.width {
	case 1:
		return int(r.b[p])
	case 2:
		return r.u16(p)
	default:
		return r.i32(p)
	}
}

// tree is a sparse constant on its way to a dense one.
type tree struct {
	r      *reader
	levels []level
	order  []int // traversal order
	blocks []int // block_map: the dimension that each block dimension divides
	dims   []int
	index  []int // the path to the current leaf
	data   []byte
	next   int // values of data used
	elem   int
	out    []byte
}

// densify spreads data over want bytes of zeros.
func (p *parser) densify(x *Tensor, s table, data []byte, want int) []byte {
	t := &tree{r: p.reader, order: s.ints(0), blocks: s.ints(1), dims: x.Shape, data: data, elem: x.Type.Size()}
	if msg := t.readLevels(s); msg != "" {
		p.failTensor(x, "sparsity: "+msg)
		return nil
	}
	if !p.take(x.Offset, want, 1) {
		return nil
	}
	t.out = make([]byte, want)
	if want == 0 {
		return t.out // a walk over its other dimensions might never end
	}
	t.index = make([]int, len(t.levels))
	if msg := t.walk(0, 0); msg != "" {
		p.failTensor(x, "sparsity: "+msg)
		return nil
	}
	return t.out
}

// readLevels checks the descriptor and returns what is wrong with it.
func (t *tree) readLevels(s table) string {
	n := s.count(2)
	if t.r.err != nil || n > maxLevels || n != len(t.order) || n != len(t.dims)+len(t.blocks) {
		return "levels, traversal order and block map do not fit the tensor's shape"
	}
	seen := [maxLevels]bool{}
	for _, o := range t.order {
		if o < 0 || o >= n || seen[o] {
			return "the traversal order is no permutation"
		}
		seen[o] = true
	}
	for _, b := range t.blocks {
		if b < 0 || b >= len(t.dims) {
			return "a block divides a dimension that does not exist"
		}
	}
	t.levels = make([]level, 0, n)
	s.each(2, func(_ int, d table) { t.levels = append(t.levels, readLevel(d)) })
	if t.r.err != nil || len(t.levels) != n {
		return "its dimensions cannot be read"
	}
	return t.checkSizes()
}

func readLevel(d table) level {
	l := level{size: d.i32(1, 0), sparse: d.u8(0, 0) == 1}
	if l.sparse {
		l.segments = readIntVector(d, 2)
		l.indices = readIntVector(d, 4)
	}
	return l
}

// readIntVector reads the union at field kind and kind+1: Int32Vector,
// Uint16Vector or Uint8Vector.
func readIntVector(d table, kind int) intVector {
	k := d.u8(kind, 0)
	v, ok := d.sub(kind + 1)
	if !ok || k < 1 || k > 3 {
		return intVector{}
	}
	width := [...]int{0, 4, 2, 1}[k]
	pos, n := v.vector(0, width)
	return intVector{pos, n, width}
}

// checkSizes compares the levels with the tensor's shape: the size of a
// dimension times the sizes of its blocks. Only dimensions, not blocks, may be
// compressed, and blocks come after them, as the converter writes them.
func (t *tree) checkSizes() string {
	have := make([]int, len(t.dims))
	for i := range have {
		have[i] = 1
	}
	for i := range t.levels {
		l, o := &t.levels[i], t.order[i]
		isBlock := o >= len(t.dims)
		if isBlock != (i >= len(t.dims)) || isBlock && l.sparse {
			return "blocks must be dense and come last"
		}
		d := o
		if isBlock {
			d = t.blocks[o-len(t.dims)]
		}
		if l.sparse {
			l.size = t.dims[d] / max(1, t.blockOf(d))
		}
		if l.size < 0 || l.size > t.dims[d] || have[d] > 0 && l.size > t.dims[d]/have[d] {
			return "a level is larger than its dimension"
		}
		have[d] *= l.size
	}
	for d, n := range have {
		if n != t.dims[d] {
			return "the levels do not make the tensor's shape"
		}
	}
	return ""
}

// blockOf is the block size along dimension d; the sizes are bounded by the
// dimension so that their product cannot overflow.
func (t *tree) blockOf(d int) int {
	b := 1
	for i, o := range t.order {
		if o >= len(t.dims) && t.blocks[o-len(t.dims)] == d {
			if s := t.levels[i].size; s > 0 && s <= t.dims[d] && b <= t.dims[d] {
				b *= s
			}
		}
	}
	return b
}

// walk visits level k below node number prev of the level above.
func (t *tree) walk(k, prev int) string {
	if k == len(t.levels) {
		return t.leaf()
	}
	l := &t.levels[k]
	if !l.sparse {
		for i := range l.size {
			t.index[k] = i
			if msg := t.walk(k+1, prev*l.size+i); msg != "" {
				return msg
			}
		}
		return ""
	}
	if prev+1 >= l.segments.n {
		return "too few segments"
	}
	from, to := l.segments.at(t.r, prev), l.segments.at(t.r, prev+1)
	if from < 0 || to < from || to > l.indices.n || to-from > l.size {
		return "a segment leaves its indices"
	}
	for i := from; i < to; i++ {
		t.index[k] = l.indices.at(t.r, i)
		if t.index[k] < 0 || t.index[k] >= l.size {
			return "an index leaves its dimension"
		}
		if msg := t.walk(k+1, i); msg != "" {
			return msg
		}
	}
	return ""
}

// leaf stores the next value at the current path.
func (t *tree) leaf() string {
	if (t.next+1)*t.elem > len(t.data) {
		return "too few values"
	}
	var at [maxLevels]int
	for i, o := range t.order {
		if o < len(t.dims) {
			at[o] = t.index[i]
			continue
		}
		d := t.blocks[o-len(t.dims)]
		at[d] = at[d]*t.levels[i].size + t.index[i]
	}
	flat := 0
	for d, n := range t.dims {
		flat = flat*n + at[d]
	}
	copy(t.out[flat*t.elem:(flat+1)*t.elem], t.data[t.next*t.elem:])
	t.next++
	return ""
}
