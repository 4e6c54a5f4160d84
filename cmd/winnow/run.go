package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"

	"github.com/spf13/cobra"

	"winnow/cmd/winnow/internal/station"
	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/clock"
	"winnow/edge/config"
	"winnow/edge/store/recording"
	"winnow/infer"
	"winnow/models"
)

func runCommand() *cobra.Command {
	var path, level string
	var record recordFlags
	c := &cobra.Command{
		Use:   "run --config FILE",
		Short: "Inspect: camera, judge, actuators and MQTT as the configuration says",
		Long: "Run is the station itself. It ends cleanly on Ctrl-C or SIGTERM: outputs return to their safe\n" +
			"level and the broker is told \"stopped\".",
		Example: "  winnow config init station.toml\n  winnow run --config station.toml\n  winnow run --config station.toml --log-level debug\n  winnow run --config station.toml --record rec/      judged frames and scores, for `winnow replay --verify rec/`",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if path == "" {
				return usagef("--config is needed; `winnow config init station.toml` writes one that runs as it is")
			}
			if err := record.check(); err != nil {
				return err
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
			return runStation(c.Context(), cfg, record, c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&path, "config", "", "configuration file")
	c.Flags().StringVar(&level, "log-level", "", "debug, info, warn or error instead of the configuration's")
	record.add(c.Flags())
	return c
}

// runStation requests the outputs, loads the model and inspects.
func runStation(ctx context.Context, cfg *config.Config, record recordFlags, stderr io.Writer) error {
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cfg.Device.LogLevel.Slog()}))
	clk, err := clock.NewSystem()
	if err != nil {
		return err
	}
	l := &loader{cfg: cfg, log: log, recording: record.dir != ""}
	s, err := station.Open(station.Options{Config: cfg, Clock: clk, Log: log, Version: version, Load: l.load})
	if err != nil {
		return err
	}
	defer s.Close()
	recipe, path, err := station.Chosen(cfg)
	if err != nil {
		return err
	}
	if path != cfg.Model.Path {
		log.Warn("a recipe that the command \"recipe\" chose is in force, not the configuration's", "recipe", recipe, "file", path)
	}
	j, e, err := l.first(ctx, path, stderr)
	if err != nil {
		return err
	}
	defer j.Close()
	rec, err := record.start(ctx, j, e.Name(), edge.EventID{Device: cfg.Device.ID, Boot: s.Boot()}, clk, 0, log)
	if err != nil {
		return err
	}
	defer func() {
		if said := rec.finish(); said != "" {
			log.Info(said)
		}
	}()
	m, err := stationModel(j, rec.writer())
	if err != nil {
		return err
	}
	m.Recipe = recipe
	defer spareProcessors()()
	return s.Run(ctx, m)
}

// stationModel is j as a station judges with it.
func stationModel(j *infer.Judge, rec *recording.Writer) (station.Model, error) {
	w, err := watch.New(j, watch.Options{Record: rec, Lots: rand.Uint64()})
	return station.Model{
		Judge: w, Bare: j, Watch: w, Close: j.Close,
		Digest: j.Package().ShortDigest(), Certificate: j.Package().Calibration.Certificate,
	}, err
}

// loader loads the packages that a station judges with.
type loader struct {
	cfg       *config.Config
	log       *slog.Logger
	recording bool
}

// first loads the package that the station begins with, or teaches on the drawn line.
func (l *loader) first(ctx context.Context, path string, stderr io.Writer) (*infer.Judge, infer.Engine, error) {
	if err := engineIsThere(string(l.cfg.Model.Engine), l.cfg.Model.LibTensorFlow); err != nil {
		return nil, nil, err
	}
	p, err := stationPackage(ctx, l.cfg, path, l.log, stderr)
	if err != nil {
		return nil, nil, err
	}
	return l.open(p)
}

// load is a station.Loader.
func (l *loader) load(_ context.Context, path string) (station.Model, error) {
	if l.recording {
		return station.Model{}, errors.New("this run is recorded (--record): a recording is of one package, so that replay can verify it")
	}
	p, err := models.ReadFile(path)
	if err != nil {
		return station.Model{}, err
	}
	j, _, err := l.open(p)
	if err != nil {
		return station.Model{}, err
	}
	m, err := stationModel(j, nil)
	if err != nil {
		return m, errors.Join(err, j.Close())
	}
	return m, nil
}

// open loads p on the configured engine.
func (l *loader) open(p *models.Package) (*infer.Judge, infer.Engine, error) {
	cfg, log := l.cfg, l.log
	if r := cfg.Camera.ROI; r != (config.Area{}) && cfg.Camera.Kind != config.CameraV4L2 {
		p.Manifest.Preprocess.ROI = &[4]int{r.X, r.Y, r.X + r.Width, r.Y + r.Height}
	}
	j, e, err := openJudge(p, string(cfg.Model.Engine), cfg.Model.LibTensorFlow, judgeThreads(cfg.Model.Threads))
	if err != nil {
		return nil, nil, err
	}
	log.Info("model loaded", "model", p.ShortDigest(), "recipe", p.Manifest.Recipe, "engine", e.Name(), "taught", p.Manifest.Taught.Parts)
	return j, e, nil
}

func stationPackage(ctx context.Context, cfg *config.Config, path string, log *slog.Logger, stderr io.Writer) (*models.Package, error) {
	if path != "" {
		return models.ReadFile(path)
	}
	log.Info("no model is configured: teaching on drawn parts")
	ex, err := newDrawn(cfg.Camera.Seed, 60, 0)
	if err != nil {
		return nil, err
	}
	return teachExhibit(ctx, ex, demoFlags{threads: cfg.Model.Threads}, stderr)
}
