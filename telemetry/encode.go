package telemetry

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"winnow/edge"
)

// Version is the payload version, in every message as "schema".
const Version = 1

// MaxText bounds every free text in a payload, in bytes; longer texts are cut.
const MaxText = 256

// Number is a JSON number with every bit that a float64 has; what JSON cannot
// say (NaN, infinities) becomes null, so that one bad score never loses a record.
type Number float64

// MarshalJSON writes the shortest number that reads back the same, or null.
func (n Number) MarshalJSON() ([]byte, error) { return appendNumber(n, -1), nil }

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Rounded is a Number of at most six significant digits, where size counts.
type Rounded float64

// MarshalJSON writes at most six significant digits, or null.
func (n Rounded) MarshalJSON() ([]byte, error) { return appendNumber(Number(n), 6), nil }

// UnmarshalJSON reads null as NaN.
func (n *Rounded) UnmarshalJSON(b []byte) error { return (*Number)(n).UnmarshalJSON(b) }

func appendNumber(n Number, digits int) []byte {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null")
	}
	return strconv.AppendFloat(nil, v, 'g', digits, 64)
}

// Stamp is a wall time as payloads write it: RFC 3339 in UTC with
// milliseconds, and the quality of the clock it was read from.
type Stamp edge.WallTime

// stampLayout has a fixed width, so texts sort as times do.
const stampLayout = "2006-01-02T15:04:05.000Z"

type stampWire struct {
	Time    string           `json:"time"`
	Quality edge.WallQuality `json:"quality"`
}

// MarshalJSON writes {"time": ..., "quality": ...}. A year that four digits
// cannot hold is written as the zero time of quality none.
func (s Stamp) MarshalJSON() ([]byte, error) {
	t, q := s.Time.UTC(), s.Quality
	if t.Year() < 1 || t.Year() > 9999 || q > edge.WallNTP {
		t, q = time.Time{}, edge.WallNone
	}
	return json.Marshal(stampWire{t.Format(stampLayout), q})
}

// UnmarshalJSON reads what MarshalJSON writes, and any other RFC 3339 time.
func (s *Stamp) UnmarshalJSON(b []byte) error {
	var w stampWire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	t, err := time.Parse(time.RFC3339Nano, w.Time)
	if err != nil {
		return err
	}
	*s = Stamp{Time: t.UTC(), Quality: w.Quality}
	return nil
}

// clip cuts s to at most MaxText bytes of valid UTF-8.
func clip(s string) string { return clipTo(s, MaxText) }

func clipTo(s string, limit int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
