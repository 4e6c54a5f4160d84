package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"winnow/edge/store"
	"winnow/infer"
	"winnow/infer/npy"
	"winnow/models"
)

func modelRun() *cobra.Command {
	var input, dir, engine string
	var threads int
	c := &cobra.Command{
		Use: "run FILE.tflite --input X.npy --output-dir DIR", Short: "Run any .tflite on arrays",
		Long: "Run writes one .npy file an output, in the model's order: output0.npy, output1.npy, ... A model with\n" +
			"several inputs takes an .npz file with arrays input0, input1, ... (or input, for one).",
		Example: "  winnow model run part.tflite --input x.npy --output-dir out/", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if input == "" || dir == "" {
				return usagef("--input and --output-dir are needed")
			}
			dropStartCode()
			s, err := openGraph(args[0], engine, threads)
			if err != nil {
				return err
			}
			defer s.Close()
			if err := fillInputs(s, input); err != nil {
				return fmt.Errorf("%s: %w", input, err)
			}
			if err := s.Run(); err != nil {
				return err
			}
			return writeOutputs(s, dir)
		},
	}
	c.Flags().StringVar(&input, "input", "", ".npy file, or .npz with one array an input")
	c.Flags().StringVar(&dir, "output-dir", "", "folder for the outputs; it is made if needed")
	c.Flags().StringVar(&engine, "engine", engineAuto, "auto, native or tensorflow")
	threadsVar(c, &threads, 0, "threads to use")
	return c
}

// openGraph loads any .tflite, or the graph of a package.
func openGraph(path, engine string, threads int) (infer.Session, error) {
	b, err := models.ReadLimited(path)
	if err != nil {
		return nil, err
	}
	p, err := models.Read(b)
	switch {
	case err == nil:
		b = p.Graph
	case !errors.Is(err, models.ErrNotPackage):
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	_, s, err := openSession(b, engine, judgeThreads(threads))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// npyTypes are NumPy's names of tensor types.
var npyTypes = map[infer.DType]string{infer.Int8: "i1", infer.UInt8: "u1", infer.Int16: "i2", infer.Int32: "i4", infer.Float32: "f4"}

// fillInputs writes the arrays of a file to the session's inputs.
func fillInputs(s infer.Session, path string) error {
	b, err := models.ReadLimited(path)
	if err != nil {
		return err
	}
	arrays := map[string]*npy.Array{}
	if strings.EqualFold(filepath.Ext(path), ".npz") {
		arrays, err = npy.ReadZip(b)
	} else {
		arrays["input0"], err = npy.Read(b)
	}
	if err != nil {
		return err
	}
	for i, t := range s.Inputs() {
		a := arrays["input"+strconv.Itoa(i)]
		if a == nil && i == 0 {
			a = arrays["input"]
		}
		if a == nil {
			return fmt.Errorf("no array input%d: the model has %d inputs", i, len(s.Inputs()))
		}
		if a.Type != npyTypes[t.Type] || !slices.Equal(a.Shape, t.Shape) {
			return fmt.Errorf("array input%d is %s %v; the model's input %q is %v %v", i, a.Type, a.Shape, t.Name, t.Type, t.Shape)
		}
		copy(s.Input(i), a.Data)
	}
	return nil
}

func writeOutputs(s infer.Session, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, t := range s.Outputs() {
		a := npy.Array{Type: npyTypes[t.Type], Shape: t.Shape, Data: s.Output(i)}
		if err := store.WriteFile(filepath.Join(dir, fmt.Sprintf("output%d.npy", i)), a.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
