package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"winnow/edge"
	"winnow/edge/store/recording"
	"winnow/infer"
	"winnow/models"
)

type replayFlags struct {
	verify, engine string
	threads        int
	json           bool
}

func replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay --verify DIR",
		Short: "Judge recorded frames again: every score must be equal to the bit",
		Long: "Replay takes a folder that `run --record` or `demo --record` wrote, judges every frame again with\n" +
			"the package that lies in it, and compares verdict and scores to the bit, on any processor.\n" +
			"Damage is reported with its place; the exit code is 0 only if all is whole and equal.",
		Example: "  winnow run --config station.toml --record rec/\n  winnow replay --verify rec/\n  winnow replay --verify rec/ --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.verify == "" {
				return usagef("--verify is needed: the folder of a recording")
			}
			return runReplay(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.verify, "verify", "", "folder of a recording")
	fs.StringVar(&f.engine, "engine", engineNative, "auto, native or tensorflow")
	threadsVar(c, &f.threads, 0, "threads to use")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	return c
}

// replayed is what `replay --json` prints.
type replayed struct {
	Recording string      `json:"recording"`
	Engine    string      `json:"engine"`
	Models    []string    `json:"models"` // SHA-256 of the packages, as recorded
	Segments  int         `json:"segments"`
	Frames    int         `json:"frames"`
	Equal     int         `json:"equal"`
	Different []different `json:"different"` // the first few
	Faults    []string    `json:"faults"`
	Dropped   uint64      `json:"dropped"` // by the recorder while the disk did not keep up
}

// different is a frame that did not score as recorded.
type different struct {
	Segment int          `json:"segment"`
	Record  uint64       `json:"record"`
	ID      edge.EventID `json:"id"`
	What    string       `json:"what"`
}

// maxDifferent is how many different frames are listed.
const maxDifferent = 20

// verifier judges the parts of a recording again. It implements recording.Visitor.
type verifier struct {
	ctx     context.Context // of the one command that it lives in
	flags   replayFlags
	judges  map[string]*infer.Judge
	judge   *infer.Judge
	head    recording.Head
	verdict edge.Verdict
	result  replayed
	dropped uint64 // of the boot at hand
	read    int64
	total   int64
	bar     *progress
}

func runReplay(ctx context.Context, f replayFlags, out, log io.Writer) error {
	total, err := recording.Total(f.verify)
	if err != nil {
		return err
	}
	v := &verifier{
		ctx: ctx, flags: f, judges: map[string]*infer.Judge{}, total: total, bar: newProgress(log),
		result: replayed{Recording: f.verify, Models: []string{}, Different: []different{}, Faults: []string{}},
	}
	defer v.close()
	err = recording.Read(f.verify, v)
	v.bar.finish()
	if err != nil {
		return err
	}
	v.result.Dropped += v.dropped
	if f.json {
		err = writeJSON(out, v.result)
	} else {
		err = v.result.print(out)
	}
	return errors.Join(err, v.result.failure())
}

func (v *verifier) close() {
	for _, j := range v.judges {
		_ = j.Close()
	}
}

// Head loads the segment's package, once.
func (v *verifier) Head(h *recording.Head) error {
	if h.Boot != v.head.Boot {
		v.result.Dropped += v.dropped
		v.dropped = 0
	}
	v.head = *h
	v.result.Segments++
	if v.judge = v.judges[h.Package]; v.judge != nil {
		return nil
	}
	path := filepath.Join(v.flags.verify, recording.ModelName(h.Package))
	p, err := models.ReadFile(path)
	if err != nil {
		return fmt.Errorf("the package that judged: %w", err)
	}
	if p.Digest() != h.Package {
		return fmt.Errorf("%s is not the package that judged: its SHA-256 is %.16s…, the recording says %.16s…", path, p.Digest(), h.Package)
	}
	j, e, err := openJudge(p, v.flags.engine, "", judgeThreads(v.flags.threads))
	if err != nil {
		return err
	}
	v.judge, v.judges[h.Package] = j, j
	v.result.Models = append(v.result.Models, h.Package)
	v.result.Engine = e.Name()
	return nil
}

// Part judges one frame again.
func (v *verifier) Part(p *recording.Part, f *edge.Frame) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	regions := v.verdict.Regions[:0]
	v.verdict = edge.Verdict{Regions: regions}
	err := v.judge.Judge(f, &v.verdict)
	var again recording.Part
	again.SetVerdict(&v.verdict, err)
	v.result.Frames++
	v.dropped = p.Dropped
	if what := p.Difference(&again); what == "" {
		v.result.Equal++
	} else if len(v.result.Different) < maxDifferent {
		v.result.Different = append(v.result.Different, different{v.head.Segment, p.Record, p.ID, what})
	}
	v.read += int64(len(f.Pix))
	v.bar.update("judging again", int(v.read>>10), int(v.total>>10))
	return nil
}

// Fault implements recording.Visitor.
func (v *verifier) Fault(f *recording.Fault) {
	v.result.Faults = append(v.result.Faults, f.Error())
}

// failure is nil if all is whole and equal.
func (r *replayed) failure() error {
	var errs []error
	if n := r.Frames - r.Equal; n > 0 {
		d := r.Different[0]
		errs = append(errs, fmt.Errorf("%d of %d frames do not score as recorded; the first is record %d in segment %d (part %v): %s", n, r.Frames, d.Record, d.Segment, d.ID, d.What))
	}
	if n := len(r.Faults); n > 0 {
		errs = append(errs, fmt.Errorf("the recording is damaged in %d places; the first: %s", n, r.Faults[0]))
	}
	if len(errs) == 0 && r.Frames == 0 {
		return fmt.Errorf("%s holds no frame", r.Recording)
	}
	return errors.Join(errs...)
}

func (r *replayed) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d frames in %d segments judged again on engine %s: %d equal to the bit\n", r.Frames, r.Segments, r.Engine, r.Equal)
	if r.Dropped > 0 {
		fmt.Fprintf(w, "  %d frames had not been recorded: the disk did not keep up\n", r.Dropped)
	}
	for _, d := range r.Different {
		fmt.Fprintf(w, "  different: segment %d record %d part %v: %s\n", d.Segment, d.Record, d.ID, d.What)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "  damaged: %s\n", f)
	}
	return err
}
