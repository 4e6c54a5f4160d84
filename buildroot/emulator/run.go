package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

type options struct {
	long  bool
	shell bool
	only  string
}

// campaign is what the stages share.
type campaign struct {
	options
	ctx    context.Context
	folder string // of this run, removed after it
	parts  parts
	m      *machine
	goods  *goods // of the belt
	report report
	sum    tally
}

// stages in their order. Each leaves the machine as it found it.
var stages = []struct {
	name string
	run  func(*campaign) error
}{
	{"suites", (*campaign).suites},
	{"belt", (*campaign).belt},
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
	if c.m, err = boot(ctx, c.parts, initramfs); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.m.Close()) }()
	fmt.Printf("booted Linux %s in %.1f s, %s\n", c.m.hello.Kernel, time.Since(start).Seconds(), c.m.hello.Chip)
	if o.shell {
		return c.repl()
	}
	return c.stages()
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
	winnow, err := compile(c.ctx, "winnow", "./cmd/winnow")
	if err != nil {
		return err
	}
	defer os.Remove(winnow)
	return a.addFile("usr/bin/winnow", 0o755, winnow)
}

// Parts of the short and of the long campaign.
const (
	shortParts = 60
	longParts  = 520
)

// prepare draws the parts and writes the list, before the machine boots.
func (c *campaign) prepare() (err error) {
	host := filepath.Join(c.folder, "winnow")
	if err := command(c.ctx, "go", "build", "-o", host, "./cmd/winnow"); err != nil {
		return err
	}
	n := shortParts
	if c.long {
		n = longParts
	}
	if c.goods, err = makeGoods(c.ctx, c.folder, host, n, c.long); err != nil {
		return err
	}
	fmt.Printf("%d parts, %d of them to be rejected: a list was written before the machine boots\n", n, c.goods.share())
	return nil
}

func (c *campaign) stages() error {
	found := false
	for _, s := range stages {
		if c.only != "" && c.only != s.name {
			continue
		}
		found = true
		if err := s.run(c); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if !found {
		return fmt.Errorf("--only takes one of %s", stageNames())
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
