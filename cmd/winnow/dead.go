package main

import (
	"fmt"
	"io"

	"winnow/infer"
)

// dead is what teach and calibrate say of the camera: what is bridged from now on.
type dead struct {
	Pixels int `json:"dead_pixels"`
	Lines  int `json:"dead_lines"` // rows and columns
}

func deadOf(s *infer.Sensor) dead { return dead{s.Count(), len(s.Lines)} }

func (d dead) print(out io.Writer) {
	if d.Pixels > 0 {
		fmt.Fprintf(out, "%d dead pixels of the camera are bridged: they held one value in every picture\n", d.Pixels)
	}
	if d.Lines > 0 {
		fmt.Fprintf(out, "%d dead rows or columns of the camera are bridged: they held one value in every picture\n", d.Lines)
	}
}
