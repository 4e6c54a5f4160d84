//go:build linux

package v4l2

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/blackjack/webcam"

	"winnow/capture/pixfmt"
)

// withRoom runs fn on a stack that has already grown. The webcam library turns
// pointers to structures on the stack into integers one call before the system
// call; a stack that grew in between would leave the kernel writing to where it
// was before.
func withRoom(fn func() error) error {
	done := make(chan error)
	go func() {
		growStack()
		done <- fn()
	}()
	return <-done
}

//go:noinline
func growStack() byte {
	var room [64 << 10]byte
	return room[len(room)-1]
}

// withCamera opens the camera file through the library for the time of fn.
func withCamera(path string, fn func(w *webcam.Webcam) error) error {
	return withRoom(func() error {
		w, err := webcam.Open(path)
		if err != nil {
			return meaning(fmt.Errorf("open: %w", err))
		}
		return errors.Join(fn(w), w.Close())
	})
}

// setUp sets format, size, rate and controls and lets go of the camera.
func setUp(path string, cfg Config) (Info, error) {
	info := Info{Path: path}
	err := withCamera(path, func(w *webcam.Webcam) error {
		info.Card, _ = w.GetName()
		if err := setFormat(w, cfg); err != nil {
			return err
		}
		if cfg.Rate > 0 {
			if err := w.SetFramerate(float32(cfg.Rate)); err != nil {
				info.Notes = append(info.Notes, fmt.Sprintf("the rate of %v frames a second could not be set: %v", cfg.Rate, err))
			}
		}
		var err error
		info.Locked, err = lock(w, cfg)
		return err
	})
	return info, err
}

// setFormat asks for a format; what came of it is read back by currentFormat.
func setFormat(w *webcam.Webcam, cfg Config) error {
	code, err := chooseFormat(w.GetSupportedFormats(), cfg.Format)
	if err != nil {
		return err
	}
	width, height := uint32(cfg.Width), uint32(cfg.Height)
	if width == 0 || height == 0 {
		width, height = largest(w.GetSupportedFrameSizes(webcam.PixelFormat(code)))
	}
	if _, _, _, err := w.SetImageFormat(webcam.PixelFormat(code), width, height); err != nil {
		return meaning(fmt.Errorf("set format %v %dx%d: %w", code, width, height, err))
	}
	return nil
}

// chooseFormat takes want if the camera has it, or the cheapest to convert.
func chooseFormat(has map[webcam.PixelFormat]string, want pixfmt.FourCC) (pixfmt.FourCC, error) {
	if want != 0 {
		if _, ok := has[webcam.PixelFormat(want)]; !ok {
			return 0, fmt.Errorf("format %v is not one of the camera's %v", want, codes(has))
		}
		return want, nil
	}
	for _, c := range pixfmt.Formats() {
		if _, ok := has[webcam.PixelFormat(c)]; ok && !c.Grey() {
			return c, nil
		}
	}
	for _, c := range pixfmt.Formats() {
		if _, ok := has[webcam.PixelFormat(c)]; ok {
			return c, nil
		}
	}
	return 0, fmt.Errorf("none of the camera's formats %v is one of %v", codes(has), pixfmt.Formats())
}

func codes(has map[webcam.PixelFormat]string) []pixfmt.FourCC {
	var all []pixfmt.FourCC
	for _, c := range slices.Sorted(maps.Keys(has)) {
		all = append(all, pixfmt.FourCC(c))
	}
	return all
}

// largest is the greatest size up to 1920x1080, the usual choice where none is
// named; 640x480 where the driver lists none.
func largest(sizes []webcam.FrameSize) (w, h uint32) {
	for _, s := range sizes {
		sw, sh := min(s.MaxWidth, 1920), min(s.MaxHeight, 1080)
		if s.StepWidth == 0 && (s.MaxWidth > 1920 || s.MaxHeight > 1080) {
			continue
		}
		if sw*sh > w*h {
			w, h = sw, sh
		}
	}
	if w == 0 || h == 0 {
		return 640, 480
	}
	return w, h
}
