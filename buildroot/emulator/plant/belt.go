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
	return leap(func() error { return p.run(b, r) })
}

func (p *plant) run(b rig.Belt, r *rig.Passed) error {
	p.belt.Lock()
	defer p.belt.Unlock()
	if p.camera == nil && !b.Dark {
		return errors.New("no camera is plugged in")
	}
	for i, s := range b.Steps {
		if s.Picture <= 0 || s.Picture >= len(p.pictures) {
			return fmt.Errorf("step %d shows picture %d of %d", i, s.Picture, len(p.pictures))
		}
	}
	m := mover{p: p, b: b, r: r, last: now()}
	for i, s := range b.Steps {
		if err := m.part(s); err != nil {
			return fmt.Errorf("part %d: %w", i, err)
		}
	}
	for range b.Tail {
		if err := m.pitch(rig.Step{After: b.Steps[len(b.Steps)-1].After}); err != nil {
			return err
		}
	}
	if b.Tail == 0 {
		sleepUntil(m.last + b.Steps[len(b.Steps)-1].After/5) // let the last part leave the barrier too
	}
	return p.pull(b.TriggerLine, false)
}

// mover is a belt that moves count by count. It is never faster than it should
// be: after a hiccup of this machine it goes on from where it is.
type mover struct {
	p    *plant
	b    rig.Belt
	r    *rig.Passed
	last time.Duration // when the belt last moved
}

// part moves the next part up to the light barrier and lets it through.
func (m *mover) part(s rig.Step) error {
	if err := m.pitch(s); err != nil {
		return err
	}
	m.r.Triggers = append(m.r.Triggers, now())
	m.r.Places = append(m.r.Places, len(m.r.Counts))
	if err := m.p.pull(m.b.TriggerLine, true); err != nil {
		return err
	}
	if len(m.r.Triggers) == m.b.Pull {
		m.b.Dark = true
		if err := m.p.unplug(); err != nil {
			return err
		}
	}
	return m.show(s.Picture)
}

// pitch moves the belt by the way from part to part.
func (m *mover) pitch(s rig.Step) error {
	n := m.b.Pitch
	for i := 1; i <= n; i++ {
		if err := m.count(s.After / time.Duration(n)); err != nil {
			return err
		}
		var err error
		switch i {
		case n / 5: // the part has left the barrier
			err = errors.Join(m.p.pull(m.b.TriggerLine, false), m.stand(s))
		case n / 2:
			err = m.show(0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count moves the belt by one count of the encoder.
func (m *mover) count(after time.Duration) error {
	sleepUntil(m.last + after)
	m.last = now()
	if m.b.EncoderLine < 0 {
		return nil
	}
	m.p.encoder = !m.p.encoder
	m.r.Counts = append(m.r.Counts, m.last)
	return m.p.pull(m.b.EncoderLine, m.p.encoder)
}

// stand stops the belt for a while; the camera goes on looking at it.
func (m *mover) stand(s rig.Step) error {
	for end := m.last + s.Stand; now() < end; m.last = now() {
		sleepUntil(min(end, now()+s.After))
		if err := m.show(0); err != nil {
			return err
		}
	}
	return nil
}

func (m *mover) show(picture int) error {
	if m.b.Dark {
		return nil
	}
	return m.p.camera.show(m.p.pictures[picture])
}

func sleepUntil(t time.Duration) { time.Sleep(t - now()) }
