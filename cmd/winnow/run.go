package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/gpio/sim"
	"winnow/infer"
	"winnow/models"
	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

func runCommand() *cobra.Command {
	var path, level string
	c := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Inspect: camera, judge, actuators and MQTT as the configuration says",
		Long: "Run is the station itself. It ends cleanly on Ctrl-C or SIGTERM: outputs return to their safe\n" +
			"level and the broker is told \"stopped\".",
		Example: "  winnow config init station.toml\n  winnow run --config station.toml\n  winnow run --config station.toml --log-level debug",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if path == "" {
				return usagef("--config is needed; `winnow config init station.toml` writes one that runs as it is")
			}
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			if level != "" {
				if err := cfg.Device.LogLevel.UnmarshalText([]byte(level)); err != nil {
					return usagef("--log-level: %w", err)
				}
			}
			return runStation(c.Context(), cfg, c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&path, "config", "", "configuration file")
	c.Flags().StringVar(&level, "log-level", "", "debug, info, warn or error instead of the configuration's")
	return c
}

// station is everything that run wires together.
type station struct {
	cfg      *config.Config
	log      *slog.Logger
	clock    edge.Clock
	chip     *sim.Chip
	judge    *infer.Judge
	teller   *teller
	pictures *store.Pictures
	rejects  *rejecter
	line     *line.Line
	cert     edge.Certificate
}

func runStation(ctx context.Context, cfg *config.Config, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cfg.Device.LogLevel.Slog()}))
	clk, err := clock.NewSystem()
	if err != nil {
		return err
	}
	s := &station{cfg: cfg, log: log, clock: clk, chip: sim.NewChip(clk)}
	if err := cfg.Validate(config.WithChips(gpioChips)); err != nil {
		return err
	}
	// Outputs first: from here on they are at their safe level.
	if s.rejects, err = newRejecter(s); err != nil {
		return err
	}
	defer s.rejects.Close()
	if err := s.openModel(ctx, stderr); err != nil {
		return err
	}
	defer s.judge.Close()
	return s.tellAndInspect(ctx)
}

// openModel loads the configured package, or teaches on the drawn line.
func (s *station) openModel(ctx context.Context, stderr io.Writer) error {
	p, err := s.modelPackage(ctx, stderr)
	if err != nil {
		return err
	}
	if r := s.cfg.Camera.ROI; r != (config.Area{}) && s.cfg.Camera.Kind != config.CameraV4L2 {
		p.Manifest.Preprocess.ROI = &[4]int{r.X, r.Y, r.X + r.Width, r.Y + r.Height}
	}
	j, e, err := openJudge(p, string(s.cfg.Model.Engine), s.cfg.Model.LibTensorFlow, judgeThreads(s.cfg.Model.Threads))
	if err != nil {
		return err
	}
	s.judge, s.cert = j, p.Calibration.Certificate
	s.log.Info("model loaded", "model", p.ShortDigest(), "recipe", p.Manifest.Recipe, "engine", e.Name(), "taught", p.Manifest.Taught.Parts)
	return nil
}

func (s *station) modelPackage(ctx context.Context, stderr io.Writer) (*models.Package, error) {
	if s.cfg.Model.Path != "" {
		return models.ReadFile(s.cfg.Model.Path)
	}
	s.log.Info("no model is configured: teaching on drawn parts")
	ex, err := newDrawn(s.cfg.Camera.Seed, 60, 0)
	if err != nil {
		return nil, err
	}
	return teachExhibit(ctx, ex, demoFlags{threads: s.cfg.Model.Threads}, stderr)
}

// tellAndInspect runs the line between the birth and the death of its voice.
func (s *station) tellAndInspect(ctx context.Context) error {
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
	who := telemetry.Identity{Site: s.cfg.Device.Site, Line: s.cfg.Device.Line, Device: s.cfg.Device.ID, Boot: bootID(), Version: version}
	s.teller, err = startTelling(ctx, who, s.clock, mqtt.Config{
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
func (s *station) inspect(ctx context.Context, boot string) error {
	src, triggered, announce, err := openSource(ctx, s)
	if err != nil {
		return err
	}
	defer src.Close()
	s.line, err = line.New(line.Config{
		Device: s.cfg.Device.ID, Boot: boot, Recipe: s.cfg.Recipe.Name, Model: s.judge.Package().ShortDigest(),
		Triggered: triggered, Deadline: s.cfg.Recipe.Deadline.Std(), FrameDelay: s.cfg.CameraDelay(),
	}, line.Deps{Clock: s.clock, Judge: s.judge, Actuator: s.rejects, Recorder: s, OnChange: s.changed}, src, line.Options{Beat: notifier("WATCHDOG=1")})
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
func (s *station) sayGoodbye(ctx context.Context) {
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.teller.outbox.Drained(wait); err != nil {
		s.log.Warn("records wait for the broker; they are kept and sent at the next start", "records", s.teller.outbox.Stats().Pending)
	}
	c := s.line.Counts()
	s.log.Info("stopped", "triggers", c.Triggers, "accept", c.Accept, "reject", c.Reject, "unsure", c.Unsure, "no_result", c.NoResult, "late", c.Late)
}

// Record implements line.Recorder.
func (s *station) Record(v *edge.Verdict, f *edge.Frame) bool {
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
func (s *station) changed(st line.Status) {
	s.log.Info("line", "state", st.State.String(), "reason", st.Reason)
	s.teller.State(telemetry.LineState(st.State.String()), st.Reason, st.Recipe, &s.cert)
}

// tellCounts publishes the ledger once a second while it changes.
func (s *station) tellCounts(ctx context.Context) {
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
