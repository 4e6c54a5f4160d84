package torch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// Opcodes of pickle protocol 2 that a legacy state dictionary uses (names as in
// Python's pickletools). The comment is the argument.
const (
	opMark       = '('  // -
	opStop       = '.'  // -
	opBinInt     = 'J'  // int32
	opBinInt1    = 'K'  // uint8
	opBinInt2    = 'M'  // uint16
	opNone       = 'N'  // -
	opBinPersID  = 'Q'  // -
	opReduce     = 'R'  // -
	opBinUnicode = 'X'  // uint32 length, UTF-8
	opEmptyList  = ']'  // -
	opAppend     = 'a'  // -
	opBuild      = 'b'  // -
	opGlobal     = 'c'  // two lines
	opAppends    = 'e'  // -
	opBinGet     = 'h'  // uint8
	opLongBinGet = 'j'  // uint32
	opBinPut     = 'q'  // uint8
	opLongBinPut = 'r'  // uint32
	opSetItem    = 's'  // -
	opTuple      = 't'  // -
	opSetItems   = 'u'  // -
	opEmptyDict  = '}'  // -
	opEmptyTuple = ')'  // -
	opProto      = 0x80 // uint8
	opTuple1     = 0x85 // -
	opTuple2     = 0x86 // -
	opTuple3     = 0x87 // -
	opNewTrue    = 0x88 // -
	opNewFalse   = 0x89 // -
	opLong1      = 0x8a // uint8 length, little-endian two's complement
)

// Bounds on one pickle. A state dictionary of the networks that exist stays two
// orders of magnitude below them.
const (
	maxOps   = 1 << 20
	maxText  = 1 << 12
	maxStack = 1 << 16
)

// Values that a pickle can hold here, beside nil, bool, int64, *big.Int and
// string.
type (
	tuple []any
	list  struct{ items []any }
	dict  struct{ keys, values []any } // in order of insertion
	mark  struct{}
	name  struct{ module, name string } // a global, recognised and not called
)

// machine runs one pickle.
type machine struct {
	r       *bufio.Reader
	read    int64 // bytes taken from r since the machine started
	stack   []any
	memo    map[uint32]any
	reduce  func(f name, args tuple) (any, error)
	persist func(id any) (any, error)
}

// run executes opcodes up to STOP and returns the value on top of the stack.
func (m *machine) run() (any, error) {
	m.memo = map[uint32]any{}
	for range maxOps {
		at := m.read
		op, err := m.byte()
		if err != nil {
			return nil, err
		}
		if op == opStop {
			return m.pop()
		}
		if err := m.step(op); err != nil {
			return nil, fmt.Errorf("pickle offset %d, opcode 0x%02x: %w", at, op, err)
		}
		if len(m.stack) > maxStack {
			return nil, fmt.Errorf("pickle offset %d: more than %d values on the stack", at, maxStack)
		}
	}
	return nil, fmt.Errorf("pickle has more than %d opcodes", maxOps)
}

func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		return m.proto()
	case opMark:
		m.push(mark{})
	case opNone:
		m.push(nil)
	case opNewTrue, opNewFalse:
		m.push(op == opNewTrue)
	case opEmptyList:
		m.push(&list{})
	case opEmptyDict:
		m.push(&dict{})
	case opEmptyTuple:
		m.push(tuple{})
	case opBinInt, opBinInt1, opBinInt2, opLong1, opBinUnicode, opGlobal:
		return m.literal(op)
	case opBinPut, opLongBinPut, opBinGet, opLongBinGet:
		return m.memory(op)
	case opTuple, opTuple1, opTuple2, opTuple3:
		return m.tuple(op)
	case opAppend, opAppends, opSetItem, opSetItems:
		return m.fill(op)
	case opReduce, opBuild, opBinPersID:
		return m.call(op)
	default:
		return errors.New("not an opcode of a state dictionary: refused")
	}
	return nil
}

func (m *machine) proto() error {
	v, err := m.byte()
	if err == nil && v != 2 {
		err = fmt.Errorf("pickle protocol %d, want 2", v)
	}
	return err
}

// literal pushes a value whose bytes follow the opcode.
func (m *machine) literal(op byte) error {
	var v any
	var err error
	switch op {
	case opBinInt:
		var n uint64
		n, err = m.uint(4)
		v = int64(int32(n))
	case opBinInt1, opBinInt2:
		var n uint64
		n, err = m.uint(map[byte]int{opBinInt1: 1, opBinInt2: 2}[op])
		v = int64(n)
	case opLong1:
		v, err = m.long()
	case opBinUnicode:
		v, err = m.text()
	case opGlobal:
		v, err = m.global()
	}
	if err == nil {
		m.push(v)
	}
	return err
}

func (m *machine) long() (any, error) {
	n, err := m.byte()
	if err != nil {
		return nil, err
	}
	b, err := m.bytes(int(n))
	if err != nil {
		return nil, err
	}
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return v, nil
}

func (m *machine) text() (string, error) {
	n, err := m.uint(4)
	if err != nil {
		return "", err
	}
	if n > maxText {
		return "", fmt.Errorf("text of %d bytes, at most %d are taken", n, maxText)
	}
	b, err := m.bytes(int(n))
	return string(b), err
}

func (m *machine) global() (name, error) {
	mod, err := m.line()
	if err != nil {
		return name{}, err
	}
	id, err := m.line()
	return name{mod, id}, err
}

func (m *machine) line() (string, error) {
	var b []byte
	for len(b) <= maxText {
		c, err := m.byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			return string(b), nil
		}
		b = append(b, c)
	}
	return "", fmt.Errorf("name longer than %d bytes", maxText)
}

// memory puts the top of the stack into the memo or brings an entry back.
func (m *machine) memory(op byte) error {
	width := 1
	if op == opLongBinPut || op == opLongBinGet {
		width = 4
	}
	n, err := m.uint(width)
	if err != nil {
		return err
	}
	key := uint32(n)
	if op == opBinPut || op == opLongBinPut {
		if len(m.stack) == 0 {
			return errors.New("memo of an empty stack")
		}
		m.memo[key] = m.stack[len(m.stack)-1]
		return nil
	}
	v, ok := m.memo[key]
	if !ok {
		return fmt.Errorf("memo entry %d was never written", key)
	}
	m.push(v)
	return nil
}

func (m *machine) tuple(op byte) error {
	if op == opTuple {
		items, err := m.popMark()
		if err == nil {
			m.push(tuple(items))
		}
		return err
	}
	n := int(op-opTuple1) + 1
	if len(m.stack) < n {
		return errShort
	}
	t := append(tuple(nil), m.stack[len(m.stack)-n:]...)
	m.stack = append(m.stack[:len(m.stack)-n], t)
	return nil
}

// fill adds items to the list or dictionary below them.
func (m *machine) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case opAppends, opSetItems:
		items, err = m.popMark()
	case opAppend:
		items, err = m.popN(1)
	case opSetItem:
		items, err = m.popN(2)
	}
	if err != nil {
		return err
	}
	if len(m.stack) == 0 {
		return errShort
	}
	switch to := m.stack[len(m.stack)-1].(type) {
	case *list:
		if op == opAppend || op == opAppends {
			to.items = append(to.items, items...)
			return nil
		}
	case *dict:
		if (op == opSetItem || op == opSetItems) && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				to.keys, to.values = append(to.keys, items[i]), append(to.values, items[i+1])
			}
			return nil
		}
	}
	return errors.New("items without a list or dictionary to go to")
}

// call handles the opcodes that would run code in Python. Here REDUCE and
// BINPERSID are tables of what is known, and BUILD (attributes of an object,
// only torch's version notes in practice) is dropped.
func (m *machine) call(op byte) error {
	if op == opBinPersID {
		id, err := m.pop()
		if err != nil {
			return err
		}
		v, err := m.persist(id)
		if err == nil {
			m.push(v)
		}
		return err
	}
	two, err := m.popN(2)
	if err != nil {
		return err
	}
	if op == opBuild {
		if _, ok := two[0].(*dict); !ok {
			return errors.New("attributes set on something that is not a dictionary")
		}
		m.push(two[0])
		return nil
	}
	f, ok := two[0].(name)
	args, ok2 := two[1].(tuple)
	if !ok || !ok2 {
		return errors.New("call of something that is not a name and a tuple")
	}
	v, err := m.reduce(f, args)
	if err == nil {
		m.push(v)
	}
	return err
}

var errShort = errors.New("fewer values on the stack than the opcode takes")

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

func (m *machine) pop() (any, error) {
	v, err := m.popN(1)
	if err != nil {
		return nil, err
	}
	return v[0], nil
}

func (m *machine) popN(n int) ([]any, error) {
	if len(m.stack) < n {
		return nil, errShort
	}
	v := append([]any(nil), m.stack[len(m.stack)-n:]...)
	m.stack = m.stack[:len(m.stack)-n]
	return v, nil
}

// popMark removes and returns what lies above the topmost mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if _, ok := m.stack[i].(mark); ok {
			v := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return v, nil
		}
	}
	return nil, errors.New("no mark on the stack")
}

func (m *machine) byte() (byte, error) {
	b, err := m.r.ReadByte()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	m.read++
	return b, err
}

// bytes returns the next n bytes; callers bound n.
func (m *machine) bytes(n int) ([]byte, error) {
	b := make([]byte, n)
	got, err := io.ReadFull(m.r, b)
	m.read += int64(got)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// uint reads a little-endian unsigned integer of 1, 2 or 4 bytes.
func (m *machine) uint(width int) (uint64, error) {
	b, err := m.bytes(width)
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:]), nil
}
