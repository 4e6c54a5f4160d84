// Package npy reads and writes NumPy's .npy arrays and .npz archives of them, as
// far as models need: little-endian numbers in C order. Header and sizes are
// checked before anything is allocated.
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
package npy

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Array is a dense array in C order.
type Array struct {
	Type  string // NumPy's name without byte order: i1, u1, i2, i4, i8, f4, f8
	Shape []int
	Data  []byte // little-endian
}

// MaxBytes bounds one array.
const MaxBytes = 1 << 30

const magic = "\x93NUMPY"

var sizes = map[string]int{"i1": 1, "u1": 1, "b1": 1, "i2": 2, "u2": 2, "i4": 4, "u4": 4, "i8": 8, "u8": 8, "f4": 4, "f8": 8}

// Elements is the number of values.
func (a *Array) Elements() int {
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	return n
}

// Read parses a .npy file.
func Read(b []byte) (*Array, error) {
	if len(b) < 10 || string(b[:6]) != magic {
		return nil, errors.New("not a .npy file: it does not start with \\x93NUMPY")
	}
	n, at := int(binary.LittleEndian.Uint16(b[8:])), 10
	if b[6] >= 2 {
		if len(b) < 12 {
			return nil, errors.New(".npy: the header is cut off")
		}
		n, at = int(binary.LittleEndian.Uint32(b[8:])), 12
	}
	if n < 0 || n > len(b)-at { // negative where int has 32 bits
		return nil, errors.New(".npy: the header is cut off")
	}
	a, err := header(string(b[at : at+n]))
	if err != nil {
		return nil, fmt.Errorf(".npy: %w", err)
	}
	data := b[at+n:]
	if want := a.Elements() * sizes[a.Type]; len(data) < want {
		return nil, fmt.Errorf(".npy: %d bytes of data, expected %d for shape %v of %s", len(data), want, a.Shape, a.Type)
	} else {
		a.Data = data[:want:want]
	}
	return a, nil
}

// header parses the Python dictionary.
func header(h string) (*Array, error) {
	descr, err := value(h, "descr", "'", "'")
	if err != nil {
		return nil, err
	}
	kind := strings.TrimLeft(descr, "<|=")
	if sizes[kind] == 0 || strings.HasPrefix(descr, ">") {
		return nil, fmt.Errorf("element type %q is not one of i1 u1 i2 u2 i4 u4 i8 u8 f4 f8, little-endian", descr)
	}
	if i := strings.Index(h, "fortran_order"); i < 0 || !strings.HasPrefix(strings.TrimLeft(h[i+len("fortran_order"):], "': "), "False") {
		return nil, errors.New("the array must be in C order: save numpy.ascontiguousarray(x)")
	}
	dims, err := value(h, "shape", "(", ")")
	if err != nil {
		return nil, err
	}
	a := &Array{Type: kind}
	limit := MaxBytes / sizes[kind]
	for _, s := range strings.Split(dims, ",") {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		d, err := strconv.Atoi(s)
		if err != nil || d < 0 || d > 0 && limit/d == 0 {
			return nil, fmt.Errorf("shape (%s) is out of range", dims)
		}
		limit /= max(d, 1)
		a.Shape = append(a.Shape, d)
	}
	return a, nil
}

// value finds what stands between open and close after the key.
func value(h, key, open, shut string) (string, error) {
	i := strings.Index(h, "'"+key+"'")
	if i < 0 {
		return "", fmt.Errorf("header %q has no %s", h, key)
	}
	rest := h[i+len(key)+2:]
	if i = strings.Index(rest, open); i < 0 {
		return "", fmt.Errorf("header %q is malformed", h)
	}
	rest = rest[i+1:]
	if i = strings.Index(rest, shut); i < 0 {
		return "", fmt.Errorf("header %q is malformed", h)
	}
	return rest[:i], nil
}

// Bytes writes the array as a .npy file of version 1.0.
func (a *Array) Bytes() []byte {
	order := "<"
	if sizes[a.Type] == 1 {
		order = "|"
	}
	var dims strings.Builder
	for i, d := range a.Shape {
		if i > 0 {
			dims.WriteByte(' ')
		}
		fmt.Fprintf(&dims, "%d,", d)
	}
	shape := dims.String()
	if len(a.Shape) > 1 {
		shape = strings.TrimSuffix(shape, ",")
	}
	h := fmt.Sprintf("{'descr': '%s%s', 'fortran_order': False, 'shape': (%s), }", order, a.Type, shape)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	b := append([]byte(magic), 1, 0)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h)))
	return append(append(b, h...), a.Data...)
}

// ReadZip parses a .npz file: its arrays by name.
func ReadZip(b []byte) (map[string]*Array, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf(".npz: %w", err)
	}
	all := make(map[string]*Array)
	for _, f := range z.File {
		data, err := member(f)
		if err != nil {
			return nil, fmt.Errorf(".npz: %s: %w", f.Name, err)
		}
		if all[strings.TrimSuffix(f.Name, ".npy")], err = Read(data); err != nil {
			return nil, fmt.Errorf(".npz: %s: %w", f.Name, err)
		}
	}
	return all, nil
}

func member(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+4096))
	if err == nil && len(data) > MaxBytes+4000 {
		err = fmt.Errorf("larger than %d bytes", MaxBytes)
	}
	return data, err
}
