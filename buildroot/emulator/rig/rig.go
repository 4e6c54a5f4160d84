// Package rig is what the driver on the host and the plant program inside the
// emulated machine say to each other. The plant dials the driver, which then
// calls it: Go's net/rpc over one connection, one for each boot of the machine.
package rig

import "time"

// Service is the name under which the plant's methods are called.
const Service = "Plant"

// Gateway is the host as the machine's network shows it.
const Gateway = "10.0.2.2"

// CommandLine is the kernel argument whose value is the driver's port.
const CommandLine = "plant"

// None is for methods without arguments or results.
type None struct{}

// ExecArgs is a program to run in the machine.
type ExecArgs struct {
	Argv    []string
	Env     []string // beside the plant's own
	Timeout time.Duration
}

// ExecReply is what became of it: both outputs as they came, and the exit code.
type ExecReply struct {
	Output string
	Code   int
}

// File is a file to write, folders included.
type File struct {
	Path string
	Mode uint32
	Data []byte
}

// Picture is one frame as the camera delivers it.
type Picture []byte

// Camera is a loopback device to feed.
type Camera struct {
	Device        string
	Format        string // four characters, of an uncompressed format
	Width, Height int
	// Period is what the device states as its frame period, two of which without
	// a frame are a stuck camera. The empty belt is shown twice as often.
	Period time.Duration
}

// Told is what a subscriber to everything heard from the station.
type Told struct {
	Parts   int            // different ones
	Reasons map[string]int // of their verdicts
	Alarms  []string       // that stand
	Raised  []string       // since this was last asked
}

// Door is the state of the way to the plant's broker.
type Door string

// States of the door.
const (
	DoorOpen Door = "open"
	DoorShut Door = "shut" // nobody answers
	DoorDeaf Door = "deaf" // connections stand, nothing passes
)

// Spoil is what is wrong with the loopback camera.
type Spoil struct {
	Fault   CameraFault
	Picture int // CameraFrozen: what it shows for ever
}

// CameraFault is how a camera fails that is still there.
type CameraFault string

// Faults of the loopback camera.
const (
	CameraWell   CameraFault = ""
	CameraSilent CameraFault = "silent" // gives no frames
	CameraShort  CameraFault = "short"  // gives half of each frame; the rest of the buffer is as it was
	CameraTorn   CameraFault = "torn"   // the lower half is that of the frame before
	CameraFlat   CameraFault = "flat"   // every byte is the same
	CameraFrozen CameraFault = "frozen" // gives the same frame again and again
)

// Memory is a place in the memory of a running program.
type Memory struct {
	Process int
	Address uint64
	Data    []byte
}

// Hello is what the plant says of the machine.
type Hello struct {
	Kernel string
	Chip   string // of the simulated lines, such as gpiochip1
	Boot   string // the kernel's boot id
}

// Edge is a change of level on an output line as the kernel's trace tells it.
type Edge struct {
	Line  int
	Level bool
	At    time.Duration // CLOCK_MONOTONIC of the machine
}

// Pull sets the level of an input line from outside.
type Pull struct {
	Line int
	High bool
}

// Control presses a button or sets a control of a V4L2 device.
type Control struct {
	Device string
	ID     uint32
	Value  int32
}

// Step is one part of a belt: a picture to show and where it is in time.
type Step struct {
	Picture int           // index into the pictures that were loaded
	After   time.Duration // least time from the trigger of the part before
	Stand   time.Duration // how long the belt stands still on the way
}

// Belt is a run of parts past the trigger and the camera.
type Belt struct {
	TriggerLine int
	EncoderLine int // one channel, both edges count; -1: none
	Pitch       int // encoder counts from part to part, at least 5
	Steps       []Step
	Tail        int  // how many pitches the belt runs on behind the last part
	Dark        bool // no camera: nothing is shown
	// Pull takes the camera away right after the trigger of this part, the first
	// being 1; 0: never.
	Pull int
}

// Passed is what happened to the parts of a belt, in CLOCK_MONOTONIC of the
// machine.
type Passed struct {
	Triggers []time.Duration // one for each part
	Places   []int           // encoder counts that came before each trigger
	Counts   []time.Duration // of each encoder count
}
