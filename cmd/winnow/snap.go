package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"winnow/capture/pixfmt"
	"winnow/capture/v4l2"
	"winnow/edge"
	"winnow/edge/clock"
)

// snapTries is how many frames snap looks at until one is in order.
const snapTries = 10

func snapCommand() *cobra.Command {
	var camera, out string
	var asJSON bool
	c := &cobra.Command{
		Use: "snap --camera NAME --out FILE.png", Short: "Take one picture with a camera",
		Long:    "Snap takes the first picture that is in order, with the automatic controls locked as they are for inspection.\n`winnow doctor` lists the cameras.",
		Example: "  winnow snap --out part.png                                  the only camera\n  winnow snap --camera usb-Vendor_Cam-video-index0 --out part.png\n  winnow snap --camera /dev/video2 --out part.png --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("--out is needed: the PNG file to write")
			}
			f, err := snap(c.Context(), camera, out)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), f)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %dx%d %s\n", f.File, f.Width, f.Height, f.Format)
			return err
		},
	}
	c.Flags().StringVar(&camera, "camera", "", "stable name or path of the camera; empty takes the only one")
	c.Flags().StringVar(&out, "out", "", "PNG file to write")
	c.Flags().BoolVar(&asJSON, "json", false, "print what was taken as JSON")
	return c
}

// snapped is what `snap --json` prints.
type snapped struct {
	File   string `json:"file"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Format string `json:"format"`
}

// snap writes the first frame that is in order, within ten seconds.
func snap(ctx context.Context, camera, out string) (*snapped, error) {
	clk, err := clock.NewSystem()
	if err != nil {
		return nil, err
	}
	src, err := v4l2.Open(v4l2.Config{Device: camera}, clk)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var last edge.FrameFlags
	for range snapTries {
		f, err := src.Next(ctx)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("camera %q gave no picture", camera), err)
		}
		if last = f.Flags; last&^edge.FrameLost != 0 {
			src.Release(f)
			continue
		}
		s := &snapped{out, f.Width, f.Height, f.Format.String()}
		err = pixfmt.WritePNG(out, f)
		src.Release(f)
		return s, err
	}
	return nil, fmt.Errorf("camera %q: none of %d pictures was in order (flags %#x); look at its cable and cap", camera, snapTries, last)
}
