package tflite

import (
	"errors"
	"fmt"
	"strings"
)

// Kinds of refusal, for errors.Is.
var (
	// ErrMalformed: the bytes are not a sound .tflite file.
	ErrMalformed = errors.New("malformed .tflite file")
	// ErrUnsupported: a sound file that holds something this package does not take.
	ErrUnsupported = errors.New("unsupported")
	// ErrLimit: reading it would take more memory than the limit allows.
	ErrLimit = errors.New("over the limit")
)

// Error is a refusal with its place: operator, tensor and file offset, as far
// as they are known.
type Error struct {
	Kind   error  // ErrMalformed, ErrUnsupported or ErrLimit
	Op     string // "CONV_2D #3", or ""
	Tensor string // name of the tensor, or ""
	Offset int    // in the file; -1 where there is no file
	Msg    string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Kind.Error())
	if e.Op != "" {
		fmt.Fprintf(&b, ": operator %s", e.Op)
	}
	if e.Tensor != "" {
		fmt.Fprintf(&b, ": tensor %q", e.Tensor)
	}
	if e.Offset >= 0 {
		fmt.Fprintf(&b, ": at byte %d", e.Offset)
	}
	return b.String() + ": " + e.Msg
}

func (e *Error) Unwrap() error { return e.Kind }
