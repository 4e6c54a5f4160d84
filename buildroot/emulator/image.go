package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// drivers are the modules that the machine loads, with their options. What
// they depend on is loaded before them.
var drivers = []struct{ name, options string }{
	{"gpio-sim", ""},
	{"i6300esb", "heartbeat=60"},
	// Cameras from 1 on are loopback, 0 is vivid: a capture device alone.
	{"vivid", "n_devs=1 node_types=0x1 vid_cap_nr=0"},
	{"v4l2loopback", "video_nr=9 exclusive_caps=1 card_label=belt max_buffers=8"},
	{"virtio_net", ""},
}

// makeImage makes the initramfs: BusyBox, the overlay that Buildroot puts over its
// skeleton, the emulated machine's own, programs and modules.
func makeImage(ctx context.Context, p parts, extra archive, out string) error {
	a := archive{
		"dev":         {mode: typeFolder | 0o755},
		"dev/console": {mode: typeDevice | 0o600, major: 5, device: 1},
		"dev/null":    {mode: typeDevice | 0o666, major: 1, device: 3},
	}
	for _, tree := range []string{"buildroot/overlay", filepath.Join(sourceFolder, "overlay")} {
		if err := a.addTree(tree); err != nil {
			return err
		}
	}
	if err := a.addFile("bin/busybox", 0o755, p.file("busybox")); err != nil {
		return err
	}
	if err := a.addModules(p); err != nil {
		return err
	}
	plant, err := compile(ctx, "plant", "./buildroot/emulator/plant")
	if err != nil {
		return err
	}
	defer os.Remove(plant)
	if err := a.addFile("usr/bin/plant", 0o755, plant); err != nil {
		return err
	}
	maps.Copy(a, extra)
	return a.save(out)
}

func (a archive) save(out string) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := a.write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// compile builds a program of this module for the machine.
func compile(ctx context.Context, name, pkg string) (string, error) {
	f, err := os.CreateTemp("", name+"-")
	if err != nil {
		return "", err
	}
	_ = f.Close()
	return f.Name(), goTool(ctx, "build", "-trimpath", "-ldflags", "-s -w", "-o", f.Name(), pkg)
}

func goTool(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "go", args...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// addModules puts in every driver and the order to load them in.
func (a archive) addModules(p parts) error {
	var order strings.Builder
	seen := map[string]bool{}
	for _, d := range drivers {
		if err := a.addModule(p, d.name, d.options, &order, seen); err != nil {
			return err
		}
	}
	a.add("modules/order", 0o644, []byte(order.String()))
	return nil
}

// addModule puts a module in behind those that it says it needs. One that
// machine.sh did not take is built into the kernel.
func (a archive) addModule(p parts, name, options string, order *strings.Builder, seen map[string]bool) error {
	if name = strings.ReplaceAll(name, "_", "-"); seen[name] {
		return nil
	}
	seen[name] = true
	file, err := moduleFile(p, name)
	if err != nil || file == "" {
		return err
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	needed, err := depends(b)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, n := range needed {
		if err := a.addModule(p, n, "", order, seen); err != nil {
			return err
		}
	}
	a.add("modules/"+filepath.Base(file), 0o644, b)
	fmt.Fprintf(order, "%s %s\n", filepath.Base(file), options)
	return nil
}

// moduleFile finds a module under either spelling of its name.
func moduleFile(p parts, name string) (string, error) {
	all, err := filepath.Glob(p.file("modules/*.ko"))
	if err != nil {
		return "", err
	}
	for _, f := range all {
		if strings.ReplaceAll(strings.TrimSuffix(filepath.Base(f), ".ko"), "_", "-") == name {
			return f, nil
		}
	}
	return "", nil
}

// depends reads the names after "depends=" in a module's .modinfo section.
func depends(module []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("no section .modinfo")
	}
	b, err := s.Data()
	if err != nil {
		return nil, err
	}
	for _, word := range strings.Split(string(b), "\x00") {
		if list, ok := strings.CutPrefix(word, "depends="); ok {
			return strings.FieldsFunc(list, func(r rune) bool { return r == ',' }), nil
		}
	}
	return nil, nil
}
