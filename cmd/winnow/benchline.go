package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"winnow/cmd/winnow/internal/station"
	"winnow/edge"
	"winnow/edge/line"
)

// lineBench is what `bench --line --json` prints. Times are in milliseconds.
type lineBench struct {
	Parts      int       `json:"parts"`
	Triggers   uint64    `json:"triggers"` // that the line saw
	PerSecond  float64   `json:"parts_per_s"`
	Pulses     int       `json:"pulses"` // counted on the wire
	Late       uint64    `json:"late"`
	Fired      uint64    `json:"fired"`       // what became of the pulses that the parts asked for
	Merged     uint64    `json:"merged"`      // one pulse for two parts that came close together
	Missed     uint64    `json:"missed"`      // too late to hit the part; alarmed
	OursP50    float64   `json:"ours_ms_p50"` // of trigger to edge, what better software would save
	OursShare  float64   `json:"ours_share_p50"`
	Confidence float64   `json:"confidence"` // of the bounds
	Cuts       []cutTime `json:"cuts"`
}

// cutTime is one stretch of the way from trigger to output.
type cutTime struct {
	Name  string   `json:"name"`
	Ours  bool     `json:"ours"`
	N     uint64   `json:"n"`
	P50   float64  `json:"p50"`
	P99   float64  `json:"p99"`
	P999  float64  `json:"p999"`
	Max   float64  `json:"max"`
	Bound *float64 `json:"p999_bound"` // of the line itself; null: too few parts to say (2995 are needed)
	Hist  []bin    `json:"histogram"`
}

// bin counts times that were at most UpToMS, and more than the one before.
type bin struct {
	UpToMS float64 `json:"up_to_ms"`
	N      uint64  `json:"n"`
}

// benchTheLine is `bench --line`.
func benchTheLine(c *cobra.Command, f benchFlags) error {
	r, err := benchLine(c.Context(), f, c.ErrOrStderr())
	if err != nil {
		return err
	}
	if f.json {
		return writeJSON(c.OutOrStdout(), r)
	}
	return r.print(c.OutOrStdout())
}

// linePeriod is ten parts a second.
const linePeriod = 100 * time.Millisecond

// benchLine passes parts under a whole station on simulated lines.
func benchLine(ctx context.Context, f benchFlags, stderr io.Writer) (*lineBench, error) {
	l, err := newLab(ctx, labOptions{model: f.model, engine: f.engine, threads: f.threads}, stderr)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var passed atomic.Int64
	defer showParts(ctx, l, stderr, &passed, f.runs)()
	plant := func(ctx context.Context, _ *station.Station) error {
		err := l.onTime(func(sleepUntil func(edge.Instant)) error {
			next := l.clock.Now()
			for i := range f.runs {
				next = next.Add(linePeriod)
				sleepUntil(next)
				l.part()
				sleepUntil(next.Add(linePeriod / 4))
				l.leave()
				if ctx.Err() != nil {
					return ctx.Err()
				}
				passed.Store(int64(i + 1))
			}
			return nil
		})
		if err != nil {
			return err
		}
		return l.clock.SleepUntil(ctx, l.clock.Now().Add(500*time.Millisecond)) // the last one is at the actuator
	}
	s, err := l.run(ctx, everyPartBad{l.judge}, plant)
	if err != nil {
		return nil, err
	}
	n := s.Pulses()
	r := &lineBench{
		Parts: f.runs, Triggers: s.Counts().Triggers, PerSecond: float64(time.Second) / float64(linePeriod), Pulses: l.wires()[0].pin.Rises(true),
		Late: s.Counts().Late, Fired: n.Fired, Merged: n.Merged, Missed: n.Missed, Confidence: 0.95,
	}
	for _, c := range s.Cuts() {
		r.add(c)
	}
	return r, nil
}

// showParts draws the progress bar beside the plant, which must not wait for it.
func showParts(ctx context.Context, l *lab, stderr io.Writer, passed *atomic.Int64, of int) (finish func()) {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		bar := newProgress(stderr)
		defer bar.finish()
		for l.clock.SleepUntil(ctx, l.clock.Now().Add(200*time.Millisecond)) == nil {
			bar.update("parts pass", int(passed.Load()), of)
		}
	})
	return func() { stop(); wg.Wait() }
}

// everyPartBad has every part fired at, so that each has an output edge; the
// model works as it would.
type everyPartBad struct{ judge line.Judge }

func (e everyPartBad) Judge(f *edge.Frame, v *edge.Verdict) error {
	err := e.judge.Judge(f, v)
	v.Decision, v.Reason = edge.Reject, edge.ReasonScore
	return err
}

func (r *lineBench) add(c station.Cut) {
	h := &c.Times
	t := cutTime{
		Name: c.Name, Ours: c.Ours, N: h.N, P50: millis(h.Quantile(0.5)), P99: millis(h.Quantile(0.99)), P999: millis(h.Quantile(0.999)), Max: millis(h.Max),
	}
	if b, ok := h.Bound(0.999, r.Confidence); ok {
		bound := millis(b)
		t.Bound = &bound
	}
	var below uint64
	for d := 16 * time.Microsecond; below < h.N; d *= 2 {
		n := h.Below(d)
		if n > below {
			t.Hist = append(t.Hist, bin{millis(d), n - below})
		}
		below = n
	}
	if c.Ours {
		r.OursP50 += t.P50
	}
	if c.Name == station.CutTotal && t.P50 > 0 {
		r.OursShare = r.OursP50 / t.P50
	}
	r.Cuts = append(r.Cuts, t)
}

func millis(d time.Duration) float64 { return float64(d) / 1e6 }

func (r *lineBench) print(w io.Writer) error {
	fmt.Fprintf(w, "%d parts at %.0f a second, %d triggers, %d verdicts late; %d pulses: %d fired, %d merged, %d missed\n%-14s %9s %9s %9s %9s  %s\n",
		r.Parts, r.PerSecond, r.Triggers, r.Late, r.Pulses, r.Fired, r.Merged, r.Missed,
		"stretch, ms", "p50", "p99", "p99.9", "max", "p99.9 at most, 95 % confidence")
	for _, c := range r.Cuts {
		bound := "too few parts: 2995 are needed"
		if c.Bound != nil {
			bound = fmt.Sprintf("%.3f", *c.Bound)
		}
		fmt.Fprintf(w, "%-14s %9.3f %9.3f %9.3f %9.3f  %s\n", c.Name, c.P50, c.P99, c.P999, c.Max, bound)
	}
	_, err := fmt.Fprintf(w, "ours: %.3f ms at the median (frame_score and due_edge), %.1f %% of the way; the rest is the camera's and the belt's\n", r.OursP50, 100*r.OursShare)
	return err
}
