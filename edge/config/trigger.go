package config

import (
	"fmt"
	"time"
)

// Trigger says what announces a part.
type Trigger struct {
	Kind        TriggerKind `toml:"kind"`
	Chip        string      `toml:"chip"`         // gpio
	Line        int         `toml:"line"`         // gpio: offset in the chip
	Edge        Edge        `toml:"edge"`         // gpio
	Debounce    Duration    `toml:"debounce"`     // gpio: shorter pulses are ignored
	MinInterval Duration    `toml:"min_interval"` // gpio, software: triggers closer than this are one part
	Period      Duration    `toml:"period"`       // timer
	EveryMM     float64     `toml:"every_mm"`     // encoder: one part each so far
	CameraDelay Duration    `toml:"camera_delay"` // from trigger to exposure
}

func defaultTrigger() Trigger {
	return Trigger{
		Kind: TriggerTimer, Chip: ChipSim, Edge: EdgeRising,
		Period: Duration(400 * time.Millisecond), MinInterval: Duration(50 * time.Millisecond),
	}
}

// TriggerKind is what announces a part.
type TriggerKind string

// Kinds of triggers.
const (
	TriggerFree     TriggerKind = "free"     // every frame is a part
	TriggerTimer    TriggerKind = "timer"    // one part each period
	TriggerGPIO     TriggerKind = "gpio"     // an edge on an input
	TriggerEncoder  TriggerKind = "encoder"  // a distance that the belt has moved
	TriggerSoftware TriggerKind = "software" // a command
)

func triggerKinds() []TriggerKind {
	return []TriggerKind{TriggerFree, TriggerTimer, TriggerGPIO, TriggerEncoder, TriggerSoftware}
}

// UnmarshalText reads the name of a kind.
func (t *TriggerKind) UnmarshalText(b []byte) error { return choose(t, b, triggerKinds()...) }

// Edge is the change of an input that counts.
type Edge string

// Edges.
const (
	EdgeRising  Edge = "rising"
	EdgeFalling Edge = "falling"
)

// UnmarshalText reads the name of an edge.
func (e *Edge) UnmarshalText(b []byte) error { return choose(e, b, EdgeRising, EdgeFalling) }

func (t *Trigger) check(k *checker) {
	known(k, "trigger.kind", t.Kind, triggerKinds()...)
	known(k, "trigger.edge", t.Edge, EdgeRising, EdgeFalling)
	k.span("trigger.camera_delay", t.CameraDelay, 0, time.Minute)
	switch t.Kind {
	case TriggerTimer:
		k.span("trigger.period", t.Period, time.Millisecond, time.Hour)
	case TriggerGPIO:
		k.chip("trigger.chip", t.Chip)
		k.line("trigger.line", t.Line)
		k.span("trigger.min_interval", t.MinInterval, 0, time.Hour)
		k.span("trigger.debounce", t.Debounce, 0, time.Second)
		if t.Debounce > t.MinInterval && t.MinInterval > 0 {
			k.refuse("trigger.debounce", t.Debounce.String(), fmt.Sprintf("at most trigger.min_interval (%v)", t.MinInterval))
		}
	case TriggerSoftware:
		k.span("trigger.min_interval", t.MinInterval, 0, time.Hour)
	case TriggerEncoder:
		within(k, "trigger.every_mm", t.EveryMM, 0.1, 100_000, "mm from part to part")
	}
}

// PartInterval is the shortest time from one part to the next that the
// configuration promises; 0 if it promises none.
func (c *Config) PartInterval() time.Duration {
	switch c.Trigger.Kind {
	case TriggerTimer:
		return c.Trigger.Period.Std()
	case TriggerGPIO, TriggerSoftware:
		return c.Trigger.MinInterval.Std()
	case TriggerEncoder:
		return c.Belt.travel(c.Trigger.EveryMM)
	}
	if c.Camera.Rate > 0 {
		return time.Duration(float64(c.Recipe.Frames) / c.Camera.Rate * float64(time.Second))
	}
	return 0
}
