package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxSide bounds the width and height of a frame.
const MaxSide = 16384

// Size is width and height in pixels, written "640x480". Zero means the
// source's own.
type Size struct{ Width, Height int }

func (s Size) String() string {
	if s == (Size{}) {
		return ""
	}
	return fmt.Sprintf("%dx%d", s.Width, s.Height)
}

// MarshalText writes "WxH", or nothing for zero.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "WxH" or "".
func (s *Size) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = Size{}
		return nil
	}
	w, h, ok := strings.Cut(string(b), "x")
	width, err1 := strconv.Atoi(w)
	height, err2 := strconv.Atoi(h)
	if !ok || err1 != nil || err2 != nil || width < 1 || height < 1 || width > MaxSide || height > MaxSide {
		return fmt.Errorf(`width x height in pixels such as "640x480", each at most %d`, MaxSide)
	}
	*s = Size{width, height}
	return nil
}

func (Size) example() string { return `it in quotes, such as "640x480"` }

// Area is a part of a frame, written "WxH+X+Y" with X and Y from the upper
// left corner. Zero means the whole frame.
type Area struct{ X, Y, Width, Height int }

func (a Area) String() string {
	if a == (Area{}) {
		return ""
	}
	return fmt.Sprintf("%dx%d+%d+%d", a.Width, a.Height, a.X, a.Y)
}

// MarshalText writes "WxH+X+Y", or nothing for zero.
func (a Area) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// errArea says what an Area looks like.
var errArea = errors.New(`width x height + left + top in pixels, such as "320x240+16+8"`)

// UnmarshalText reads "WxH+X+Y" or "".
func (a *Area) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = Area{}
		return nil
	}
	parts := strings.Split(string(b), "+")
	if len(parts) != 3 || parts[0] == "" {
		return errArea
	}
	var s Size
	x, err1 := strconv.Atoi(parts[1])
	y, err2 := strconv.Atoi(parts[2])
	if s.UnmarshalText([]byte(parts[0])) != nil || err1 != nil || err2 != nil ||
		x < 0 || y < 0 || x > MaxSide || y > MaxSide {
		return errArea
	}
	*a = Area{X: x, Y: y, Width: s.Width, Height: s.Height}
	return nil
}

func (Area) example() string { return `it in quotes, such as "320x240+16+8"` }

// Fits reports whether the area lies inside a frame of size s.
func (a Area) Fits(s Size) bool { return a.X+a.Width <= s.Width && a.Y+a.Height <= s.Height }
