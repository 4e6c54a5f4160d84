package config

import (
	"fmt"
	"math"
)

// Encoder says what measures the belt. With one, parts are followed by its
// counts, and actuators are placed by distance.
type Encoder struct {
	Kind      EncoderKind `toml:"kind"`
	Chip      string      `toml:"chip"`
	Line      int         `toml:"line"`
	LineB     int         `toml:"line_b"` // quadrature
	PerMM     float64     `toml:"counts_per_mm"`
	Backwards bool        `toml:"backwards"` // quadrature: A and B are swapped
}

func defaultEncoder() Encoder { return Encoder{Kind: EncoderNone, Chip: ChipSim} }

// EncoderKind is how an encoder is wired.
type EncoderKind string

// Kinds of encoders.
const (
	EncoderNone       EncoderKind = "none"
	EncoderSingle     EncoderKind = "single"     // one channel: both of its edges count, forwards only
	EncoderQuadrature EncoderKind = "quadrature" // two channels: four counts a period, both directions
)

func encoderKinds() []EncoderKind {
	return []EncoderKind{EncoderNone, EncoderSingle, EncoderQuadrature}
}

// UnmarshalText reads the name of a kind.
func (e *EncoderKind) UnmarshalText(b []byte) error { return choose(e, b, encoderKinds()...) }

// Present reports whether there is an encoder.
func (e *Encoder) Present() bool { return e.Kind == EncoderSingle || e.Kind == EncoderQuadrature }

// Counts of a way in mm.
func (e *Encoder) Counts(mm float64) int64 { return int64(math.Round(mm * e.PerMM)) }

func (e *Encoder) check(k *checker) {
	known(k, "encoder.kind", e.Kind, encoderKinds()...)
	if !e.Present() {
		return
	}
	k.chip("encoder.chip", e.Chip)
	k.line("encoder.line", e.Line)
	if e.Kind == EncoderQuadrature {
		k.line("encoder.line_b", e.LineB)
	}
	if !(e.PerMM > 0 && e.PerMM <= 10_000) {
		k.refuse("encoder.counts_per_mm", e.PerMM, "above 0, at most 10000: counts for each mm that the belt moves")
	}
}

// checkEncoder looks at what an encoder needs of the other sections.
func (c *Config) checkEncoder(k *checker) {
	if c.Trigger.Kind == TriggerEncoder {
		if !c.Encoder.Present() {
			k.problem("trigger.kind", `is "encoder", but there is none`, "fill in [encoder]")
		} else if c.Encoder.Counts(c.Trigger.EveryMM) < 2 {
			k.refuse("trigger.every_mm", c.Trigger.EveryMM, "a distance of at least 2 encoder counts")
		}
	}
	if !c.Encoder.Present() {
		return
	}
	if c.Belt.Speed <= 0 {
		k.problem("belt.speed_mm_per_s", "is not given", "with an encoder it is the belt's top speed, by which deadlines are checked")
	}
	for i, a := range c.Actuators {
		key := fmt.Sprintf("actuator[%d]", i)
		switch {
		case a.Delay > 0:
			k.problem(key+".delay", "has no effect with an encoder", "place the actuator by distance_mm")
		case a.DistanceMM <= 0:
			k.problem(key+".distance_mm", "is not given", "with an encoder actuators are placed by their distance from the trigger")
		case a.DistanceMM <= c.Belt.CameraMM:
			k.refuse(key+".distance_mm", a.DistanceMM, fmt.Sprintf("above belt.camera_mm (%v): the actuator must come after the camera", c.Belt.CameraMM))
		case c.Encoder.PerMM > 0 && c.Encoder.Counts(c.ActuatorMM(i)) < 2:
			k.refuse(key+".distance_mm", a.DistanceMM, "a distance of at least 2 encoder counts from the camera")
		}
	}
}
