package main

import (
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"time"

	"winnow/buildroot/emulator/rig"
)

// judgeEntry is what the judge calls for every picture.
const judgeEntry = "winnow/infer/native.(*session).Run"

// branchToItself is the arm64 instruction "b .": a loop that nothing ends, at a
// place where the runtime still finds its way through the stack.
var branchToItself = []byte{0, 0, 0, 0x14}

// dogPatience is that of the machine's watchdog in the stage hang.
const dogPatience = 2 * time.Second

// hang has the judge hang for ever, with parts on the belt: they are rejected,
// ERROR comes on, and the watchdog resets the machine. The machine then boots
// and inspects again.
func (c *campaign) hang() error {
	entry, err := functionEntry(c.winnow, judgeEntry)
	if err != nil {
		return err
	}
	// The garbage collector would wait for code that cannot be interrupted, and the
	// whole station with it; then it is the watchdog alone that ends this.
	b, err := c.begin(c.small, func(s *setup) { s.watchdog, s.environment = dogPatience, "export GOGC=off\n" })
	if err != nil {
		return err
	}
	l, err := b.newLot()
	if err != nil {
		return err
	}
	if err := l.pass(b.pace.belt(b.pick(true), b.pick(false)), false); err != nil {
		return err
	}
	process, err := c.m.process()
	if err != nil {
		return err
	}
	// The judge is idle: its next picture is the first one that it hangs on.
	if err := c.m.call("Poke", rig.Memory{Process: process, Address: entry, Data: branchToItself}, &rig.None{}); err != nil {
		return err
	}
	if err := l.pass(b.pace.belt(b.pick(false), b.pick(false)), true); err != nil {
		return err
	}
	t, err := l.settle()
	if err != nil {
		return err
	}
	c.report.check(t.clean(), "the judge hangs in an endless loop: its parts are rejected: %v", t)
	return b.reset()
}

// reset waits for the watchdog and starts over.
func (b *bench) reset() error {
	before := b.m.hello.Boot
	if err := b.m.awaitWatchdog(b.ctx); err != nil {
		return fmt.Errorf("the watchdog did not reset the machine: %w", err)
	}
	b.loaded = nil // the plant is a new one
	if b.m.hello.Boot == before {
		return errors.New("the plant came back, but the machine was not reset")
	}
	safe := b.m.outputsSafe()
	b.report.check(safe == nil, "the watchdog reset the machine; after its boot every output is at its safe level (%v)", safe)
	again, err := b.begin(b.goods, nil)
	if err != nil {
		return err
	}
	l, err := again.newLot()
	if err != nil {
		return err
	}
	if err := l.pass(again.pace.belt(again.pick(true), again.pick(false), again.pick(true)), false); err != nil {
		return err
	}
	t, err := l.settle()
	if err != nil {
		return err
	}
	b.report.check(t.clean(), "inspecting again after the reset: %v", t)
	return b.end()
}

// functionEntry finds where a program has a function, by the table that Go
// programs carry for their tracebacks.
func functionEntry(program, name string) (uint64, error) {
	f, err := elf.Open(program)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	text, lines := f.Section(".text"), f.Section(".gopclntab")
	if text == nil || lines == nil {
		return 0, fmt.Errorf("%s: no Go program", program)
	}
	b, err := lines.Data()
	if err != nil {
		return 0, err
	}
	t, err := gosym.NewTable(nil, gosym.NewLineTable(b, text.Addr))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", program, err)
	}
	fn := t.LookupFunc(name)
	if fn == nil {
		return 0, fmt.Errorf("%s has no function %s", program, name)
	}
	return fn.Entry, nil
}
