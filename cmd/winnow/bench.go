package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/infer"
	"winnow/infer/native"
	"winnow/infer/tf"
	"winnow/infer/tf/lazy"
	"winnow/models"
)

// benchFlags of `winnow bench`.
type benchFlags struct {
	model, engine string
	threads, runs int
	part, json    bool
	line          bool
}

// benchReport is what `bench --json` prints.
type benchReport struct {
	Model   string        `json:"model"`
	Engine  string        `json:"engine"`
	Kernel  string        `json:"kernel"`
	Threads int           `json:"threads"`
	Runs    int           `json:"runs"`
	Of      string        `json:"of"` // graph, or part: frame to verdict
	MS      spread        `json:"ms"`
	MACs    int64         `json:"macs"`
	GMACs   float64       `json:"gmacs_per_s"` // at the median
	LoadMS  float64       `json:"load_ms"`
	PeakMB  float64       `json:"peak_rss_mb"`
	Encoder *benchEncoder `json:"encoder,omitempty"` // with --part
	Layers  []benchLayer  `json:"layers"`            // empty where the engine cannot time them
}

type spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
}

type benchLayer struct {
	Name    string  `json:"name"`
	Op      string  `json:"op"`
	Shape   string  `json:"shape"`
	MACs    int64   `json:"macs"`
	Density float64 `json:"density"`
	Kernel  string  `json:"kernel"`
	MS      float64 `json:"ms"`
}

func benchCommand() *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use: "bench --model FILE.tflite", Short: "Time a model on an engine, layer by layer",
		Long:    "Bench times any .tflite file, a model package or a foreign one, on noise.",
		Example: "  winnow bench --model part.tflite\n  winnow bench --model part.tflite --part             frame to verdict\n  winnow bench --line --runs 3000                     trigger to output, five minutes\n  winnow bench --model part.tflite --engine tensorflow --threads 1 --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.model == "" && !f.line {
				return usagef("--model is needed")
			}
			if f.part && f.line {
				return usagef("--part and --line are two benches: give one")
			}
			if f.runs < 1 {
				return usagef("--runs %d: at least 1 is needed", f.runs)
			}
			if f.line {
				return benchTheLine(c, f)
			}
			r, err := bench(c.Context(), f)
			if err != nil {
				return err
			}
			if f.json {
				return writeJSON(c.OutOrStdout(), r)
			}
			return printBench(c.OutOrStdout(), r)
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.model, "model", "", ".tflite file to time")
	fs.StringVar(&f.engine, "engine", engineAuto, "auto, native, tensorflow or tensorflow-fast")
	threadsVar(c, &f.threads, 1, "threads to use")
	fs.IntVar(&f.runs, "runs", 50, "runs to time")
	fs.BoolVar(&f.part, "part", false, "time frame to verdict, and beside it the encoder alone, instead of the graph alone; needs a model package")
	fs.BoolVar(&f.line, "line", false, "time trigger to output of a whole station on simulated lines, ten parts a second; without --model it is taught on drawn parts")
	fs.BoolVar(&f.json, "json", false, "print the figures as JSON")
	return c
}

// bench loads the model and times it.
func bench(ctx context.Context, f benchFlags) (*benchReport, error) {
	dropStartCode()
	r := &benchReport{Model: f.model, Threads: judgeThreads(f.threads), Runs: f.runs, Of: "graph", Layers: []benchLayer{}}
	start := time.Now()
	var once func() error
	var e infer.Engine
	var s infer.Session
	var graph []byte
	if f.part {
		p, err := models.ReadFile(f.model)
		if err != nil {
			return nil, err
		}
		j, engine, err := openJudge(p, f.engine, "", r.Threads)
		if err != nil {
			return nil, err
		}
		defer j.Close()
		r.Of, e, s, once, graph = "part", engine, j.Session(), onePart(j), p.Graph
	} else {
		b, err := models.ReadLimited(f.model)
		if err != nil {
			return nil, err
		}
		if e, s, err = openSession(b, f.engine, r.Threads); err != nil {
			return nil, fmt.Errorf("%s: %w", f.model, err)
		}
		defer s.Close()
		fillNoise(s)
		once = s.Run
	}
	r.LoadMS = milliseconds(time.Since(start))
	run := once
	once = func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return run()
	}
	var err error
	if f.part {
		r.MS, r.Encoder, err = benchBeside(graph, s, e, r.Threads, f.runs, once)
	} else {
		r.MS, err = timeRuns(once, f.runs)
	}
	if err != nil {
		return nil, err
	}
	r.PeakMB = peakMB()
	r.Engine, r.Kernel = e.Name(), e.Name()
	if err := r.profile(s); err != nil {
		return nil, err
	}
	return r, r.count(f.model)
}

// openSession loads any .tflite file on the first engine that can run it.
func openSession(model []byte, name string, threads int) (infer.Engine, infer.Session, error) {
	openers, err := engines(name, "")
	if err != nil {
		return nil, nil, err
	}
	var last error
	for _, open := range openers {
		e, err := open()
		if err == nil {
			s, err := e.Load(model, infer.Options{Threads: threads})
			if err == nil {
				return e, s, nil
			}
			last = err
			continue
		}
		if last == nil {
			last = err
		}
	}
	return nil, nil, last
}

// fillNoise writes the same numbers into every input on every machine.
func fillNoise(s infer.Session) {
	r := rand.New(rand.NewPCG(1, 1))
	for i, t := range s.Inputs() {
		if t.Type == infer.Float32 {
			continue // zeros: random bits may be no numbers
		}
		for k := range s.Input(i) {
			s.Input(i)[k] = byte(r.Uint32())
		}
	}
}

// onePart judges a frame of noise twice the size of the graph's input.
func onePart(j *infer.Judge) func() error {
	shape := j.Session().Inputs()[0].Shape
	w, h := 2*shape[2], 2*shape[1]
	if r := j.Package().Manifest.Preprocess.ROI; r != nil && r[2] <= config.MaxSide && r[3] <= config.MaxSide { // else no frame holds it
		w, h = max(w, r[2]), max(h, r[3])
	}
	f := &edge.Frame{Width: w, Height: h, Stride: 3 * w, Format: edge.RGB24, Pix: make([]byte, 3*w*h)}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range f.Pix {
		f.Pix[i] = byte(128 + r.IntN(32))
	}
	var v edge.Verdict
	return func() error { return j.Judge(f, &v) }
}

// timeRuns runs once to warm up and then n times.
func timeRuns(once func() error, n int) (spread, error) {
	ms := make([]float64, 0, n+1)
	for range n + 1 {
		start := time.Now()
		if err := once(); err != nil {
			return spread{}, err
		}
		ms = append(ms, milliseconds(time.Since(start)))
	}
	return spreadOf(ms[1:]), nil
}

// profile fills in the layers where the engine times them.
func (r *benchReport) profile(s infer.Session) error {
	p, ok := s.(infer.Profiler)
	if !ok {
		if info, err := tf.Probe(tf.Config{Load: lazy.Loader("")}); err == nil {
			r.Kernel = "libtensorflow " + info.Version
		}
		return nil
	}
	layers, err := p.Profile(min(r.Runs, 10))
	for _, l := range layers {
		r.MACs += l.MACs
		r.Layers = append(r.Layers, benchLayer{l.Name, l.Op, l.Shape, l.MACs, l.Density, l.Kernel, milliseconds(l.Time)})
		if l.MACs > 0 && r.Kernel == r.Engine {
			r.Kernel = l.Kernel
		}
	}
	r.rate()
	return err
}

// count takes the multiply-accumulates from native where the engine does not
// tell them; what native cannot run stays uncounted.
func (r *benchReport) count(model string) error {
	if len(r.Layers) > 0 {
		return nil
	}
	b, err := models.ReadLimited(model)
	if err != nil {
		return err
	}
	s, err := native.New().Load(b, infer.Options{Threads: 1})
	if err != nil {
		return nil
	}
	defer s.Close()
	layers, err := s.(infer.Profiler).Profile(1)
	for _, l := range layers {
		r.MACs += l.MACs
	}
	r.rate()
	return err
}

func (r *benchReport) rate() { r.GMACs = float64(r.MACs) / r.MS.Median / 1e6 }

func printBench(w io.Writer, r *benchReport) error {
	fmt.Fprintf(w, "%s on %s (%s), %d threads, %d runs of the %s\n", r.Model, r.Engine, r.Kernel, r.Threads, r.Runs, r.Of)
	fmt.Fprintf(w, "%.2f ms at best, %.2f median, %.2f p99; %.0f MMAC, %.1f GMAC/s; loaded in %.0f ms, %.0f MB at most\n",
		r.MS.Min, r.MS.Median, r.MS.P99, float64(r.MACs)/1e6, r.GMACs, r.LoadMS, r.PeakMB)
	r.Encoder.print(w)
	for _, l := range r.Layers {
		fmt.Fprintf(w, "%8.3f ms  %7.2f MMAC  %4.0f %%  %-24s %-26s %s\n", l.MS, float64(l.MACs)/1e6, 100*l.Density, l.Op, l.Shape, l.Kernel)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// peakMB is the process's peak resident memory (proc(5), VmHWM), 0 where the
// system does not tell it.
func peakMB() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return statusMB(string(b), "VmHWM:")
}
