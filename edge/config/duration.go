package config

import (
	"errors"
	"time"
)

// Duration is a length of time, written with its unit: "25ms", "1.5s".
type Duration time.Duration

// Std returns d as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d with its unit.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a duration of 0 or more.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return errors.New(`a number from 0 with its unit, such as "25ms" or "1.5s"`)
	}
	*d = Duration(v)
	return nil
}

func (Duration) example() string { return `it with its unit in quotes, such as "25ms"` }
