//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"

	"winnow/buildroot/emulator/rig"
)

// Run moves parts past the light barrier and the camera. Each part's picture
// is exposed right after its trigger; the empty belt, picture 0, half way to
// the next part, so that a station that takes a frame of the wrong time judges
// something that is no part.
func (p *plant) Run(b rig.Belt, r *rig.Passed) error {
	if p.camera == nil {
		return errors.New("no camera is plugged in")
	}
	frames := p.camera.frames
	for i, s := range b.Steps {
		if s.Picture <= 0 || s.Picture >= len(p.pictures) {
			return fmt.Errorf("step %d shows picture %d of %d", i, s.Picture, len(p.pictures))
		}
		if err := p.step(b, s, r); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	r.Frames = p.camera.frames - frames
	return nil
}

// step waits, shows the empty belt on the way, then lets one part pass.
func (p *plant) step(b rig.Belt, s rig.Step, r *rig.Passed) error {
	last := now()
	if n := len(r.Triggers); n > 0 {
		last = r.Triggers[n-1]
	}
	sleepUntil(last + s.After/2)
	if err := p.camera.show(p.pictures[0]); err != nil {
		return err
	}
	sleepUntil(last + s.After)
	if err := p.interlock(b.Interlock, r); err != nil {
		return err
	}
	r.Triggers = append(r.Triggers, now())
	if err := p.pull(b.TriggerLine, true); err != nil {
		return err
	}
	if err := p.camera.show(p.pictures[s.Picture]); err != nil {
		return err
	}
	time.Sleep(b.Pulse)
	return p.pull(b.TriggerLine, false)
}

// interlock waits while line is low, as a plant's controller stops its belt;
// the camera goes on looking at the empty belt.
func (p *plant) interlock(line int, r *rig.Passed) error {
	if line < 0 {
		return nil
	}
	for stopped := false; ; stopped = true {
		var ready bool
		if err := p.Level(line, &ready); err != nil || ready {
			return err
		}
		if !stopped {
			r.Stopped++
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func sleepUntil(t time.Duration) { time.Sleep(t - now()) }
