// Package station composes the inspection station that `winnow run` is: camera,
// triggers, line, outputs, records and the voice over MQTT. It is the only place
// besides cmd/winnow where rooms meet; it decides nothing itself.
package station

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/gpio/sim"
	"winnow/infer"
	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

// Options of a station.
type Options struct {
	Config  *config.Config
	Clock   edge.Clock
	Log     *slog.Logger
	Version string    // of the program, for messages
	Chip    *sim.Chip // the simulated lines; nil: some of its own
}

// Station is everything that runs together. Open it, Run it once, Close it.
type Station struct {
	cfg      *config.Config
	log      *slog.Logger
	clock    edge.Clock
	version  string
	chip     *sim.Chip
	boot     string
	watch    *watch.Watch
	judge    *infer.Judge // that is watched
	teller   *Voice
	pictures *store.Pictures
	rejects  *rejecter
	line     *line.Line
	cert     edge.Certificate
}

// Open checks the configuration against this machine and requests every output:
// from here on they are at their safe level.
func Open(o Options) (*Station, error) {
	if err := o.Config.Validate(config.WithChips(Chips)); err != nil {
		return nil, err
	}
	s := &Station{cfg: o.Config, log: o.Log, clock: o.Clock, version: o.Version, chip: o.Chip, boot: bootID()}
	if s.chip == nil {
		s.chip = sim.NewChip(o.Clock)
	}
	var err error
	s.rejects, err = newRejecter(s)
	return s, err
}

// Close returns the outputs to their safe level for good.
func (s *Station) Close() { s.rejects.Close() }

// Boot names this run of the station.
func (s *Station) Boot() string { return s.boot }

// Run inspects with a watched judge, which stays the caller's, until the
// camera's material ends or ctx does; both are success.
func (s *Station) Run(ctx context.Context, w *watch.Watch) error {
	s.watch, s.judge, s.cert = w, w.Model(), w.Model().Package().Calibration.Certificate
	return s.tellAndInspect(ctx)
}

// tellAndInspect runs the line between the birth and the death of its voice.
func (s *Station) tellAndInspect(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Records.Dir, 0o755); err != nil {
		return fmt.Errorf("records.dir: %w", err)
	}
	outbox, err := store.OpenOutbox(filepath.Join(s.cfg.Records.Dir, "outbox.db"))
	if err != nil {
		return err
	}
	defer outbox.Close()
	if why := outbox.Damaged(); why != "" {
		s.log.Warn("the outbox was damaged and begins anew", "why", why)
	}
	s.pictures, err = store.OpenPictures(filepath.Join(s.cfg.Records.Dir, "rejects"), store.PictureLimits{
		Count: s.cfg.Records.KeepRejects, Bytes: int64(s.cfg.Records.MaxMB) << 20,
	}, store.OS{}, s.log)
	if err != nil {
		return err
	}
	m := s.cfg.MQTT
	who := telemetry.Identity{Site: s.cfg.Device.Site, Line: s.cfg.Device.Line, Device: s.cfg.Device.ID, Boot: s.boot, Version: s.version}
	s.teller, err = StartVoice(ctx, who, s.clock, mqtt.Config{
		Broker: m.Broker, User: m.User, Password: m.Password, InFlight: m.InFlight,
		TLS: mqtt.TLS{CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile, ServerName: m.ServerName},
	}, m.Listen, outbox, telemetry.Limits{Records: m.OutboxRecords, Bytes: int64(m.OutboxMB) << 20}, s.log)
	if err != nil {
		return err
	}
	defer s.teller.Stop()
	s.teller.SetModel(s.judge.Package().ShortDigest())
	return s.inspect(ctx, who.Boot)
}

// bootID names this run of the program.
func bootID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// inspect runs the line until the camera's material ends or ctx does.
func (s *Station) inspect(ctx context.Context, boot string) error {
	src, triggered, announce, err := openSource(ctx, s)
	if err != nil {
		return err
	}
	defer src.Close()
	s.line, err = line.New(line.Config{
		Device: s.cfg.Device.ID, Boot: boot, Recipe: s.cfg.Recipe.Name, Model: s.judge.Package().ShortDigest(),
		Triggered: triggered, Deadline: s.cfg.Recipe.Deadline.Std(), FrameDelay: s.cfg.CameraDelay(),
	}, line.Deps{Clock: s.clock, Judge: s.watch, Actuator: s.rejects, Recorder: s, OnChange: s.changed}, src, line.Options{Beat: notifier("WATCHDOG=1")})
	if err != nil {
		return err
	}
	helpers, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.pictures.Run(helpers) })
	wg.Go(func() { s.rejects.Run(helpers) })
	wg.Go(func() { s.tellCounts(helpers) })
	if announce != nil {
		wg.Go(func() { announce(helpers, s.line) })
	}
	notifier("READY=1")()
	err = s.line.Run(ctx)
	s.rejects.drain(helpers)
	stop()
	wg.Wait()
	s.teller.Counts(s.line.Counts())
	s.sayGoodbye(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil // asked to stop: that is success
	}
	return err
}

// sayGoodbye gives the last records a moment to reach the broker.
func (s *Station) sayGoodbye(ctx context.Context) {
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.teller.Outbox.Drained(wait); err != nil {
		s.log.Warn("records wait for the broker; they are kept and sent at the next start", "records", s.teller.Outbox.Stats().Pending)
	}
	c := s.line.Counts()
	s.log.Info("stopped", "triggers", c.Triggers, "accept", c.Accept, "reject", c.Reject, "unsure", c.Unsure, "no_result", c.NoResult, "late", c.Late)
}

// Record implements line.Recorder.
func (s *Station) Record(v *edge.Verdict, f *edge.Frame) bool {
	ok := s.teller.Part(v)
	if f != nil && v.Decision != edge.Accept && s.cfg.Records.KeepRejects > 0 {
		ok = s.pictures.Offer(v, f) && ok
	}
	if v.Decision != edge.Accept {
		s.log.Debug("rejected", "part", v.ID.Seq, "reason", v.Reason, "score", v.Score.Fused, "threshold", v.Score.Threshold)
	}
	return ok
}

// changed tells the plant of a new state. It must not block.
func (s *Station) changed(st line.Status) {
	s.log.Info("line", "state", st.State.String(), "reason", st.Reason)
	s.teller.State(telemetry.LineState(st.State.String()), st.Reason, st.Recipe, &s.cert)
}

// tellCounts publishes the ledger once a second while it changes.
func (s *Station) tellCounts(ctx context.Context) {
	var last edge.Counts
	for first := true; s.clock.SleepUntil(ctx, s.clock.Now().Add(time.Second)) == nil; first = false {
		if c := s.line.Counts(); c != last || first {
			last = c
			s.teller.Counts(c)
		}
	}
}

// notifier tells systemd, where it started us, of our state (sd_notify).
func notifier(state string) func() {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return func() {}
	}
	return func() {
		c, err := net.Dial("unixgram", path)
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Write([]byte(state))
	}
}
