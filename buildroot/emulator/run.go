package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// regex is a regular expression as a flag.
type regex struct{ *regexp.Regexp }

func (r *regex) String() string {
	if r.Regexp == nil { // the flag package looks at a zero value
		return ""
	}
	return r.Regexp.String()
}

func (r *regex) Set(s string) (err error) {
	r.Regexp, err = regexp.Compile(s)
	return err
}

type options struct {
	long  bool
	side  int // pixels of the default package's input
	shell bool
	only  string
	match regex // of names of faults; all where empty
}

// campaign is what the stages share.
type campaign struct {
	options
	ctx    context.Context
	folder string // of this run, removed after it
	winnow string // the program that runs in the machine
	parts  parts
	m      *machine
	goods  *goods // of the belt
	small  *goods // of everything else: the same in the short campaign
	loaded *goods // that the plant has
	report report
	sum    tally
	drilled
}

// stages in their order. Each leaves the machine as it found it.
var stages = []struct {
	name string
	run  func(*campaign) error
}{
	{"kernel", (*campaign).kernelFragments},
	{"suites", (*campaign).suites},
	{"belt", (*campaign).belt},
	{"pulled", (*campaign).pulled},
	{"faults", (*campaign).faults},
	{"starts", (*campaign).starts},
	{"hang", (*campaign).hang},
}

func stageNames() string {
	var names []string
	for _, s := range stages {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// run makes the machine, runs the stages in it and prints what came of them.
func run(ctx context.Context, o options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	c := &campaign{options: o, ctx: ctx}
	if c.folder, err = os.MkdirTemp("", "winnow-emulate-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.folder)
	if c.parts, err = makeParts(ctx); err != nil {
		return err
	}
	fmt.Println(c.parts.versions())
	extra := archive{}
	if err := c.programs(extra); err != nil {
		return err
	}
	if err := c.prepare(); err != nil {
		return err
	}
	initramfs := filepath.Join(c.folder, "initramfs")
	if err := makeImage(ctx, c.parts, extra, initramfs); err != nil {
		return err
	}
	start := time.Now()
	if c.m, err = boot(ctx, c.parts, c.processor(), initramfs); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.m.Close()) }()
	fmt.Printf("booted Linux %s on %s in %.1f s, %s\n", c.m.hello.Kernel, c.processor(), time.Since(start).Seconds(), c.m.hello.Chip)
	if o.shell {
		return c.repl()
	}
	return c.stages()
}

// processor is what the machine has: that of a Raspberry Pi 4, or for the long
// campaign a newer one, whose dot products cost the emulator a third.
func (c *campaign) processor() string {
	if c.long {
		return "neoverse-n1"
	}
	return "cortex-a72"
}

// programs puts what the stages run into the image.
func (c *campaign) programs(a archive) error {
	for name, pkg := range testBinaries {
		out := filepath.Join(c.folder, name)
		if err := goTool(c.ctx, "test", "-c", "-o", out, pkg); err != nil {
			return err
		}
		if err := a.addFile("tests/"+name, 0o755, out); err != nil {
			return err
		}
	}
	c.winnow = filepath.Join(c.folder, "winnow-arm64")
	if err := goTool(c.ctx, "build", "-trimpath", "-ldflags", "-s -w", "-o", c.winnow, "./cmd/winnow"); err != nil {
		return err
	}
	return a.addFile("usr/bin/winnow", 0o755, c.winnow)
}

// Parts, and starts of the service, of the short and of the long campaign.
const (
	shortParts, shortStarts = 60, 4
	longParts, longStarts   = 520, 100
)

// prepare draws the parts and writes the list, before the machine boots.
func (c *campaign) prepare() (err error) {
	host := filepath.Join(c.folder, "winnow")
	if err := command(c.ctx, "go", "build", "-o", host, "./cmd/winnow"); err != nil {
		return err
	}
	if c.small, err = makeGoods(c.ctx, filepath.Join(c.folder, "small"), host, shortParts, 0); err != nil {
		return err
	}
	c.goods = c.small
	if c.long && (c.wants("belt") || c.wants("pulled")) {
		if c.goods, err = makeGoods(c.ctx, filepath.Join(c.folder, "default"), host, longParts, c.side); err != nil {
			return err
		}
	}
	fmt.Printf("%d parts, %d of them to be rejected: a list was written before the machine boots\n", len(c.goods.rejected)-1, c.goods.share())
	return nil
}

// wants reports whether a stage is to run.
func (c *campaign) wants(stage string) bool {
	return c.only == "" || slices.Contains(strings.Split(c.only, ","), stage)
}

// check refuses stages that are not there.
func (o options) check() error {
	for _, name := range strings.FieldsFunc(o.only, func(r rune) bool { return r == ',' }) {
		if !slices.Contains(strings.Split(stageNames(), ", "), name) {
			return fmt.Errorf("--only %s: no stage %q; there are %s", o.only, name, stageNames())
		}
	}
	return nil
}

func (c *campaign) stages() error {
	for _, s := range stages {
		if !c.wants(s.name) {
			continue
		}
		if err := s.run(c); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if c.sum.parts > 0 {
		c.report.check(c.sum.clean(), "all parts together, against the list written before: %v", c.sum)
	}
	return c.report.verdict()
}

// repl runs lines of shell in the machine, for whoever looks into it.
func (c *campaign) repl() error {
	for in := bufio.NewScanner(os.Stdin); in.Scan() && c.ctx.Err() == nil; {
		out, code, err := c.m.exec(5*time.Minute, nil, "sh", "-c", in.Text())
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Printf("%s[%d]\n", out, code)
	}
	return nil
}
