package native

import (
	"winnow/infer/graph"
	"winnow/infer/kernel"
	"winnow/infer/tflite"
)

// arithmetic lowers ADD, SUB and MUL, with broadcasting.
func (l *lowering) arithmetic(n *graph.Node) (layer, error) {
	if err := l.needInt8(n, n.In[0], n.In[1], n.Out); err != nil {
		return layer{}, err
	}
	s := &binaryStep{set: l.set, dst: l.int8s(n.Out), a: l.int8s(n.In[0]), b: l.int8s(n.In[1])}
	s.shape(l.tensor(n.Out).Shape, l.tensor(n.In[0]).Shape, l.tensor(n.In[1]).Shape)
	var err error
	if n.Code == tflite.OpMul {
		if l.g.Model.Squares(l.op(n)) {
			return l.square(n)
		}
		s.isMul = true
		err = l.product(n, &s.mul)
	} else {
		err = l.sum(n, &s.add)
	}
	return layer{step: s, kernel: l.set.Name(), wide: len(s.dst) > 1<<15}, err
}

// sum prepares ADD or SUB, which is ADD with the second factor negated.
func (l *lowering) sum(n *graph.Node, p *kernel.Add) error {
	a, b, out := l.tensor(n.In[0]), l.tensor(n.In[1]), l.tensor(n.Out)
	var zero int32
	var lo, hi int8
	if err := l.clamp(n, l.op(n).Options.(tflite.Arithmetic).Activation, &zero, &lo, &hi); err != nil {
		return err
	}
	for _, t := range []*tflite.Tensor{a, b} {
		if r := t.Scale() / out.Scale(); !(r >= 0x1p-10 && r < 0x1p8) {
			return l.refuse(n, "the scale ratio %g of %q is outside what LiteRT's kernel takes", r, t.Name)
		}
	}
	add, err := kernel.NewAdd(a.Scale()/out.Scale(), b.Scale()/out.Scale(), a.ZeroPoint(), b.ZeroPoint(), zero, lo, hi)
	if err != nil {
		return l.refuse(n, "%v", err)
	}
	if n.Code == tflite.OpSub {
		add.Bias += 2 * add.MulB * b.ZeroPoint()
		add.MulB = -add.MulB
	}
	*p = add
	return nil
}

func (l *lowering) product(n *graph.Node, p *kernel.Mul) error {
	a, b, out := l.tensor(n.In[0]), l.tensor(n.In[1]), l.tensor(n.Out)
	p.ZeroA, p.ZeroB = a.ZeroPoint(), b.ZeroPoint()
	p.Scale = float32(a.Scale()*b.Scale()) / out.Scale()
	if !(p.Scale >= 0x1p-16 && p.Scale < 0x1p8) {
		return l.refuse(n, "the scale ratio %g is outside what LiteRT's kernel takes", p.Scale)
	}
	return l.clamp(n, l.op(n).Options.(tflite.Arithmetic).Activation, &p.Zero, &p.Min, &p.Max)
}

// square lowers the product of a tensor with itself, for which XNNPACK has a table of
// 256: float32 values, as for LOGISTIC (src/reference/unary-elementwise.cc).
func (l *lowering) square(n *graph.Node) (layer, error) {
	var p kernel.Mul
	if err := l.product(n, &p); err != nil {
		return layer{}, err
	}
	x, y := l.tensor(n.In[0]), l.tensor(n.Out)
	s := &mapStep{set: l.set, dst: l.int8s(n.Out), src: l.int8s(n.In[0])}
	for q := int32(-128); q <= 127; q++ {
		v := float32(q-x.ZeroPoint()) * x.Scale()
		s.table[uint8(q)] = min(max(quantize(float32(v)*float32(v), 1/y.Scale(), y.ZeroPoint()), p.Min), p.Max)
	}
	return layer{step: s, kernel: "table", wide: len(s.dst) > 8*mapChunk}, nil
}

// binaryStep computes rows of the innermost run of dimensions over which
// neither input is repeated, or one of them is a single number.
type binaryStep struct {
	set       *kernel.Set
	dst, a, b []int8
	isMul     bool
	mul       kernel.Mul
	add       kernel.Add
	dims      []int // outer dimensions
	sa, sb    []int // strides of a and b over them, in rows' first elements
	row       int   // elements of dst in a row
	ra, rb    int   // step of a and b inside a row: 0 or 1
}

// shape brings both inputs to out's rank, merges what can be merged and cuts
// off the row.
func (s *binaryStep) shape(out, a, b []int) {
	dims, da, db := mergeBroadcast(out, padShape(a, len(out)), padShape(b, len(out)))
	last := len(dims) - 1
	s.row = dims[last]
	s.ra, s.rb = stride(da[last], dims[last]), stride(db[last], dims[last])
	s.dims = dims[:last]
	s.sa, s.sb = strides(da), strides(db)
}

// stride is 0 where a dimension of n is repeated to d.
func stride(n, d int) int {
	if n == 1 && d > 1 {
		return 0
	}
	return 1
}

func padShape(s []int, rank int) []int {
	p := make([]int, 0, rank)
	for range rank - len(s) {
		p = append(p, 1)
	}
	return append(p, s...)
}

// mergeBroadcast joins neighbouring dimensions in which both inputs are either
// full or repeated alike. There is at least one dimension.
func mergeBroadcast(out, a, b []int) (dims, da, db []int) {
	for i := range out {
		k := len(dims) - 1
		if k >= 0 && stride(da[k], dims[k]) == stride(a[i], out[i]) && stride(db[k], dims[k]) == stride(b[i], out[i]) || k >= 0 && out[i] == 1 {
			dims[k], da[k], db[k] = dims[k]*out[i], da[k]*a[i], db[k]*b[i]
			continue
		}
		if k >= 0 && dims[k] == 1 {
			dims[k], da[k], db[k] = out[i], a[i], b[i]
			continue
		}
		dims, da, db = append(dims, out[i]), append(da, a[i]), append(db, b[i])
	}
	if len(dims) == 0 {
		return []int{1}, []int{1}, []int{1}
	}
	return dims, da, db
}

// strides of the dimensions but the last, 0 where one is repeated.
func strides(d []int) []int {
	s := make([]int, len(d)-1)
	n := d[len(d)-1]
	for i := len(d) - 2; i >= 0; i-- {
		if d[i] > 1 {
			s[i] = n
		}
		n *= d[i]
	}
	return s
}

func (s *binaryStep) units() int {
	if len(s.dims) == 0 {
		return (s.row + mapChunk - 1) / mapChunk
	}
	return len(s.dst) / s.row
}

func (s *binaryStep) scratch() int { return 0 }

func (s *binaryStep) run(_ []byte, from, to int) {
	if len(s.dims) == 0 {
		i, z := from*mapChunk, min(to*mapChunk, s.row)
		s.rowOf(s.dst[i:z], s.a[i*s.ra:], s.b[i*s.rb:])
		return
	}
	for r := from; r < to; r++ {
		ia, ib, q := 0, 0, r
		for k := len(s.dims) - 1; k >= 0; k-- {
			i := q % s.dims[k]
			q /= s.dims[k]
			ia += i * s.sa[k]
			ib += i * s.sb[k]
		}
		s.rowOf(s.dst[r*s.row:(r+1)*s.row], s.a[ia:], s.b[ib:])
	}
}

func (s *binaryStep) rowOf(dst, a, b []int8) {
	if s.ra == 1 && s.rb == 1 {
		if s.isMul {
			s.set.Mul(dst, a[:len(dst)], b[:len(dst)], &s.mul)
		} else {
			s.set.Add(dst, a[:len(dst)], b[:len(dst)], &s.add)
		}
		return
	}
	for i := range dst {
		x, y := a[i*s.ra], b[i*s.rb]
		if s.isMul {
			dst[i] = s.mul.Of(x, y)
			continue
		}
		v := (s.add.Bias+int32(x)*s.add.MulA+int32(y)*s.add.MulB)>>s.add.Shift + s.add.Zero
		dst[i] = int8(max(int32(s.add.Min), min(int32(s.add.Max), v)))
	}
}
