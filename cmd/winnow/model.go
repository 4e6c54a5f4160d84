package main

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"winnow/infer/fit"
	"winnow/infer/tflite"
	"winnow/models"
)

func modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "model", Short: "Look into model packages and .tflite files", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(modelInspect(), modelVerify(), modelRun())
	return c
}

func modelInspect() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "inspect FILE.tflite", Short: "Show what a model package or any .tflite file holds",
		Example: "  winnow model inspect part.tflite", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := models.ReadLimited(args[0])
			if err != nil {
				return err
			}
			r, err := inspect(b)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if asJSON {
				return writeJSON(c.OutOrStdout(), r)
			}
			return r.print(c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// inspection is what `model inspect` prints.
type inspection struct {
	Bytes       int                 `json:"bytes"`
	Description string              `json:"description"`
	Manifest    *models.Manifest    `json:"manifest"` // null for a plain .tflite
	Calibration *models.Calibration `json:"calibration"`
	Inputs      []string            `json:"inputs"`
	Outputs     []string            `json:"outputs"`
	MACs        int64               `json:"macs"`
	Skipped     int64               `json:"skipped"`
	Layers      []inspectedLayer    `json:"layers"`
}

type inspectedLayer struct {
	Op      string  `json:"op"`
	Output  string  `json:"output"`
	MACs    int64   `json:"macs"`
	Density float64 `json:"density"` // share of 16x4 weight blocks that are not all zero
	Skipped int64   `json:"skipped"` // multiply-accumulates of the other blocks, which the native engine leaves out
}

func inspect(b []byte) (*inspection, error) {
	r := &inspection{Bytes: len(b)}
	p, err := models.Read(b)
	switch {
	case err == nil:
		r.Manifest, r.Calibration = &p.Manifest, &p.Calibration
		b = p.Graph
	case !errors.Is(err, models.ErrNotPackage):
		return nil, err
	}
	m, err := tflite.Parse(b, tflite.Limits{})
	if err != nil {
		return nil, err
	}
	r.Description = m.Description
	for _, i := range m.Inputs {
		r.Inputs = append(r.Inputs, describe(&m.Tensors[i]))
	}
	for _, i := range m.Outputs {
		r.Outputs = append(r.Outputs, describe(&m.Tensors[i]))
	}
	for i := range m.Ops {
		o := &m.Ops[i]
		l := inspectedLayer{Op: o.Code.String(), Output: describe(&m.Tensors[o.Outputs[0]]), Density: 1}
		l.MACs, l.Density = work(m, o)
		l.Skipped = int64(math.Round(float64(l.MACs) * (1 - l.Density)))
		r.MACs += l.MACs
		r.Skipped += l.Skipped
		r.Layers = append(r.Layers, l)
	}
	return r, nil
}

func describe(t *tflite.Tensor) string { return fmt.Sprintf("%s %v %v", t.Name, t.Type, t.Shape) }

// work is the multiply-accumulates of o and the density of its weights.
func work(m *tflite.Model, o *tflite.Op) (macs int64, density float64) {
	pixels := &m.Tensors[o.Outputs[0]]
	switch o.Code {
	case tflite.OpConv2D, tflite.OpFullyConnected, tflite.OpDepthwiseConv2D:
	case tflite.OpTransposeConv:
		pixels = &m.Tensors[o.Inputs[2]]
	default:
		return 0, 1
	}
	w := &m.Tensors[o.Inputs[1]]
	in := w.Shape[len(w.Shape)-1]
	if o.Code == tflite.OpDepthwiseConv2D {
		return int64(pixels.Elements()) * int64(w.Elements()/in), 1
	}
	rows := w.Shape[0]
	if o.Code == tflite.OpTransposeConv {
		return int64(pixels.Elements()) * int64(w.Elements()/in), blockDensity(w.Data, rows, w.Elements()/rows/in, in)
	}
	return int64(pixels.Elements()) * int64(w.Elements()/rows), blockDensity(w.Data, rows, w.Elements()/rows/in, in)
}

// blockDensity is the share of blocks of 16 rows x 4 inputs of one tap with any value
// in them; w is [rows][taps][in].
func blockDensity(w []byte, rows, taps, in int) float64 {
	if len(w) != rows*taps*in {
		return 1
	}
	total, full := 0, 0
	for r := 0; r < rows; r += 16 {
		for t := range taps {
			for c := 0; c < in; c += 4 {
				total++
				if anyValue(w, r, min(r+16, rows), t*in+c, t*in+min(c+4, in), taps*in) {
					full++
				}
			}
		}
	}
	if total == 0 {
		return 1
	}
	return float64(full) / float64(total)
}

func anyValue(w []byte, r0, r1, c0, c1, cols int) bool {
	for r := r0; r < r1; r++ {
		for _, v := range w[r*cols+c0 : r*cols+c1] {
			if v != 0 {
				return true
			}
		}
	}
	return false
}

func (r *inspection) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %.2f MB, %.1f million multiply-accumulates", r.Description, float64(r.Bytes)/1e6, float64(r.MACs)/1e6)
	if r.Skipped > 0 {
		fmt.Fprintf(w, ", of which the native engine skips %.1f in blocks of zeros (%.0f %%)", float64(r.Skipped)/1e6, 100*float64(r.Skipped)/float64(r.MACs))
	}
	fmt.Fprintln(w)
	if m := r.Manifest; m != nil {
		fmt.Fprintf(w, "model package %q written by %s: taught on %d parts in %d groups, input %dx%d, encoder %s\n",
			m.Recipe, m.Program, m.Taught.Parts, m.Taught.Groups, m.Preprocess.Width, m.Preprocess.Height, m.Encoder.Name)
		if m.Preprocess.Register {
			fmt.Fprintf(w, "each part is moved to where the mean taught part lies (reference.png) before it is judged\n")
		}
		if i := m.Preprocess.Ignored; i != nil {
			fmt.Fprintf(w, "a mask ignores %.1f %% of the picture\n", 100**i)
		}
		fmt.Fprintf(w, "threshold %.4f: %s\n", r.Calibration.Threshold, fit.Promise(*r.Calibration))
	} else {
		fmt.Fprintln(w, "a plain .tflite file, not a model package")
	}
	for _, t := range r.Inputs {
		fmt.Fprintf(w, "input  %s\n", t)
	}
	for _, t := range r.Outputs {
		fmt.Fprintf(w, "output %s\n", t)
	}
	fmt.Fprintf(w, "%-24s %8s %8s %8s  %s\n", "operator", "MMAC", "density", "skipped", "output")
	for _, l := range r.Layers {
		fmt.Fprintf(w, "%-24s %8.2f %7.0f%% %8.2f  %s\n", l.Op, float64(l.MACs)/1e6, 100*l.Density, float64(l.Skipped)/1e6, l.Output)
	}
	_, err := fmt.Fprintln(w)
	return err
}
