//go:build linux

package v4l2

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/blackjack/webcam"
)

// knobs is what controls are worked through; *webcam.Webcam is one.
type knobs interface {
	GetControls() map[webcam.ControlID]webcam.Control
	GetControl(id webcam.ControlID) (int32, error)
	SetControl(id webcam.ControlID, value int32) error
}

// Control is an adjustment that a camera offers.
type Control struct {
	Key   string `json:"key"` // as in Config.Controls: lower case, one underscore between words
	Name  string `json:"name"`
	Value int32  `json:"value"`
	Min   int32  `json:"min"`
	Max   int32  `json:"max"`
	Step  int32  `json:"step"`
	id    webcam.ControlID
}

// automatic lists what changes a picture behind the inspection's back, and the
// value that stops it (linux/v4l2-controls.h).
var automatic = []struct {
	id  webcam.ControlID
	off int32
}{
	{0x009a0901, 1}, // V4L2_CID_EXPOSURE_AUTO: V4L2_EXPOSURE_MANUAL
	{0x009a0903, 0}, // V4L2_CID_EXPOSURE_AUTO_PRIORITY: constant frame rate
	{0x00980912, 0}, // V4L2_CID_AUTOGAIN
	{0x0098090c, 0}, // V4L2_CID_AUTO_WHITE_BALANCE
	{0x009a0914, 0}, // V4L2_CID_AUTO_N_PRESET_WHITE_BALANCE: manual
	{0x009a090c, 0}, // V4L2_CID_FOCUS_AUTO
	{0x00980919, 0}, // V4L2_CID_HUE_AUTO
	{0x00980920, 0}, // V4L2_CID_AUTOBRIGHTNESS
}

// controlsOf lists the adjustments of a camera by name.
func controlsOf(w knobs) []Control {
	var all []Control
	for id, c := range w.GetControls() {
		v, err := w.GetControl(id)
		if err != nil {
			continue // write-only or inactive
		}
		all = append(all, Control{Key: controlKey(c.Name), Name: c.Name, Value: v, Min: c.Min, Max: c.Max, Step: c.Step, id: id})
	}
	slices.SortFunc(all, func(a, b Control) int { return strings.Compare(a.Key, b.Key) })
	return all
}

// controlKey is a control's name as v4l2-ctl writes it: "Exposure Time,
// Absolute" is exposure_time_absolute.
func controlKey(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "_")
}

// lock stops everything automatic, then sets what cfg asks for, and reads each
// back. It returns the values that must not change from now on.
func lock(w knobs, cfg Config) (map[string]int32, error) {
	all := map[string]Control{}
	byID := map[webcam.ControlID]Control{}
	for _, c := range controlsOf(w) {
		all[c.Key], byID[c.id] = c, c
	}
	locked := map[string]int32{}
	var errs []error
	if !cfg.LeaveAutomatic {
		for _, a := range automatic {
			c, ok := byID[a.id]
			if _, asked := cfg.Controls[c.Key]; ok && !asked {
				errs = append(errs, setControl(w, c, a.off, locked))
			}
		}
	}
	for _, key := range inOrder(cfg.Controls, all) {
		c, ok := all[key]
		if !ok {
			errs = append(errs, fmt.Errorf("control %q is not one of the camera's: %s", key, strings.Join(slices.Sorted(maps.Keys(all)), ", ")))
			continue
		}
		errs = append(errs, setControl(w, c, cfg.Controls[key], locked))
	}
	return locked, errors.Join(errs...)
}

// inOrder lists what is asked for, the automatic ones first: while one is on, what
// it adjusts is refused or changed again.
func inOrder(asked map[string]int32, all map[string]Control) []string {
	var first, rest []string
	for _, key := range slices.Sorted(maps.Keys(asked)) {
		if isAutomatic(all[key].id) {
			first = append(first, key)
		} else {
			rest = append(rest, key)
		}
	}
	return append(first, rest...)
}

func isAutomatic(id webcam.ControlID) bool {
	for _, a := range automatic {
		if a.id == id {
			return true
		}
	}
	return false
}

func setControl(w knobs, c Control, v int32, locked map[string]int32) error {
	if v < c.Min || v > c.Max {
		return fmt.Errorf("control %s = %d: it is %d to %d", c.Key, v, c.Min, c.Max)
	}
	if err := w.SetControl(c.id, v); err != nil {
		return fmt.Errorf("control %s = %d: %w", c.Key, v, err)
	}
	got, err := w.GetControl(c.id)
	switch {
	case err != nil:
		return fmt.Errorf("control %s: read back: %w", c.Key, err)
	case got != v && (c.Step <= 1 || max(got-v, v-got) >= c.Step):
		return fmt.Errorf("control %s = %d: the camera made it %d", c.Key, v, got)
	}
	locked[c.Key] = got
	return nil
}

// verifyLocked reads the locked controls again once the camera streams: some
// cameras fall back to their defaults when they start.
func verifyLocked(path string, locked map[string]int32) error {
	if len(locked) == 0 {
		return nil
	}
	return withCamera(path, func(w *webcam.Webcam) error { return verify(w, locked) })
}

func verify(w knobs, locked map[string]int32) error {
	var errs []error
	for _, c := range controlsOf(w) {
		if want, ok := locked[c.Key]; ok && c.Value != want {
			errs = append(errs, fmt.Errorf("control %s went from %d to %d when the stream began", c.Key, want, c.Value))
		}
	}
	return errors.Join(errs...)
}

// CheckControls reads the locked controls of a streaming camera again; an
// error names each that has changed.
func (c *Camera) CheckControls() error {
	if err := verifyLocked(c.info.Path, c.info.Locked); err != nil {
		return fmt.Errorf("camera %s: %w", c.info.Path, err)
	}
	return nil
}
