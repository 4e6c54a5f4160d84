package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/spf13/pflag"

	"winnow/edge"
	"winnow/edge/store/recording"
	"winnow/infer"
)

// recordFlags say where judged frames are recorded.
type recordFlags struct {
	dir string
	mb  int
}

func (f *recordFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.dir, "record", "", "record every judged frame and its scores in this folder, for `replay --verify`")
	fs.IntVar(&f.mb, "record-mb", 1024, "MiB that a recording may take; the oldest frames go first")
}

func (f *recordFlags) check() error {
	if f.dir != "" && f.mb < 16 {
		return usagef("--record-mb %d is too few: at least 16", f.mb)
	}
	return nil
}

// recorder is a recording that is being written.
type recorder struct {
	*recording.Writer
	dir  string
	stop func()
	done sync.WaitGroup
	err  error
}

// start begins to record what j judges, or returns nil where nothing is asked for.
func (f *recordFlags) start(ctx context.Context, j *infer.Judge, engine string, who edge.EventID, clk edge.Clock, waiting int, log *slog.Logger) (*recorder, error) {
	if f.dir == "" {
		return nil, nil
	}
	p := *j.Package() // its bytes as it is in force: the configuration may have set its region
	model := p.ShortDigest()
	b, err := p.Bytes()
	if err != nil {
		return nil, err
	}
	w, err := recording.Create(recording.Options{
		Dir: f.dir, Bytes: int64(f.mb) << 20, Waiting: waiting, Model: b, Clock: clk, Log: log,
		Head: recording.Head{Program: program(), Engine: engine, Device: who.Device, Boot: who.Boot, Model: model},
	})
	if err != nil {
		return nil, err
	}
	r := &recorder{Writer: w, dir: f.dir}
	// The recording outlives the line by what is still in memory.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = cancel
	r.done.Go(func() { r.err = w.Run(inner) })
	return r, nil
}

// writer is nil for no recording.
func (r *recorder) writer() *recording.Writer {
	if r == nil {
		return nil
	}
	return r.Writer
}

// finish writes what is in memory and says what the recording has come to; ""
// for no recording.
func (r *recorder) finish() string {
	if r == nil {
		return ""
	}
	r.stop()
	r.done.Wait()
	s := r.Stats()
	text := fmt.Sprintf("recorded %d frames in %s", s.Written, r.dir)
	if s.Dropped > 0 {
		text += fmt.Sprintf("; %d were dropped: the disk did not keep up", s.Dropped)
	}
	if r.err != nil {
		text += fmt.Sprintf("; the last segment is not whole: %v", r.err)
	}
	return text
}
