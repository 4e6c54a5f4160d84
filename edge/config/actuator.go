package config

import "time"

// Belt says how parts move, for actuators placed by distance.
type Belt struct {
	Speed    float64 `toml:"speed_mm_per_s"`
	CameraMM float64 `toml:"camera_mm"` // from trigger to camera
}

func (b *Belt) check(k *checker) {
	within(k, "belt.speed_mm_per_s", b.Speed, 0, 100_000, "mm/s (0: not known)")
	within(k, "belt.camera_mm", b.CameraMM, 0, 1_000_000, "mm from the trigger")
}

// travel is how long a part takes for a way in mm; 0 if the speed is not known.
func (b *Belt) travel(mm float64) time.Duration {
	if b.Speed <= 0 {
		return 0
	}
	return time.Duration(mm / b.Speed * float64(time.Second))
}

// Actuator is one output that takes parts off the line.
type Actuator struct {
	Name       string    `toml:"name"`
	On         Fires     `toml:"on"`
	Chip       string    `toml:"chip"`
	Line       int       `toml:"line"`
	ActiveLow  bool      `toml:"active_low"`
	Safe       SafeLevel `toml:"safe"`
	Delay      Duration  `toml:"delay"`       // from trigger to pulse; or by distance_mm and the belt's speed
	DistanceMM float64   `toml:"distance_mm"` // from trigger to actuator
	Pulse      Duration  `toml:"pulse"`       // how long the output is on
	Window     Duration  `toml:"window"`      // how long the part is before it: a late pulse may last until then; 0: as long as the pulse
	MinGap     Duration  `toml:"min_gap"`     // from the start of one pulse to that of the next, at least
	Advance    Duration  `toml:"advance"`     // how long the actuator takes to act: it is told that much earlier
	DeadTime   Duration  `toml:"dead_time"`   // from the end of one pulse to the start of the next, at least
	Region     Area      `toml:"region"`      // fires for defects whose middle lies there; zero: for whatever no other takes
}

// setDefaults is what an [[actuator]] starts from.
func (a *Actuator) setDefaults() {
	*a = Actuator{
		Name: "reject", On: FiresReject, Chip: ChipSim, Safe: SafeOff,
		Pulse: Duration(25 * time.Millisecond), MinGap: Duration(50 * time.Millisecond),
	}
}

// Fires is which parts an actuator fires for.
type Fires string

// What an actuator fires for.
const (
	FiresReject Fires = "reject" // whatever is not accepted, and unsure parts if the recipe says so
	FiresUnsure Fires = "unsure" // unsure parts, with recipe.unsure = "output"
)

// UnmarshalText reads what an actuator fires for.
func (f *Fires) UnmarshalText(b []byte) error { return choose(f, b, FiresReject, FiresUnsure) }

// SafeLevel is the state of an output whenever nobody drives it: requested
// with the line, and restored on every exit.
type SafeLevel string

// Safe levels, before active_low is applied.
const (
	SafeOff SafeLevel = "off"
	SafeOn  SafeLevel = "on" // a gate that rejects unless told to let pass
)

// UnmarshalText reads the name of a level.
func (s *SafeLevel) UnmarshalText(b []byte) error { return choose(s, b, SafeOff, SafeOn) }

// SafeHigh is the electrical level of the safe state: true is high.
func (a *Actuator) SafeHigh() bool { return (a.Safe == SafeOn) != a.ActiveLow }

func (a *Actuator) check(k *checker, key string) {
	k.id(key+".name", a.Name)
	known(k, key+".on", a.On, FiresReject, FiresUnsure)
	known(k, key+".safe", a.Safe, SafeOff, SafeOn)
	k.chip(key+".chip", a.Chip)
	k.line(key+".line", a.Line)
	k.span(key+".delay", a.Delay, 0, time.Hour)
	within(k, key+".distance_mm", a.DistanceMM, 0, 1_000_000, "mm from the trigger")
	k.span(key+".pulse", a.Pulse, time.Millisecond, time.Minute)
	k.span(key+".window", a.Window, 0, time.Minute)
	k.span(key+".min_gap", a.MinGap, 0, time.Hour)
	k.span(key+".advance", a.Advance, 0, time.Minute)
	k.span(key+".dead_time", a.DeadTime, 0, time.Minute)
	if a.On == FiresUnsure {
		k.unused(key+".region", a.Region != (Area{}), `for an actuator with on = "unsure"`)
	}
}

// ActuatorDelay is the time from where a part is announced to the i-th actuator,
// by its delay or by its distance and the belt's speed.
func (c *Config) ActuatorDelay(i int) time.Duration {
	a := &c.Actuators[i]
	if a.DistanceMM > 0 {
		return c.Belt.travel(c.ActuatorMM(i))
	}
	return a.Delay.Std()
}

// ActuatorMM is the distance from where a part is announced to the i-th actuator:
// with an encoder that is at the camera, else at the trigger.
func (c *Config) ActuatorMM(i int) float64 {
	if c.Encoder.Present() {
		return c.Actuators[i].DistanceMM - c.Belt.CameraMM
	}
	return c.Actuators[i].DistanceMM
}

// TriggerNews is how long after a part was announced its trigger may be heard of: where it
// is at the camera by then. With an encoder the belt brings it there first, at its top speed.
func (c *Config) TriggerNews() time.Duration {
	news := c.Trigger.Debounce.Std()
	switch {
	case c.Trigger.Kind != TriggerGPIO:
		return 0
	case c.Encoder.Present():
		return max(0, news-c.Belt.travel(c.Belt.CameraMM))
	}
	return news
}

// CameraDelay is the time from where a part is announced to exposure.
func (c *Config) CameraDelay() time.Duration {
	if c.Encoder.Present() {
		return c.Trigger.CameraDelay.Std()
	}
	return max(c.Trigger.CameraDelay.Std(), c.Belt.travel(c.Belt.CameraMM))
}

// FrameDelay is the time from where a part is announced to where pictures begin to be its
// own. A camera that hardware triggers takes a part's one picture at about CameraDelay: it
// may come up to half a part sooner, but not before its trigger has been heard of.
func (c *Config) FrameDelay() time.Duration {
	delay, news := c.CameraDelay(), c.TriggerNews()
	if c.Camera.Trigger != CameraHardware || c.Recipe.Frames != 1 {
		return delay
	}
	early := min(c.PartInterval(), c.Recipe.Deadline.Std()) / 2
	if atCamera := c.Encoder.Present() && c.Belt.CameraMM > 0; !atCamera || news > 0 {
		early = min(early, max(0, delay-news))
	}
	return delay - early
}
