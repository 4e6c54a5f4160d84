package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"winnow/capture/v4l2"
	"winnow/edge/config"
	"winnow/infer/kernel"
	"winnow/infer/tf"
	"winnow/infer/tf/lazy"
)

// finding is one line of `winnow doctor`.
type finding struct {
	What   string `json:"what"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

// doctorReport is what `doctor --json` prints.
type doctorReport struct {
	Version  string             `json:"version"`
	System   string             `json:"system"`
	CPU      []string           `json:"cpu_features"`
	Kernels  []string           `json:"kernels"` // usable sets
	Findings []finding          `json:"findings"`
	Cameras  []v4l2.Found       `json:"cameras"`          // with formats, sizes and controls
	MS       map[string]float64 `json:"ms_per_inference"` // by engine, of --model
}

func doctorCommand() *cobra.Command {
	var model, library, station string
	var asJSON, drill bool
	c := &cobra.Command{
		Use: "doctor", Short: "Say what this machine has: engines, processor, speed of a package",
		Long: "Doctor says what this machine has. With --drill it breaks camera, scorer, disk, broker and output of a\n" +
			"station in turn, on simulated lines where nothing moves, and measures how each output goes to its safe\n" +
			"state. The times, outputs and rules are those of --config; 1 is the exit code if a reaction is missing,\n" +
			"or if no engine runs the package.",
		Example: "  winnow doctor\n  winnow doctor --config station.toml\n  winnow doctor --model part.tflite\n  winnow doctor --drill --config station.toml",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var cfg *config.Config
			if station != "" {
				var err error
				if cfg, err = config.Load(station); err != nil {
					return err
				}
				model, library = cmp.Or(model, cfg.Model.Path), cmp.Or(library, cfg.Model.LibTensorFlow)
			}
			if drill {
				return drillStation(c, labOptions{model: model, library: library, config: cfg}, asJSON)
			}
			r := examine(c.Context(), model, library)
			print := printDoctor
			if asJSON {
				print = func(w io.Writer, r *doctorReport) error { return writeJSON(w, r) }
			}
			if err := print(c.OutOrStdout(), r); err != nil {
				return err
			}
			if model != "" && len(r.MS) == 0 {
				return fmt.Errorf("no engine of this machine runs %s", model)
			}
			return nil
		},
	}
	c.Flags().StringVar(&station, "config", "", "configuration file of a station: its package is timed on every engine, or it is drilled")
	c.Flags().StringVar(&model, "model", "", "package or .tflite file to time on every engine")
	c.Flags().StringVar(&library, "libtensorflow", "", "file or folder of libtensorflow; empty searches the usual places")
	c.Flags().BoolVar(&drill, "drill", false, "break a station on simulated lines, part by part, and measure its reactions; takes a minute or so")
	c.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return c
}

// drillStation is `doctor --drill`.
func drillStation(c *cobra.Command, o labOptions, asJSON bool) error {
	if o.config != nil {
		o.engine, o.threads = string(o.config.Model.Engine), o.config.Model.Threads
	}
	r, err := runDrill(c.Context(), o, c.ErrOrStderr())
	if err != nil {
		return err
	}
	if !asJSON {
		return r.print(c.OutOrStdout())
	}
	if err := writeJSON(c.OutOrStdout(), r); err != nil {
		return err
	}
	return r.verdict()
}

// examine looks at everything; what is missing is a finding, not an error.
func examine(ctx context.Context, model, library string) *doctorReport {
	r := &doctorReport{Version: version, System: runtime.GOOS + "/" + runtime.GOARCH, CPU: cpuFeatures(), MS: map[string]float64{}}
	for _, s := range kernel.Sets() {
		r.Kernels = append(r.Kernels, s.Name())
	}
	r.Findings = append(r.Findings, finding{"engine native", true, "kernels " + strings.Join(r.Kernels, ", ")})
	if info, err := tf.Probe(tf.Config{Load: lazy.Loader(library)}); err != nil {
		r.Findings = append(r.Findings, finding{"engine tensorflow", false, err.Error()})
	} else {
		r.Findings = append(r.Findings, finding{"engine tensorflow", true, "version " + info.Version + " in " + info.Path})
	}
	r.Cameras = v4l2.List()
	r.Findings = append(r.Findings, cameraFindings(r.Cameras)...)
	if model == "" {
		return r
	}
	for _, name := range []string{engineNative, engineTensorFlow, engineFast} {
		if name != engineNative && !r.Findings[1].OK {
			continue
		}
		b, err := bench(ctx, benchFlags{model: model, engine: name, threads: 0, runs: 10})
		if err != nil {
			r.Findings = append(r.Findings, finding{model + " on " + name, false, err.Error()})
			continue
		}
		r.MS[name] = b.MS.Median
		r.Findings = append(r.Findings, finding{model + " on " + name, true, fmt.Sprintf("%.2f ms per inference on %d threads", b.MS.Median, b.Threads)})
	}
	return r
}

// cameraFindings is a line for each camera, by its stable name, and for each of
// its formats with all sizes.
func cameraFindings(all []v4l2.Found) []finding {
	if len(all) == 0 {
		return []finding{{"camera", false, "none is plugged in"}}
	}
	var found []finding
	for _, c := range all {
		name := append(slices.Clone(c.Names), c.Path)[0]
		if c.Err != nil {
			found = append(found, finding{"camera " + name, false, c.Path + ": " + c.Err.Error()})
			continue
		}
		found = append(found, finding{"camera " + name, true, fmt.Sprintf("%s on %s, %s", c.Card, c.Bus, c.Path)})
		for _, f := range c.Formats {
			var sizes []string
			for _, s := range f.Sizes {
				sizes = append(sizes, s.String())
			}
			found = append(found, finding{"camera " + name + " " + f.Code, f.Supported, strings.Join(sizes, ", ")})
		}
	}
	return found
}

// cpuFeatures names the instruction sets that the kernels care for.
func cpuFeatures() []string {
	found := []string{}
	for _, f := range []struct {
		name string
		has  bool
	}{
		{"avx", cpu.X86.HasAVX}, {"avx2", cpu.X86.HasAVX2}, {"avx512f", cpu.X86.HasAVX512F}, {"avx512vnni", cpu.X86.HasAVX512VNNI}, {"avx512vbmi", cpu.X86.HasAVX512VBMI},
		{"asimd", cpu.ARM64.HasASIMD}, {"asimddp", cpu.ARM64.HasASIMDDP},
	} {
		if f.has {
			found = append(found, f.name)
		}
	}
	return found
}

func printDoctor(w io.Writer, r *doctorReport) error {
	fmt.Fprintf(w, "winnow %s on %s, processor: %s\n", r.Version, r.System, strings.Join(r.CPU, " "))
	for _, f := range r.Findings {
		mark := "ok     "
		if !f.OK {
			mark = "missing"
		}
		if _, err := fmt.Fprintf(w, "%s  %s: %s\n", mark, f.What, f.Detail); err != nil {
			return err
		}
	}
	return nil
}

// statusMB is a field of proc(5)'s status in MB, 0 where it is not there.
func statusMB(status, field string) float64 {
	for line := range strings.Lines(status) {
		var kb float64
		if rest, ok := strings.CutPrefix(line, field); ok {
			if _, err := fmt.Sscanf(strings.TrimSpace(rest), "%f kB", &kb); err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
