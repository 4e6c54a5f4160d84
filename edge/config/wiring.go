package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ChipSim is the simulated GPIO chip, which every machine has.
const ChipSim = "sim"

// maxLine is the highest line offset that a chip may have.
const maxLine = 1023

// chip refuses what is no chip's name and, with a lister, what is not there.
func (k *checker) chip(key, chip string) {
	if chip == ChipSim {
		return
	}
	n, ok := strings.CutPrefix(chip, "gpiochip")
	if _, err := strconv.ParseUint(n, 10, 16); !ok || err != nil {
		k.refuse(key, chip, `"sim" or the name of a chip, such as "gpiochip0"`)
		return
	}
	if k.chips == nil {
		return
	}
	present, err := k.chips()
	if err != nil {
		k.problem(key, fmt.Sprintf("the GPIO chips of this machine cannot be listed: %v", err), "run where they are, or use \"sim\"")
		return
	}
	if !slices.Contains(present, chip) {
		k.refuse(key, chip, oneOf(append([]string{ChipSim}, present...))+" on this machine")
	}
}

func (k *checker) line(key string, line int) {
	within(k, key, line, 0, maxLine, "(the line's offset in its chip)")
}

// wire is one GPIO line that the configuration uses.
type wire struct {
	key   string
	chip  string
	line  int
	input bool
	is    string // the key of the line; "": line
}

func (w wire) lineKey() string { return w.key + "." + cmp.Or(w.is, "line") }

func (c *Config) wires() []wire {
	var ws []wire
	if c.Trigger.Kind == TriggerGPIO {
		ws = append(ws, wire{key: "trigger", chip: c.Trigger.Chip, line: c.Trigger.Line, input: true})
	}
	if c.Encoder.Present() {
		ws = append(ws, wire{key: "encoder", chip: c.Encoder.Chip, line: c.Encoder.Line, input: true})
	}
	if c.Encoder.Kind == EncoderQuadrature {
		ws = append(ws, wire{key: "encoder", chip: c.Encoder.Chip, line: c.Encoder.LineB, input: true, is: "line_b"})
	}
	for i, a := range c.Actuators {
		ws = append(ws, wire{key: fmt.Sprintf("actuator[%d]", i), chip: a.Chip, line: a.Line})
	}
	for i, s := range c.Signals {
		ws = append(ws, wire{key: fmt.Sprintf("signal[%d]", i), chip: s.Chip, line: s.Line})
	}
	for i, in := range c.Inputs {
		ws = append(ws, wire{key: fmt.Sprintf("input[%d]", i), chip: in.Chip, line: in.Line, input: true})
	}
	return ws
}

// checkWiring refuses a line used twice, names used twice, and an unsure
// output that nobody drives or asks for.
func (c *Config) checkWiring(k *checker) {
	ws := c.wires()
	for i, w := range ws {
		for _, other := range ws[:i] {
			if w.chip == other.chip && w.line == other.line {
				k.problem(w.lineKey(), clash(w, other), "give each its own line")
				break
			}
		}
	}
	names := map[string]int{}
	unsure := 0
	for i, a := range c.Actuators {
		key := fmt.Sprintf("actuator[%d]", i)
		if j, twice := names[a.Name]; twice {
			k.problem(key+".name", fmt.Sprintf("%q is the name of actuator[%d] too", a.Name, j), "give each its own name")
		}
		names[a.Name] = i
		if a.On == FiresUnsure {
			unsure++
			if c.Recipe.Unsure != UnsureOutput {
				k.problem(key+".on", fmt.Sprintf(`never fires, since recipe.unsure is %q`, c.Recipe.Unsure), `set recipe.unsure = "output"`)
			}
		}
	}
	if c.Recipe.Unsure == UnsureOutput && unsure == 0 {
		k.problem("recipe.unsure", `no actuator has on = "unsure"`, `add one, or choose "reject" or "accept"`)
	}
}

func clash(w, other wire) string {
	if w.input != other.input {
		here, there := "an output", "input"
		if w.input {
			here, there = "an input", "output"
		}
		return fmt.Sprintf("%s line %d is %s here and the %s of %s", w.chip, w.line, here, there, other.key)
	}
	return fmt.Sprintf("%s line %d is used by %s already", w.chip, w.line, other.key)
}

// checkGates sees to it that one actuator catches whatever no other takes, and
// that each of the others can fire.
func (c *Config) checkGates(k *checker) {
	catchAll, unsure := -1, -1
	for i, a := range c.Actuators {
		key := fmt.Sprintf("actuator[%d]", i)
		switch {
		case a.On == FiresUnsure && unsure >= 0:
			k.problem(key+".on", fmt.Sprintf("actuator[%d] fires for unsure parts already", unsure), "one does")
		case a.On == FiresUnsure:
			unsure = i
		case a.Region != (Area{}):
		case catchAll >= 0:
			k.problem(key+".region", fmt.Sprintf("is not given, and actuator[%d] fires for whatever no region takes already", catchAll), "give each further actuator the region whose defects it is for")
		default:
			catchAll = i
		}
	}
	if len(c.Actuators) > 0 && catchAll < 0 {
		k.problem("actuator", "none fires for every reject", `leave out the region of one with on = "reject"`)
	}
}

// lead is how long before the part is there the actuator is told.
func (a *Actuator) lead() time.Duration { return a.Advance.Std() }

// checkTiming refuses pulses that run into the next part and actuators that a
// part passes before its picture or its verdict.
func (c *Config) checkTiming(k *checker) {
	c.checkFrames(k)
	for i, a := range c.Actuators {
		c.checkPulse(k, fmt.Sprintf("actuator[%d]", i), a)
		c.checkPosition(k, fmt.Sprintf("actuator[%d]", i), i)
	}
}

func (c *Config) checkPulse(k *checker, key string, a Actuator) {
	if a.MinGap > 0 && a.Pulse > a.MinGap {
		k.refuse(key+".pulse", a.Pulse.String(), fmt.Sprintf("at most %s.min_gap (%v): a pulse must end before the next may start", key, a.MinGap))
		return
	}
	part := c.PartInterval()
	if part > 0 && a.MinGap.Std() > part {
		k.refuse(key+".min_gap", a.MinGap.String(), fmt.Sprintf("at most the %v from part to part: pulses closer than it become one, which would hit the good part between two bad ones", part))
	}
	c.checkWindow(k, key, a, part)
	switch busy := a.Pulse.Std() + a.DeadTime.Std(); {
	case part <= 0:
	case a.Pulse.Std() > part:
		k.refuse(key+".pulse", a.Pulse.String(), fmt.Sprintf("at most the %v from part to part: a longer pulse hits the next part", part))
	case busy > part:
		k.refuse(key+".dead_time", a.DeadTime.String(), fmt.Sprintf("at most %v: with the pulse it must fit into the %v from part to part", part-a.Pulse.Std(), part))
	}
}

// checkFrames refuses pictures that cannot all be there by the deadline.
func (c *Config) checkFrames(k *checker) {
	camera, deadline := c.CameraDelay(), c.Recipe.Deadline.Std()
	if camera >= deadline {
		key := "trigger.camera_delay"
		if c.Trigger.CameraDelay.Std() < camera {
			key = "belt.camera_mm"
		}
		k.problem(key, fmt.Sprintf("the picture is taken %v after the trigger, but the verdict is due at recipe.deadline (%v)", camera, deadline), "lengthen the deadline")
		return
	}
	news := c.TriggerNews()
	if news >= deadline {
		k.refuse("trigger.debounce", c.Trigger.Debounce.String(), fmt.Sprintf("below recipe.deadline (%v): only after that time is it known that a picture is not the next part's", deadline))
		return
	}
	if c.Camera.Rate <= 0 || c.Camera.Trigger == CameraHardware || c.Recipe.Frames <= 1 {
		return
	}
	if need := time.Duration(float64(c.Recipe.Frames-1) / c.Camera.Rate * float64(time.Second)); max(camera, news)+need >= deadline {
		k.refuse("recipe.frames", c.Recipe.Frames, fmt.Sprintf("fewer: at camera.rate the last comes %v after the first, but the verdict is due at recipe.deadline (%v)", need, deadline))
	}
}

// checkWindow refuses windows in which a late pulse would hit the next part.
func (c *Config) checkWindow(k *checker, key string, a Actuator, part time.Duration) {
	switch window := a.Window.Std(); {
	case window == 0:
	case c.Encoder.Present():
		k.problem(key+".window", "has no effect with an encoder", "a part is fired at for as long as it is before the actuator")
	case window < a.Pulse.Std():
		k.refuse(key+".window", a.Window.String(), fmt.Sprintf("at least %s.pulse (%v)", key, a.Pulse))
	case part > 0 && window+a.DeadTime.Std() > part:
		k.refuse(key+".window", a.Window.String(), fmt.Sprintf("at most %v: with dead_time it must fit into the %v from part to part, or a late pulse hits the next", part-a.DeadTime.Std(), part))
	}
}

func (c *Config) checkPosition(k *checker, key string, i int) {
	a := c.Actuators[i]
	from := key + ".delay"
	if a.DistanceMM > 0 {
		from = key + ".distance_mm"
		if a.Delay > 0 {
			k.problem(key+".delay", "is given beside distance_mm", "give one of them")
			return
		}
		if c.Belt.Speed <= 0 && c.Encoder.Present() {
			return // said by checkEncoder
		}
		if c.Belt.Speed <= 0 {
			k.problem(from, "needs the speed of the belt", "set belt.speed_mm_per_s, or give a delay")
			return
		}
	}
	delay, camera, deadline := c.ActuatorDelay(i), c.CameraDelay(), c.Recipe.Deadline.Std()
	switch {
	case delay <= camera:
		k.problem(from, fmt.Sprintf("the part is there after %v, before its picture is taken (%v)", delay, camera), "the actuator must come after the camera")
	case deadline >= delay-a.lead():
		k.problem(from, fmt.Sprintf("the part is there after %v and the actuator is told %v earlier, but its verdict may take until recipe.deadline (%v)", delay, a.lead(), deadline), "move the actuator, or shorten the deadline")
	}
}
