package gpio

import "periph.io/x/conn/v3/gpio"

// Level of a line and PinIO, a line that may be both input and output, are
// periph's, under names that programs may use without importing periph.
type (
	Level = gpio.Level
	PinIO = gpio.PinIO
)

// Levels, and how an input is requested.
const (
	Low          = gpio.Low
	High         = gpio.High
	PullNoChange = gpio.PullNoChange
	BothEdges    = gpio.BothEdges
)
