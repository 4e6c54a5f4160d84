package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"winnow/cmd/winnow/internal/station"
	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/line"
	"winnow/gpio"
	"winnow/gpio/sim"
	"winnow/infer"
	"winnow/infer/fit"
	"winnow/models"
	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

type demoFlags struct {
	parts, teach int
	seed         uint64
	engine       string
	data         string
	scores       string
	out          string
	product      string
	drift        string
	write        string
	threads      int
	json         bool
	record       recordFlags
}

func demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "A whole inspection: teach, judge, reject, tell",
		Long: "Demo draws a production line (or takes pictures), teaches on good parts, judges the rest, fires\n" +
			"reject pulses on a simulated output, publishes over MQTT to a broker of its own, and counts all of it.",
		Example: "  winnow demo\n  winnow demo --parts 300 --seed 7 --json\n  winnow demo --data mtd/                  a folder in MVTec layout\n  winnow demo --data conveyor.gif          taught on its first frames\n  winnow demo --write line/ --teach 300    the drawn line as pictures for teach and eval",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.parts < 0 || f.teach < fit.MinParts {
				return usagef("--parts must not be negative, and --teach is at least %d", fit.MinParts)
			}
			if err := checkProduct(f.product); err != nil {
				return err
			}
			if _, ok := driftOf(f.drift); !ok || f.drift != "" && f.data != "" {
				return usagef("--drift %q: it is light, focus, pose or product, and happens to drawn lines only", f.drift)
			}
			if err := f.record.check(); err != nil {
				return err
			}
			if f.write != "" {
				return writeDrawn(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
			}
			return runDemo(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.IntVar(&f.parts, "parts", 0, "parts to judge; 0 is 240 drawn parts, or every picture of --data")
	fs.IntVar(&f.teach, "teach", 120, "good parts that a drawn line is taught on")
	fs.Uint64Var(&f.seed, "seed", 1, "what is drawn, and the order of pictures")
	fs.StringVar(&f.engine, "engine", engineAuto, "auto, native or tensorflow")
	fs.StringVar(&f.data, "data", "", "folder of pictures or .gif animation instead of the drawn line")
	fs.StringVar(&f.scores, "scores", "", "write part, truth, decision and score of every part to this CSV file")
	fs.StringVar(&f.out, "out", "demo-out", "folder for heatmap pictures of rejected parts")
	fs.StringVar(&f.product, "product", "", "what a drawn line makes: gear, board or cap; gear if none is named")
	fs.StringVar(&f.drift, "drift", "", "what happens to a drawn line half way: light, focus, pose or product")
	fs.StringVar(&f.write, "write", "", "write the drawn line to this new folder as pictures in MVTec layout, and inspect nothing: --teach good parts, and --parts to judge, half of them defective")
	threadsVar(c, &f.threads, 0, "threads to use")
	fs.BoolVar(&f.json, "json", false, "print the figures as JSON")
	f.record.add(fs)
	return c
}

// Timing of the demo's simulated line. Parts pass as fast as they are judged,
// so the deadline only bounds a judge that hangs.
const (
	demoDeadline   = 5 * time.Minute
	demoRejectAt   = 30 * time.Millisecond // from decision to the actuator
	demoPulse      = time.Millisecond
	demoRejectLine = 1
	demoHeatmaps   = 12
)

func runDemo(ctx context.Context, f demoFlags, out, log io.Writer) error {
	if f.data == "" && f.parts == 0 {
		f.parts = 240
	}
	if err := errors.Join(engineIsThere(f.engine, ""), f.checkWritable()); err != nil { // before the line is taught
		return err
	}
	ex, err := openExhibit(f.data, f.product, f.drift, f.seed, f.teach, f.parts)
	if err != nil {
		return err
	}
	if ex.Parts() == 0 {
		return errNoParts
	}
	say := out
	if f.json {
		say = io.Discard
	}
	fmt.Fprintf(say, "Winnow %s: %s\n", version, ex.Title())
	p, err := teachExhibit(ctx, ex, f, log)
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "taught on %d good parts:\n  %s\n\n", p.Manifest.Taught.Parts, strings.ReplaceAll(fit.Promise(p.Calibration), "; ", ";\n  "))
	fmt.Fprintf(say, "part       verdict truth                    score  where (a score above %.2f is a reject)\n", p.Calibration.Threshold)
	judge, eng, err := openJudge(p, f.engine, "", judgeThreads(f.threads))
	if err != nil {
		return err
	}
	defer judge.Close()
	r, err := inspectExhibit(ctx, ex, f, judge, eng.Name(), say)
	if err != nil {
		return err
	}
	r.Engine = eng.Name()
	if f.json {
		return writeJSON(out, r)
	}
	return r.print(out, f.out)
}

// checkWritable tells before the work what could not be written after it.
func (f *demoFlags) checkWritable() error {
	for _, o := range []struct{ flag, dir string }{{"--out", f.out}, {"--record", f.record.dir}} {
		if st, err := os.Stat(o.dir); err == nil && !st.IsDir() {
			return usagef("%s %s is a file: name a folder", o.flag, o.dir)
		}
	}
	if f.scores == "" {
		return nil
	}
	if err := checkFolder(f.scores); err != nil {
		return err
	}
	return refuseFolder("--scores", f.scores)
}

// teachExhibit learns from the exhibit's good parts.
func teachExhibit(ctx context.Context, ex exhibit, f demoFlags, log io.Writer) (*models.Package, error) {
	open, err := engines(engineNative, "")
	if err != nil {
		return nil, err
	}
	eng, err := open[0]()
	if err != nil {
		return nil, err
	}
	bar := newProgress(log)
	defer bar.finish()
	frame := new(edge.Frame)
	var aspects []float64
	if ex.Teach() == 0 {
		return nil, fmt.Errorf("%s has no good parts to teach: they are looked for in train/good", f.data)
	}
	for i := range min(ex.Teach(), 16) {
		if err := ex.TeachPart(i, frame); err != nil {
			return nil, err
		}
		aspects = append(aspects, float64(frame.Width)/float64(frame.Height))
	}
	w, h := inputSize(aspects)
	t, err := newTeacher("demo", eng, judgeThreads(f.threads), w, h, f.teach)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	for i := range ex.Teach() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := ex.TeachPart(i, frame); err != nil {
			return nil, err
		}
		if err := t.Add(frame, i); err != nil {
			return nil, err
		}
		bar.update("looking at good parts", i+1, ex.Teach())
	}
	p, _, err := t.Fit(ctx, fit.Options{Progress: bar.update})
	return p, err
}

// demoLine is everything that stands around the line in a demo.
type demoLine struct {
	source  *exhibitSource
	watch   *watch.Watch
	judge   *infer.Judge // that is watched
	pulser  *gpio.Pulser
	clock   edge.Clock
	teller  *station.Voice
	report  *demoReport
	say     io.Writer
	out     string
	written int
	ms      []float64
	start   edge.Instant
}

// Act implements line.Actuator: a part that fires is pushed off the belt when
// it reaches the actuator.
func (d *demoLine) Act(v *edge.Verdict) {
	if v.Fires(true) {
		if err := d.pulser.Fire(v.ID.Seq, d.clock.Now().Add(demoRejectAt), demoPulse); err != nil {
			d.report.NoPulse++
		}
	}
}

// Record implements line.Recorder.
func (d *demoLine) Record(v *edge.Verdict, f *edge.Frame) bool {
	ok := d.teller.Part(v)
	d.ms = append(d.ms, float64(v.Latency())/1e6)
	if f == nil {
		return ok
	}
	t := d.source.truths[f.Seq]
	d.report.add(f.Seq, v, t)
	if v.Decision == edge.Accept {
		return ok
	}
	fmt.Fprintf(d.say, "part %4d  %-7s %-24s %5.1f  %s\n", f.Seq, v.Decision, t.verdict(v.Decision), v.Score.Fused, v.Brief())
	d.keep(f, v, t)
	return ok
}

// keep writes the heatmap picture of a rejected part, the first few of them.
func (d *demoLine) keep(f *edge.Frame, v *edge.Verdict, t truth) {
	if d.written >= demoHeatmaps || f.Flags != 0 || d.out == "" {
		return
	}
	name := fmt.Sprintf("part-%04d", f.Seq)
	if n := t.name(); n != "" {
		name += "-" + strings.ReplaceAll(n, "/", "-")
	}
	if err := writeHeatmap(filepath.Join(d.out, name+".png"), f, d.judge, v); err != nil {
		d.report.Notes = append(d.report.Notes, explain(err))
		d.out = ""
		return
	}
	d.written++
}

// inspectExhibit passes the exhibit's parts under the line.
func inspectExhibit(ctx context.Context, ex exhibit, f demoFlags, judge *infer.Judge, engine string, say io.Writer) (*demoReport, error) {
	clk, err := clock.NewSystem()
	if err != nil {
		return nil, err
	}
	chip := sim.NewChip(clk)
	reject, err := gpio.NewOutput(chip.Line(demoRejectLine), gpio.Polarity{})
	if err != nil {
		return nil, err
	}
	defer reject.Close()
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return nil, err
	}
	who := telemetry.Identity{Site: "demo", Line: "line-1", Device: "camera-1", Boot: "demo", Version: version}
	tell, err := station.StartVoice(ctx, who, clk, mqtt.Config{}, "127.0.0.1:0", new(telemetry.MemStore), telemetry.Limits{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer tell.Stop()
	var tally mqtt.Tally
	sub, err := tell.Listen(ctx, &tally)
	if err != nil {
		return nil, err
	}
	defer sub.Close()
	// A demo goes as fast as it can, so the recorder has more memory than a line gives it.
	rec, err := f.record.start(ctx, judge, engine, edge.EventID{Device: who.Device, Boot: who.Boot}, clk, 64, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	watched, err := watch.New(judge, watch.Options{Record: rec.writer(), Lots: f.seed})
	if err != nil {
		return nil, err
	}
	d := &demoLine{
		watch: watched, source: &exhibitSource{exhibit: ex, clock: clk}, judge: judge, clock: clk, teller: tell,
		pulser: gpio.NewPulser(reject, clk, gpio.PulserOptions{Capacity: 4096, Shift: true}),
		report: newDemoReport(), say: say, out: f.out, start: clk.Now(),
	}
	err = d.run(ctx)
	said := rec.finish()
	if err != nil {
		return nil, err
	}
	if said != "" {
		d.report.Notes = append(d.report.Notes, said)
	}
	return d.finish(ctx, f, chip.Line(demoRejectLine), &tally)
}

// run drives the line until the exhibit ends, with the pulser beside it.
func (d *demoLine) run(ctx context.Context) error {
	firing, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = d.pulser.Run(firing) }()
	defer func() { stop(); <-done }()
	m, err := line.NewMachine(
		line.Config{Device: "camera-1", Boot: "demo", Recipe: "demo", Model: d.judge.Package().ShortDigest(), Deadline: demoDeadline},
		line.Deps{Clock: d.clock, Judge: d.watch, Actuator: d, Recorder: d, Release: func(*edge.Frame) {}},
	)
	if err != nil {
		return err
	}
	void := ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, err := d.source.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		m.Frame(f)
		for j := m.Next(); j != nil; j = m.Next() {
			j.Err = j.Judge.Judge(j.Frame, &j.Verdict)
			j.Done = d.clock.Now()
			m.Judged(j)
		}
		if d.source.next == 1 {
			d.tellState(m)
		}
		if now := d.watch.Status(); now.Void != void {
			void = now.Void
			d.tellState(m)
			fmt.Fprintf(d.say, "part %4d  certificate VOID: %s\n", f.Seq, void)
		}
	}
	d.teller.Drift(station.DriftReport(d.watch.Status()))
	d.report.counts = m.Counts()
	d.teller.Counts(d.report.counts)
	return d.settle(ctx)
}

// tellState publishes state and certificate as they stand.
func (d *demoLine) tellState(m *line.Machine) {
	st, cert := m.Status(), d.watch.Certificate()
	d.teller.State(telemetry.LineState(st.State.String()), st.Reason, "demo", &cert)
}

// settle waits until the last pulse has fired.
func (d *demoLine) settle(ctx context.Context) error {
	for d.pulser.Pending() > 0 {
		if err := d.clock.SleepUntil(ctx, d.clock.Now().Add(demoRejectAt)); err != nil {
			return err
		}
	}
	return d.clock.SleepUntil(ctx, d.clock.Now().Add(2*demoPulse+demoRejectAt))
}

// finish collects what the line, the output and the subscriber have counted.
func (d *demoLine) finish(ctx context.Context, f demoFlags, pin *sim.Pin, tally *mqtt.Tally) (*demoReport, error) {
	wait, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := d.teller.Outbox.Drained(wait); err != nil {
		d.report.Notes = append(d.report.Notes, "not every record was acknowledged by the broker: "+err.Error())
	}
	if err := tally.Await(wait, "part", d.report.counts.Triggers); err != nil {
		d.report.Notes = append(d.report.Notes, err.Error())
	}
	r := d.report
	r.MQTTParts = tally.Count("part")
	r.Pulses = pin.Rises(gpio.High)
	r.Notes = append(r.Notes, d.source.skipped...)
	r.setDrift(d.watch)
	r.finish(d.ms)
	r.Seconds = d.clock.Now().Sub(d.start).Seconds()
	if f.scores == "" {
		return r, nil
	}
	return r, writeAtomic(f.scores, r.scores.Bytes())
}
