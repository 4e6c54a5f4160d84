package station

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/telemetry"
)

// refused is an error of a command that was not tried.
func refused(why string) error { return fmt.Errorf("%w: %s", telemetry.ErrRefused, why) }

// maxManual bounds one manual pulse: who fires by hand repeats the command for
// as long as the hand is on the button.
const maxManual = time.Second

// verbs are the commands that the station obeys.
func (s *Station) verbs() map[string]func(ctx context.Context, args json.RawMessage) error {
	return map[string]func(context.Context, json.RawMessage) error{
		"reset":     s.cmdReset,
		"mode":      s.cmdMode,
		"trigger":   s.cmdTrigger,
		"challenge": s.cmdChallenge,
		"fire":      s.cmdFire,

		"recalibrate": s.cmdRecalibrate,
		"recipe":      s.cmdRecipe,
	}
}

// obey carries out one command that has been admitted: in time, not repeated.
func (s *Station) obey(ctx context.Context, cmd telemetry.Command) error {
	if !s.running.Load() {
		return refused("the station is still starting")
	}
	do, ok := s.verbs()[cmd.Verb]
	if !ok {
		return refused(fmt.Sprintf("no command %q; there are reset, mode, trigger, challenge, fire, recalibrate, recipe", cmd.Verb))
	}
	err := do(ctx, cmd.Args)
	s.log.Info("command", "verb", cmd.Verb, "id", cmd.ID, "err", err)
	return err
}

// arguments reads a command's arguments into a struct, strictly: each key as it is
// written there, once.
func arguments(raw json.RawMessage, into any) error {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	var known []string
	for t, i := reflect.TypeOf(into).Elem(), 0; i < t.NumField(); i++ {
		known = append(known, t.Field(i).Tag.Get("json"))
	}
	if err := telemetry.ExactKeys(raw, known...); err != nil {
		return refused(fmt.Sprintf("args: %v", err))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refused(fmt.Sprintf("args: %v", err))
	}
	return nil
}

func (s *Station) cmdTrigger(_ context.Context, raw json.RawMessage) error {
	if err := arguments(raw, new(struct{})); err != nil {
		return err
	}
	return s.triggers.byCommand()
}

func (s *Station) cmdReset(ctx context.Context, raw json.RawMessage) error {
	if err := arguments(raw, new(struct{})); err != nil {
		return err
	}
	if !s.modes.again() {
		return errors.New("the line does not take commands")
	}
	if err := s.line.Send(ctx, line.Reset{}); err != nil {
		return err
	}
	s.clearAlarms()
	return nil
}

func (s *Station) cmdMode(ctx context.Context, raw json.RawMessage) error {
	var args struct {
		Mode config.Mode `json:"mode"`
	}
	if err := arguments(raw, &args); err != nil {
		return err
	}
	if args.Mode == "" {
		return refused(`args: give "mode": "ready", "shadow" or "inhibit"`)
	}
	s.modes.set(args.Mode)
	err := s.line.Send(ctx, line.Sync{})
	if kept := s.modes.keep(); kept != nil {
		err = errors.Join(err, fmt.Errorf("mode %s is in force, but would not outlast a crash: %w", args.Mode, kept))
	}
	return err
}

// cmdFire switches an actuator on by hand: for hold_ms, at most a second.
func (s *Station) cmdFire(_ context.Context, raw json.RawMessage) error {
	var args struct {
		Actuator string `json:"actuator"`
		Hold     int    `json:"hold_ms"`
	}
	if err := arguments(raw, &args); err != nil {
		return err
	}
	if args.Hold <= 0 || int64(args.Hold) > maxManual.Milliseconds() {
		return refused(fmt.Sprintf(`args: "hold_ms" is 1 to %d; repeat the command to hold on`, maxManual.Milliseconds()))
	}
	if err := s.modes.mayFire(); err != nil {
		return err
	}
	err := s.outs.fire(args.Actuator, time.Duration(args.Hold)*time.Millisecond)
	if errors.Is(err, errNoActuator) {
		return refused(err.Error())
	}
	return err
}
