//go:build linux

package v4l2

import (
	"fmt"
	"slices"

	"github.com/blackjack/webcam"

	"winnow/capture/pixfmt"
)

// Found is a video device file and what can be had from it.
type Found struct {
	Path     string    `json:"path"`
	Names    []string  `json:"names"` // stable names for Config.Device, best first
	Card     string    `json:"card"`
	Bus      string    `json:"bus"`
	Formats  []Format  `json:"formats"`
	Controls []Control `json:"controls"`
	Err      error     `json:"-"` // why it is no camera or cannot be looked at
}

// Format is a pixel format of a camera with its sizes.
type Format struct {
	Code      string `json:"code"`
	Text      string `json:"text"`      // the driver's description
	Supported bool   `json:"supported"` // capture/pixfmt converts it
	Sizes     []Size `json:"sizes"`
}

// Size is a picture size, or a range of them where Step is not 0.
type Size struct {
	Width, Height         int
	MaxWidth, MaxHeight   int
	StepWidth, StepHeight int
	Rates                 []string `json:"rates"` // seconds a frame, "1/30", as the driver lists them
}

func (s Size) String() string {
	if s.StepWidth == 0 && s.StepHeight == 0 {
		return fmt.Sprintf("%dx%d", s.MaxWidth, s.MaxHeight)
	}
	return fmt.Sprintf("%dx%d to %dx%d in steps of %dx%d", s.Width, s.Height, s.MaxWidth, s.MaxHeight, s.StepWidth, s.StepHeight)
}

// List looks at every video device of the machine. Devices that cannot be
// opened are listed with their error. It disturbs no stream.
func List() []Found {
	var all []Found
	for _, path := range videoNodes("/dev") {
		f := Found{Path: path, Names: stableNames("/dev", path)}
		f.Err = withCamera(path, func(w *webcam.Webcam) error {
			f.Card, _ = w.GetName()
			f.Bus, _ = w.GetBusInfo()
			f.Formats = formatsOf(w)
			f.Controls = controlsOf(w)
			return nil
		})
		all = append(all, f)
	}
	return all
}

func formatsOf(w *webcam.Webcam) []Format {
	var all []Format
	known := pixfmt.Formats()
	for code, text := range w.GetSupportedFormats() {
		f := Format{Code: pixfmt.FourCC(code).String(), Text: text, Supported: slices.Contains(known, pixfmt.FourCC(code))}
		for _, s := range w.GetSupportedFrameSizes(code) {
			size := Size{int(s.MinWidth), int(s.MinHeight), int(s.MaxWidth), int(s.MaxHeight), int(s.StepWidth), int(s.StepHeight), nil}
			for _, r := range w.GetSupportedFramerates(code, s.MaxWidth, s.MaxHeight) {
				size.Rates = append(size.Rates, r.String())
			}
			f.Sizes = append(f.Sizes, size)
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Format) int {
		if a.Supported != b.Supported {
			if a.Supported {
				return -1
			}
			return 1
		}
		return slices.Compare([]byte(a.Code), []byte(b.Code))
	})
	return all
}
