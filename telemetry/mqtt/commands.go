package mqtt

import (
	"context"
	"errors"
	"slices"

	"winnow/telemetry"
)

// hear takes a command off the network's goroutine.
func (s *session) hear(m message) {
	if m.retained {
		s.answer(m, telemetry.RequestID(m.payload), telemetry.ResultRefused, "retained commands are refused: they would be repeated on every connect")
		return
	}
	lane := s.commands
	if verb, _ := s.station.Topics().Verb(m.topic); slices.Contains(s.cfg.Slow, verb) {
		lane = s.slow
	}
	select {
	case lane <- m:
	default:
		s.answer(m, telemetry.RequestID(m.payload), telemetry.ResultRefused, "too many commands at once: ask again later")
	}
}

// obey carries out the commands of a lane, one at a time, until ctx ends.
func (c *Client) obey(ctx context.Context, lane <-chan message) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-lane:
			c.carryOut(ctx, m)
		}
	}
}

func (c *Client) carryOut(ctx context.Context, m message) {
	verb, ok := c.station.Topics().Verb(m.topic)
	if !ok {
		return // no topic to answer on
	}
	cmd, err := c.gate.Admit(verb, m.payload)
	if err != nil {
		c.answer(m, cmd.ID, telemetry.ResultRefused, err.Error())
		return
	}
	switch err := c.cfg.Handle(ctx, cmd); {
	case err == nil:
		c.answer(m, cmd.ID, telemetry.ResultDone, "")
	case errors.Is(err, telemetry.ErrRefused):
		c.answer(m, cmd.ID, telemetry.ResultRefused, err.Error())
	default:
		c.answer(m, cmd.ID, telemetry.ResultFailed, err.Error())
	}
}

// answer queues an acknowledgement; it never waits.
func (c *Client) answer(m message, request string, result telemetry.Result, reason string) {
	verb, ok := c.station.Topics().Verb(m.topic)
	if !ok {
		return
	}
	topic, payload, err := c.station.EncodeAck(verb, request, result, reason)
	if err != nil {
		return
	}
	select {
	case c.replies <- message{topic: topic, payload: payload}:
	default:
		c.dropped.Add(1)
	}
}
