package main

import (
	"errors"
	"fmt"
	"io"

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
	Layers      []inspectedLayer    `json:"layers"`
}

type inspectedLayer struct {
	Op      string  `json:"op"`
	Output  string  `json:"output"`
	MACs    int64   `json:"macs"`
	Density float64 `json:"density"` // share of 16x4 weight blocks that are not all zero
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
		r.MACs += l.MACs
		r.Layers = append(r.Layers, l)
	}
	return r, nil
}

func describe(t *tflite.Tensor) string { return fmt.Sprintf("%s %v %v", t.Name, t.Type, t.Shape) }

// work is the multiply-accumulates of o and the density of its weights.
func work(m *tflite.Model, o *tflite.Op) (macs int64, density float64) {
	switch o.Code {
	case tflite.OpConv2D, tflite.OpFullyConnected, tflite.OpDepthwiseConv2D:
	default:
		return 0, 1
	}
	out, w := &m.Tensors[o.Outputs[0]], &m.Tensors[o.Inputs[1]]
	rows := w.Shape[0]
	if o.Code == tflite.OpDepthwiseConv2D {
		return int64(out.Elements()) * int64(w.Elements()/w.Shape[3]), 1
	}
	per := w.Elements() / max(1, rows)
	return int64(out.Elements()) * int64(per), blockDensity(w.Data, rows, per)
}

// blockDensity is the share of blocks of 16 rows x 4 columns with any value in them.
func blockDensity(w []byte, rows, cols int) float64 {
	if len(w) != rows*cols {
		return 1
	}
	total, full := 0, 0
	for r := 0; r < rows; r += 16 {
		for c := 0; c < cols; c += 4 {
			total++
			if anyValue(w, r, min(r+16, rows), c, min(c+4, cols), cols) {
				full++
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
	fmt.Fprintf(w, "%s, %.2f MB, %.1f million multiply-accumulates\n", r.Description, float64(r.Bytes)/1e6, float64(r.MACs)/1e6)
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
	fmt.Fprintf(w, "%-24s %8s %8s  %s\n", "operator", "MMAC", "density", "output")
	for _, l := range r.Layers {
		fmt.Fprintf(w, "%-24s %8.2f %7.0f%%  %s\n", l.Op, float64(l.MACs)/1e6, 100*l.Density, l.Output)
	}
	_, err := fmt.Fprintln(w)
	return err
}
