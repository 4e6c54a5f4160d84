package kernel

import (
	"fmt"
	"strings"
)

// Env is the environment variable whose value the command hands to Choose.
const Env = "WINNOW_KERNEL"

// isa is an instruction set that kernels are written for.
type isa uint8

const (
	isaGeneric isa = iota
	isaAVX2
	isaVNNI
	isaNEON
	isaDot
)

func (i isa) String() string {
	return [...]string{"generic", "avx2", "avx512vnni", "neon", "dotprod"}[i]
}

// Set is the kernels of one instruction set. It is immutable; the zero value is
// the generic set.
type Set struct {
	isa     isa
	machine machine // nil but in tests
}

// machine runs kernels by name in place of the CPU: tests interpret the assembly
// of instruction sets that the CPU lacks.
type machine interface {
	blocks(name string, a blockArgs)
	zip(name string, a zipArgs)
	flip(dst, src []byte)
}

// Name is generic, avx2, avx512vnni, neon or dotprod.
func (s *Set) Name() string { return s.isa.String() }

// Sets are the sets that this CPU runs, best first; the last one is generic.
func Sets() []*Set {
	var all []*Set
	for _, i := range available() {
		all = append(all, &Set{isa: i})
	}
	return append(all, &Set{})
}

// Choose returns the set of that name, or the best one for name "".
func Choose(name string) (*Set, error) {
	all := Sets()
	if name == "" {
		return all[0], nil
	}
	var names []string
	for _, s := range all {
		if s.Name() == name {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, fmt.Errorf("%s=%s: this CPU has no such kernels; choose from %s", Env, name, strings.Join(names, ", "))
}

// Conv prepares a convolution.
func (s *Set) Conv(d Conv) (Op, error) {
	d, err := d.normal()
	if err != nil {
		return nil, err
	}
	if l := s.isa.layout(); l != nil {
		if n := d.OutH * d.OutW; d.pointwise() && n < fcRows {
			return s.fullyConnected(l, FullyConnected{Rows: n, In: d.InC, Out: d.OutC, InZero: d.InZero,
				Weights: d.Weights, Bias: d.Bias, Requant: d.Requant})
		}
		if c := newLaneConv(s, l, d); c != nil {
			return c, nil
		}
		if c := newBlockConv(s, l, d); c != nil {
			return c, nil
		}
	}
	d.Weights = append([]int8(nil), d.Weights...)
	return &refConv{d}, nil
}

// Depthwise prepares a depthwise convolution.
func (s *Set) Depthwise(d Depthwise) (Op, error) {
	d, err := d.normal()
	if err != nil {
		return nil, err
	}
	if l := s.isa.layout(); l != nil {
		if o := newDW(s, l, d); o != nil {
			return o, nil
		}
	}
	d.Weights = append([]int8(nil), d.Weights...)
	return &refDepthwise{d}, nil
}

// FullyConnected prepares a matrix product.
func (s *Set) FullyConnected(d FullyConnected) (Op, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if l := s.isa.layout(); l != nil {
		return s.fullyConnected(l, d)
	}
	d.Weights = append([]int8(nil), d.Weights...)
	return &refFC{d}, nil
}

// AvgPool prepares an average pool.
func (s *Set) AvgPool(d AvgPool) (Op, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if l := s.isa.layout(); l != nil {
		if o := newBlockPool(s, l, d); o != nil {
			return o, nil
		}
	}
	return &refPool{d}, nil
}

// fullyConnected takes the convolution's tiles for many rows.
func (s *Set) fullyConnected(l *layout, d FullyConnected) (Op, error) {
	if d.In > 1<<28 {
		d.Weights = append([]int8(nil), d.Weights...)
		return &refFC{d}, nil // offsets would not fit 32 bits
	}
	c := Conv{InH: d.Rows, InW: 1, InC: d.In, OutH: d.Rows, OutW: 1, OutC: d.Out, KH: 1, KW: 1, StrideH: 1, StrideW: 1,
		DilationH: 1, DilationW: 1, Up: 1, InZero: d.InZero, Weights: d.Weights, Bias: d.Bias, Requant: d.Requant}
	if d.Rows >= fcRows {
		if o := newBlockConv(s, l, c); o != nil {
			return o, nil
		}
	}
	return newBlockFC(s, l, d), nil
}
