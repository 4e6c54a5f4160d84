//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"winnow/buildroot/emulator/rig"
	"winnow/edge"
	"winnow/telemetry/broker"
	"winnow/telemetry/mqtt"
)

// subscriber is the plant's broker and what it heard there.
type subscriber struct {
	door *door

	hearing sync.Mutex
	parts   map[edge.EventID]string // the reason of its verdict
	alarms  map[string]bool
	raised  map[string]bool // since the last Told
}

// StartBroker begins a broker behind a door at an address of this machine, and
// listens to everything that is said there.
func (s *subscriber) StartBroker(address string, _ *rig.None) error {
	if s.door != nil {
		return errors.New("the broker has been started")
	}
	s.parts, s.alarms, s.raised = map[edge.EventID]string{}, map[string]bool{}, map[string]bool{}
	b, err := broker.Start("127.0.0.1:0", nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := mqtt.Subscribe(ctx, mqtt.Config{Broker: b.URL()}, "plant", "winnow/#", s.hear); err != nil {
		return errors.Join(err, b.Close())
	}
	_, at, _ := strings.Cut(b.URL(), "://")
	s.door = newDoor(address, at)
	return s.door.set(rig.DoorOpen)
}

// Door opens or shuts the way to the broker, or makes it deaf.
func (s *subscriber) Door(state rig.Door, _ *rig.None) error {
	if s.door == nil {
		return errors.New("there is no broker")
	}
	return s.door.set(state)
}

func (s *subscriber) hear(topic string, payload []byte, _ bool) {
	s.hearing.Lock()
	defer s.hearing.Unlock()
	var part struct {
		ID     edge.EventID `json:"id"`
		Reason string       `json:"reason"`
	}
	switch {
	case strings.Contains(topic, "/alarm/"):
		code := path.Base(topic)
		s.alarms[code] = len(payload) > 0
		s.raised[code] = s.raised[code] || len(payload) > 0
	case path.Base(topic) == "part" && json.Unmarshal(payload, &part) == nil:
		s.parts[part.ID] = part.Reason
	}
}

// Told is what was heard: parts since the broker started, alarms that stand, and
// alarms that were raised since the last call.
func (s *subscriber) Told(_ rig.None, r *rig.Told) error {
	s.hearing.Lock()
	defer s.hearing.Unlock()
	r.Parts, r.Reasons = len(s.parts), map[string]int{}
	for _, reason := range s.parts {
		r.Reasons[reason]++
	}
	for _, code := range slices.Sorted(maps.Keys(s.alarms)) {
		if s.alarms[code] {
			r.Alarms = append(r.Alarms, code)
		}
	}
	r.Raised = slices.Sorted(maps.Keys(s.raised))
	clear(s.raised)
	return nil
}
