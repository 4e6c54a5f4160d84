package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"winnow/buildroot/emulator/rig"
)

// pitch is how many counts the encoder gives from part to part, one count a mm.
const pitch = 10

// pace is the times of a belt, made for how fast this machine judges: nothing
// here is a claim on speed.
type pace struct {
	judge    time.Duration // one part, measured
	spacing  time.Duration // least time from part to part
	deadline time.Duration
	travel   time.Duration // from trigger to actuator at full speed
	pulse    time.Duration
}

// onBelt is how many parts are between trigger and actuator.
const onBelt = 5

// distance from trigger to actuator in counts: the part before is half a pitch
// beyond it when one is at the trigger.
const distance = onBelt*pitch + pitch/2

// paceFor leaves a judge that takes j ample room.
func paceFor(j time.Duration) pace {
	p := pace{judge: j, spacing: max(400*time.Millisecond, 3*j)}
	p.pulse = p.spacing / 4
	p.deadline = onBelt * p.spacing
	p.travel = p.deadline + p.spacing/2
	return p
}

// measure finds the pace of this machine for a model that is in place.
func (c *campaign) measure() (pace, error) {
	judge, err := c.m.timePart()
	if err != nil {
		return pace{}, err
	}
	p := paceFor(judge)
	c.report.note("one part takes %v in this machine: %v from part to part", judge.Round(time.Millisecond), p.spacing.Round(time.Millisecond))
	return p, nil
}

// timePart measures what one part takes, from frame to verdict.
func (m *machine) timePart() (time.Duration, error) {
	out, code, err := m.exec(10*time.Minute, nil, "/usr/bin/winnow", "bench", "--model", modelFile, "--part", "--threads", "1", "--runs", "5", "--json")
	if err != nil || code != 0 {
		return 0, errors.Join(err, fmt.Errorf("winnow bench: exit code %d: %s", code, out))
	}
	var r struct {
		MS struct{ Median float64 } `json:"ms"`
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		return 0, err
	}
	return time.Duration(r.MS.Median * float64(time.Millisecond)), nil
}

// belt is a run of pictures at a pace: without an encoder.
func (p pace) belt(pictures ...int) rig.Belt {
	b := rig.Belt{TriggerLine: lineTrigger, EncoderLine: -1, Pitch: pitch}
	for _, picture := range pictures {
		b.Steps = append(b.Steps, rig.Step{Picture: picture, After: p.spacing})
	}
	return b
}
