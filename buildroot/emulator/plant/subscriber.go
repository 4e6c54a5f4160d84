//go:build linux

package main

import (
	"context"
	"encoding/json"
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
	broker *broker.Broker
	sub    *mqtt.Subscription

	hearing sync.Mutex
	parts   map[edge.EventID]string // the reason of its verdict
	alarms  map[string]bool
}

// StartBroker listens on an address of this machine, and to everything that is
// said there.
func (s *subscriber) StartBroker(address string, _ *rig.None) (err error) {
	if s.broker, err = broker.Start(address, nil); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.sub, err = mqtt.Subscribe(ctx, mqtt.Config{Broker: s.broker.URL()}, "plant", "winnow/#", s.hear)
	return err
}

// StopBroker breaks every connection.
func (s *subscriber) StopBroker(rig.None, *rig.None) error {
	if s.broker == nil {
		return nil
	}
	err := s.broker.Close()
	s.sub.Close()
	s.broker, s.sub = nil, nil
	return err
}

func (s *subscriber) hear(topic string, payload []byte, _ bool) {
	s.hearing.Lock()
	defer s.hearing.Unlock()
	if s.parts == nil {
		s.parts, s.alarms = map[edge.EventID]string{}, map[string]bool{}
	}
	var part struct {
		ID     edge.EventID `json:"id"`
		Reason string       `json:"reason"`
	}
	switch {
	case strings.Contains(topic, "/alarm/"):
		s.alarms[path.Base(topic)] = len(payload) > 0
	case path.Base(topic) == "part" && json.Unmarshal(payload, &part) == nil:
		s.parts[part.ID] = part.Reason
	}
}

// Told is what was heard since the last call; alarms stand until they are lifted.
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
	return nil
}
