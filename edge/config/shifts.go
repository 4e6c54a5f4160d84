package config

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Shifts are the times of day (UTC) at which shifts begin, in order, written
// "06:00 14:00 22:00".
type Shifts []time.Duration

// errShifts says what Shifts look like.
var errShifts = errors.New(`times of day (UTC) in order, such as "06:00 14:00 22:00"`)

func (s Shifts) String() string {
	var all []string
	for _, d := range s {
		all = append(all, time.Time{}.Add(d).Format("15:04"))
	}
	return strings.Join(all, " ")
}

// MarshalText writes the times in order.
func (s Shifts) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads times of day in order.
func (s *Shifts) UnmarshalText(b []byte) error {
	var all Shifts
	for _, f := range strings.Fields(string(b)) {
		t, err := time.Parse("15:04", f)
		if err != nil {
			return errShifts
		}
		all = append(all, time.Duration(t.Hour())*time.Hour+time.Duration(t.Minute())*time.Minute)
	}
	if len(all) == 0 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		return errShifts
	}
	*s = all
	return nil
}

func (Shifts) example() string { return `them in quotes, such as "06:00 14:00 22:00"` }

// Begin is when the shift that t lies in began.
func (s Shifts) Begin(t time.Time) time.Time {
	day := t.UTC().Truncate(24 * time.Hour)
	for i := len(s) - 1; i >= 0; i-- {
		if begin := day.Add(s[i]); !begin.After(t) {
			return begin
		}
	}
	if len(s) == 0 {
		return day
	}
	return day.Add(-24 * time.Hour).Add(s[len(s)-1])
}
