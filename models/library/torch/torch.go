package torch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
)

// Tensor is one entry of a state dictionary, contiguous, last index fastest.
type Tensor struct {
	Shape  []int     // no dimensions: one value
	Float  []float32 // of a FloatTensor, else nil
	Int    []int64   // of a LongTensor, else nil
	stored *storage
	offset int
	stride []int
}

// storage is what tensors are views of.
type storage struct {
	kind  string // "FloatStorage" or "LongStorage"
	count int
	float []float32
	int   []int64
}

// magic is the first pickle of every legacy file.
const magic = "1950a86a20f9469cfc6c"

// legacyProtocol is the second.
const legacyProtocol = 1001

// ReadLegacy reads a state dictionary of float32 and int64 tensors. limit
// bounds the bytes of tensor data that it holds; what a file claims beyond it
// is refused before memory is taken. It is safe for concurrent use.
func ReadLegacy(r io.Reader, limit int64) (map[string]Tensor, error) {
	l := &loader{r: bufio.NewReaderSize(r, 1<<16), limit: limit, storages: map[string]*storage{}}
	if err := l.header(); err != nil {
		return nil, fmt.Errorf("torch file: %w", err)
	}
	tensors, err := l.stateDict()
	if err != nil {
		return nil, fmt.Errorf("torch file: state dictionary: %w", err)
	}
	if err := l.data(); err != nil {
		return nil, fmt.Errorf("torch file: %w", err)
	}
	for key, t := range tensors {
		if err := t.gather(l); err != nil {
			return nil, fmt.Errorf("torch file: tensor %q: %w", key, err)
		}
		tensors[key] = t
	}
	return tensors, nil
}

type loader struct {
	r        *bufio.Reader
	limit    int64
	storages map[string]*storage
}

func (l *loader) pickle() (any, error) {
	m := machine{r: l.r, reduce: l.reduce, persist: l.persist}
	return m.run()
}

func (l *loader) header() error {
	v, err := l.pickle()
	if err != nil {
		return err
	}
	if n, ok := v.(*big.Int); !ok || n.Text(16) != magic {
		return errors.New("not in torch's legacy format (the first value is not its magic number)")
	}
	if v, err = l.pickle(); err != nil {
		return err
	}
	if v != any(int64(legacyProtocol)) {
		return fmt.Errorf("protocol %v, want %d", v, legacyProtocol)
	}
	if v, err = l.pickle(); err != nil {
		return err
	}
	info, ok := v.(*dict)
	if !ok || info.get("little_endian") != true {
		return errors.New("not written on a little-endian machine")
	}
	return nil
}

func (l *loader) stateDict() (map[string]Tensor, error) {
	v, err := l.pickle()
	if err != nil {
		return nil, err
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, errors.New("the value is not a dictionary")
	}
	out := make(map[string]Tensor, len(d.keys))
	for i, k := range d.keys {
		key, ok := k.(string)
		t, ok2 := d.values[i].(Tensor)
		if !ok || !ok2 {
			return nil, fmt.Errorf("entry %d is not a name and a tensor", i)
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("%q appears twice", key)
		}
		out[key] = t
	}
	return out, nil
}

// reduce knows the only two calls that a state dictionary holds.
func (l *loader) reduce(f name, args tuple) (any, error) {
	switch f {
	case name{"collections", "OrderedDict"}:
		if len(args) == 0 {
			return &dict{}, nil
		}
		return nil, errors.New("OrderedDict with arguments")
	case name{"torch._utils", "_rebuild_tensor_v2"}:
		return rebuild(args)
	}
	return nil, fmt.Errorf("the file asks to call %s.%s: refused", f.module, f.name)
}

// persist makes the storage of ("storage", type, key, location, count, view).
func (l *loader) persist(id any) (any, error) {
	t, ok := id.(tuple)
	if !ok || len(t) < 5 || t[0] != any("storage") {
		return nil, errors.New("persistent id is not a storage")
	}
	kind, ok1 := t[1].(name)
	key, ok2 := t[2].(string)
	count, ok3 := t[4].(int64)
	if !ok1 || !ok2 || !ok3 || kind.module != "torch" || kind.name != "FloatStorage" && kind.name != "LongStorage" {
		return nil, fmt.Errorf("storage %v is neither float32 nor int64", t[1])
	}
	if len(t) > 5 && t[5] != nil {
		return nil, fmt.Errorf("storage %q is a view of another", key)
	}
	if s, ok := l.storages[key]; ok {
		if s.kind != kind.name || s.count != int(count) {
			return nil, fmt.Errorf("storage %q is described twice, differently", key)
		}
		return s, nil
	}
	s := &storage{kind: kind.name, count: int(count)}
	if count < 0 || count > l.limit/int64(s.size()) {
		return nil, fmt.Errorf("storage %q of %d elements is over the limit of %d bytes", key, count, l.limit)
	}
	l.limit -= count * int64(s.size())
	l.storages[key] = s
	return s, nil
}

// size of one element in bytes.
func (s *storage) size() int {
	if s.kind == "LongStorage" {
		return 8
	}
	return 4
}

// rebuild takes (storage, offset, size, stride, requires_grad, hooks).
func rebuild(args tuple) (any, error) {
	if len(args) < 4 {
		return nil, errors.New("tensor with fewer than four arguments")
	}
	s, ok := args[0].(*storage)
	off, ok2 := args[1].(int64)
	if !ok || !ok2 || off < 0 {
		return nil, errors.New("tensor without storage and offset")
	}
	shape, err := dims(args[2])
	if err != nil {
		return nil, fmt.Errorf("shape: %w", err)
	}
	stride, err := dims(args[3])
	if err != nil {
		return nil, fmt.Errorf("stride: %w", err)
	}
	if len(shape) != len(stride) {
		return nil, fmt.Errorf("%d dimensions and %d strides", len(shape), len(stride))
	}
	return Tensor{Shape: shape, stored: s, offset: int(off), stride: stride}, nil
}

func dims(v any) ([]int, error) {
	t, ok := v.(tuple)
	if !ok || len(t) > 8 {
		return nil, errors.New("not a tuple of at most eight numbers")
	}
	out := make([]int, len(t))
	for i, d := range t {
		n, ok := d.(int64)
		if !ok || n < 0 || n > math.MaxInt32 {
			return nil, fmt.Errorf("dimension %v", d)
		}
		out[i] = int(n)
	}
	return out, nil
}

// data reads the list of storage keys and then each storage.
func (l *loader) data() error {
	v, err := l.pickle()
	if err != nil {
		return fmt.Errorf("storage keys: %w", err)
	}
	keys, ok := v.(*list)
	if !ok {
		return errors.New("storage keys are not a list")
	}
	for _, k := range keys.items {
		key, _ := k.(string)
		s, ok := l.storages[key]
		if !ok || s.float != nil || s.int != nil {
			return fmt.Errorf("storage key %v is unknown or appears twice", k)
		}
		if err := s.read(l.r); err != nil {
			return fmt.Errorf("storage %q: %w", key, err)
		}
	}
	return nil
}

func (s *storage) read(r io.Reader) error {
	var n int64
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return fmt.Errorf("file ends before its count: %w", err)
	}
	if n != int64(s.count) {
		return fmt.Errorf("%d elements, its description says %d", n, s.count)
	}
	s.float, s.int = []float32{}, []int64{}
	buf := make([]byte, 1<<12)
	for left := s.count * s.size(); left > 0; {
		b := buf[:min(left, len(buf))]
		if _, err := io.ReadFull(r, b); err != nil {
			return fmt.Errorf("file ends %d bytes too early: %w", left, err)
		}
		s.take(b)
		left -= len(b)
	}
	return nil
}

// take appends the elements in b.
func (s *storage) take(b []byte) {
	if s.kind == "LongStorage" {
		for ; len(b) >= 8; b = b[8:] {
			s.int = append(s.int, int64(binary.LittleEndian.Uint64(b)))
		}
		return
	}
	for ; len(b) >= 4; b = b[4:] {
		s.float = append(s.float, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
}

// gather copies the view into contiguous memory, out of the bytes that l has
// left.
func (t *Tensor) gather(l *loader) error {
	n, last := int64(1), int64(t.offset)
	for i, d := range t.Shape {
		if d > 0 && n > l.limit/int64(d) {
			return fmt.Errorf("shape %v is over the limit", t.Shape)
		}
		n *= int64(d)
		last += int64(t.stride[i]) * int64(max(d-1, 0))
	}
	if n > 0 && (last >= int64(t.stored.count) || last < 0) {
		return fmt.Errorf("shape %v from offset %d with strides %v leaves its storage of %d", t.Shape, t.offset, t.stride, t.stored.count)
	}
	if n > l.limit/int64(t.stored.size()) {
		return fmt.Errorf("shape %v is over the limit", t.Shape)
	}
	l.limit -= n * int64(t.stored.size())
	if t.stored.float == nil {
		return errors.New("its storage is not in the file")
	}
	if t.stored.kind == "LongStorage" {
		t.Int = view(t, t.stored.int, int(n))
	} else {
		t.Float = view(t, t.stored.float, int(n))
	}
	t.stored, t.stride = nil, nil
	return nil
}

func view[T any](t *Tensor, from []T, n int) []T {
	out := make([]T, n)
	index := make([]int, len(t.Shape))
	for i := range out {
		at := t.offset
		for d, k := range index {
			at += k * t.stride[d]
		}
		out[i] = from[at]
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < t.Shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return out
}

// get returns the value of a text key, or nil.
func (d *dict) get(key string) any {
	for i, k := range d.keys {
		if k == any(key) {
			return d.values[i]
		}
	}
	return nil
}
