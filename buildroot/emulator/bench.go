package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"winnow/buildroot/emulator/rig"
)

// bench is a station that runs at a pace, and what passes it.
type bench struct {
	*campaign
	goods *goods
	pace  pace
	next  map[bool]int // the picture that pick gave last, by what becomes of it
	lot   *lot         // that passes
	// elsewhere: the station looks through a camera that the plant does not feed.
	// It shows no good parts.
	elsewhere bool
}

// Places of the cameras and of the plant's broker.
const (
	beltCamera    = "/dev/video9" // the loopback device that pictures enter by
	brokerAddress = "127.0.0.1:1884"
)

// begin plugs the loopback camera in, measures how fast this machine is, and
// starts the station accordingly.
func (c *campaign) begin(g *goods, change func(*setup)) (*bench, error) {
	b, err := c.newBench(g)
	if err != nil {
		return nil, err
	}
	if err := c.plug(g, b.pace); err != nil {
		return nil, err
	}
	return b, b.start(change)
}

// newBench measures and loads what is not yet; the station stands.
func (c *campaign) newBench(g *goods) (*bench, error) {
	if err := c.m.service("stop"); err != nil {
		return nil, err
	}
	if err := c.m.prepareDisk(); err != nil {
		return nil, err
	}
	if g.pace == (pace{}) {
		if err := c.m.configure(setup{chip: c.m.hello.Chip, camera: beltCamera, pace: paceFor(time.Second)}, g.model); err != nil {
			return nil, err
		}
		var err error
		if g.pace, err = c.measure(); err != nil {
			return nil, err
		}
	}
	if c.loaded != g {
		if err := c.load(g); err != nil {
			return nil, err
		}
		c.loaded = g
	}
	return &bench{campaign: c, goods: g, pace: g.pace, next: map[bool]int{}}, nil
}

// start starts the station.
func (b *bench) start(change func(*setup)) error {
	s := setup{chip: b.m.hello.Chip, camera: beltCamera, pace: b.pace}
	if change != nil {
		change(&s)
	}
	if err := b.m.configure(s, b.goods.model); err != nil {
		return err
	}
	if err := b.m.service("start"); err != nil {
		return err
	}
	return b.m.ready()
}

// end stops the station and takes its camera away.
func (c *campaign) end() error {
	return errors.Join(c.m.service("stop"), c.m.call("Unplug", rig.None{}, &rig.None{}))
}

// load gives the pictures to the plant, a few at a time.
func (c *campaign) load(g *goods) error {
	if err := c.m.call("Load", []rig.Picture{}, &rig.None{}); err != nil {
		return err
	}
	for some := range slices.Chunk(g.pictures, 64) {
		if err := c.m.call("Load", some, &rig.None{}); err != nil {
			return err
		}
	}
	return nil
}

func (c *campaign) plug(g *goods, p pace) error {
	camera := rig.Camera{Device: beltCamera, Format: "RGB3", Width: g.side, Height: g.side, Period: 2 * p.spacing}
	return c.m.call("Plug", camera, &rig.None{})
}

// pick gives pictures of parts that are to be rejected, or not, in turns.
func (b *bench) pick(rejected bool) int {
	for range b.goods.rejected {
		b.next[rejected] = b.next[rejected]%(len(b.goods.rejected)-1) + 1
		if i := b.next[rejected]; b.goods.rejected[i] == rejected {
			return i
		}
	}
	return 0 // there is none; the plant says so
}

// diskMB is the size of the disk that the station keeps its records on.
const diskMB = 24

// prepareDisk gives the station's records a disk that can be full, and empties it.
func (m *machine) prepareDisk() error {
	_, err := m.sh(fmt.Sprintf("umount %[1]s 2>/dev/null; mkdir -p %[1]s && mount -t tmpfs -o size=%[2]dm records %[1]s", stateDir, diskMB))
	return err
}

// process is the number of the station's process.
func (m *machine) process() (int, error) {
	out, err := m.sh("pidof winnow")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(out)
	if err != nil {
		return 0, fmt.Errorf("one station was expected to run, there are %q", out)
	}
	return n, nil
}

// now is the machine's clock.
func (m *machine) now() (t time.Duration, err error) {
	err = m.call("Now", rig.None{}, &t)
	return t, err
}

// damage overwrites the middle of a file.
func (m *machine) damage(path string) error {
	_, err := m.sh(fmt.Sprintf("dd if=/dev/urandom of=%[1]s bs=1k count=2 seek=$(($(stat -c %%s %[1]s) / 2048)) conv=notrunc 2>/dev/null", path))
	return err
}

// outputsSafe says which outputs are not at their safe level.
func (m *machine) outputsSafe() error {
	var on []string
	for line, name := range outputs {
		var high bool
		if err := m.call("Level", line, &high); err != nil {
			return err
		}
		if high {
			on = append(on, name)
		}
	}
	if len(on) > 0 {
		return fmt.Errorf("not at their safe level: %s", strings.Join(on, ", "))
	}
	return nil
}

// put writes a file of the host into the machine.
func (m *machine) put(path, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return m.call("Put", rig.File{Path: path, Mode: 0o644, Data: b}, &rig.None{})
}
