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
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"winnow/capture"
	"winnow/capture/v4l2"
	"winnow/cmd/winnow/internal/recalibrate"
	"winnow/cmd/winnow/internal/watch"
	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/health"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/gpio"
	"winnow/gpio/sim"
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
	// Source stands in for the configured camera, and gives a frame for each
	// trigger where Triggered; nil: the configured one.
	Source    capture.Source
	Triggered bool
	// Open stands in for the configured camera as Source does, and is opened again
	// when it fails, as a V4L2 camera is.
	Open capture.Opener
	// Load loads the packages that the command "recipe" asks for; nil: it is refused.
	Load Loader
	// Wrap, if not nil, comes between the station and each of its lines.
	Wrap func(gpio.PinIO) gpio.PinIO
}

// Station is everything that runs together. Open it, Run it once, Close it.
type Station struct {
	cfg     *config.Config
	log     *slog.Logger
	journal *journal
	clock   edge.Clock
	version string
	boot    string
	chip    *sim.Chip
	wrap    func(gpio.PinIO) gpio.PinIO
	source  capture.Source // nil: opened by open
	open    capture.Opener // nil: the configured camera

	camera atomic.Pointer[v4l2.Camera] // nil: none is open

	outs      *outputs
	plc       *plc
	pump      *pump
	inputs    []*input
	confirm   *gpio.Confirmer // nil: no sensor
	triggers  *triggers
	triggered bool // parts are announced by triggers, not by frames
	modes     *modes
	gate      *telemetry.Gate // of commands, whichever way they come
	times     *times
	health    *health.Tracker

	challenges *line.Challenges // nil: none are asked for
	curve      line.Curve       // of parts judged in shadow mode

	load     Loader
	model    atomic.Pointer[force]
	swapping sync.Mutex             // one change of recipe at a time
	helpers  helpers                // of the run
	fresh    atomic.Pointer[string] // model that the latest recalibration is of; nil: there was none
	teller   *Voice
	pictures *store.Pictures
	keeper   *keeper
	line     *line.Line
	running  atomic.Bool // line is there and takes commands
	telling  sync.Mutex  // of the state: its latest is told last

	collected chan *recalibrate.Collector // fresh parts for a new threshold
}

// Open checks the configuration against this machine and requests every line:
// from here on outputs are at their safe level.
func Open(o Options) (*Station, error) {
	if err := o.Config.Validate(config.WithChips(Chips)); err != nil {
		return nil, err
	}
	s := &Station{
		cfg: o.Config, log: o.Log, clock: o.Clock, version: o.Version, boot: bootID(), chip: o.Chip, wrap: o.Wrap,
		source: o.Source, open: o.Open, load: o.Load, triggered: o.Triggered, times: new(times), pump: &pump{clock: o.Clock},
		collected: make(chan *recalibrate.Collector, 1),
	}
	if s.chip == nil {
		s.chip = sim.NewChip(o.Clock)
	}
	s.health = health.New(o.Clock, s.unwell)
	s.gate = telemetry.NewGate(o.Clock, s.boot)
	mode, err := startMode(o.Config)
	if err != nil {
		return nil, err
	}
	s.modes = &modes{s: s, mode: mode}
	s.journal = newJournal(o.Log.Handler())
	s.log = slog.New(s.journal)
	if err := s.openLines(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openLines requests outputs first, then inputs.
func (s *Station) openLines() error {
	var err error
	if s.outs, err = openOutputs(s); err != nil {
		return err
	}
	s.outs.hold(s.modes.holds())
	s.pump.ticks = append(s.pump.ticks, s.plc.tick)
	if err = s.openInputLines(); err != nil {
		return err
	}
	s.triggers, err = openTriggers(s)
	return err
}

// Close returns the outputs to their safe level for good.
func (s *Station) Close() {
	if s.outs != nil {
		s.outs.Close()
	}
	if s.triggers != nil {
		s.triggers.Close()
	}
	s.journal.Close()
}

// Boot names this run of the station.
func (s *Station) Boot() string { return s.boot }

// Run inspects with m, which stays the caller's, until the camera's material
// ends or ctx does; both are success.
func (s *Station) Run(ctx context.Context, m Model) error {
	s.model.Store(s.newForce(m))
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
		s.health.Raise("records-lost", "the outbox was damaged: records that waited in it are lost, and numbers begin anew; it was put aside as "+why, "look at the disk, then reset")
	}
	s.pictures, err = store.OpenPictures(filepath.Join(s.cfg.Records.Dir, "rejects"), store.PictureLimits{
		Count: s.cfg.Records.KeepRejects, Bytes: int64(s.cfg.Records.MaxMB) << 20,
	}, store.OS{}, s.log)
	if err != nil {
		return err
	}
	if err := s.openLedger(ctx); err != nil {
		return err
	}
	defer s.keeper.db.Close()
	m := s.cfg.MQTT
	who := telemetry.Identity{Site: s.cfg.Device.Site, Line: s.cfg.Device.Line, Device: s.cfg.Device.ID, Boot: s.boot, Version: s.version}
	s.teller, err = StartVoice(ctx, who, s.clock, mqtt.Config{
		Broker: m.Broker, User: m.User, Password: m.Password, InFlight: m.InFlight,
		Handle: s.handler(), Slow: []string{"recipe"}, Gate: s.gate,
		TLS: mqtt.TLS{CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile, ServerName: m.ServerName},
	}, m.Listen, outbox, telemetry.Limits{Records: m.OutboxRecords, Bytes: int64(m.OutboxMB) << 20}, s.log)
	if err != nil {
		return err
	}
	defer s.teller.Stop()
	s.teller.SetModel(s.model.Load().Digest)
	if err := s.introduce(who); err != nil {
		return err
	}
	for _, p := range s.health.Problems() {
		s.unwell(p, false) // what was found before there was a voice
	}
	return s.inspect(ctx)
}

// handler obeys commands over MQTT; nil if the configuration takes none.
func (s *Station) handler() func(context.Context, telemetry.Command) error {
	if !s.cfg.MQTT.Commands {
		return nil
	}
	return s.obey
}

// bootID names this run of the program.
func bootID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// inspect runs the line until the camera's material ends or ctx does.
func (s *Station) inspect(ctx context.Context) error {
	src := s.source
	if src == nil {
		var err error
		if src, err = openSource(s); err != nil {
			return err
		}
	}
	defer src.Close()
	if err := s.openChallenges(); err != nil {
		return err
	}
	var watchdog *dog // nobody beats it before the line runs
	cfg := s.lineConfig()
	cfg.Recipe, cfg.Model = s.model.Load().Recipe, s.model.Load().Digest
	var err error
	s.line, err = line.New(cfg, line.Deps{
		Clock: s.clock, Judge: s.model.Load().judge, Actuator: s.outs, Recorder: s, OnChange: s.changed,
	}, src, line.Options{Beat: func() { watchdog.beat(); s.plc.beat() }})
	if err != nil {
		return err
	}
	s.keeper.sayUnclean()
	if err := s.keeper.restore(ctx); err != nil {
		return err
	}
	if err := s.beginInputs(); err != nil {
		return err
	}
	if s.triggers.gate != nil || s.source != nil && s.triggered && s.open == nil {
		s.line.Post(line.SourceFound{}) // it waits for the first trigger
	}
	if watchdog, err = s.newWatchdog(); err != nil { // the last that can fail: a watchdog that is armed wants food
		return err
	}
	s.helpers.begin(ctx)
	for _, run := range []func(context.Context){s.outs.Run, s.pump.run, s.tellCounts, s.recalibrate, s.runPictures, s.watchControls, s.keeper.run, s.runHTTP, s.runModbus, watchdog.run} {
		s.helpers.run(run)
	}
	s.model.Load().begin(s.helpers.ctx)
	watching, blind := context.WithCancel(s.helpers.ctx)
	var eyes sync.WaitGroup
	eyes.Go(func() { s.triggers.run(watching) })
	for _, in := range s.inputs {
		eyes.Go(func() { s.watch(watching, in) })
	}
	s.running.Store(true)
	watchdog.started()
	err = s.line.Run(ctx)
	s.running.Store(false)
	s.awaitChange(watchdog.beat)
	defer s.swapping.Unlock()
	s.outs.drain(s.helpers.ctx, watchdog.beat)
	blind()
	eyes.Wait()
	s.helpers.end()
	if !errors.Is(err, line.ErrJudgeHangs) { // else it still judges
		err = errors.Join(err, s.end(s.model.Load()))
	}
	s.teller.Counts(s.line.Counts())
	if errors.Is(err, context.Canceled) && ctx.Err() != nil && !errors.Is(err, line.ErrJudgeHangs) {
		err = nil // asked to stop: that is success
	}
	if err == nil {
		s.forgetMode()
	}
	s.sayGoodbye(ctx)
	return err
}

// beginInputs has every input watched before READY can be seen.
func (s *Station) beginInputs() error {
	for _, in := range s.inputs {
		if err := in.begin(); err != nil {
			return err
		}
	}
	return s.triggers.begin()
}

// lineConfig is what the line is told of the configuration.
func (s *Station) lineConfig() line.Config {
	c := s.cfg
	rule, _ := line.ParseRule(string(c.Recipe.Rule)) // checked with the configuration
	inFlight := 0
	if part := c.PartInterval(); part > 0 {
		inFlight = min(max(16, int(c.Recipe.Deadline.Std()/part)+4), 4096)
	}
	return line.Config{
		TriggerNews: c.TriggerNews(),
		Device:      c.Device.ID, Boot: s.boot, Recipe: c.Recipe.Name,
		Triggered: s.triggered, Deadline: c.Recipe.Deadline.Std(), FrameDelay: c.FrameDelay(),
		Frames: c.Recipe.Frames, Rule: rule, InFlight: inFlight,
		Limits: line.Limits{Consecutive: c.Recipe.MaxConsecutive, Rejects: c.Recipe.MaxRejects, Window: c.Recipe.OfLast},
		Shadow: s.modes.mode == config.ModeShadow, Inhibit: s.modes.mode == config.ModeInhibit,
	}
}

// openChallenges begins the timetable.
func (s *Station) openChallenges() error {
	c := s.cfg.Challenge
	if c.Every == 0 {
		return nil
	}
	var err error
	s.challenges, err = line.NewChallenges(line.ChallengeConfig{Every: c.Every.Std(), Grace: c.Grace.Std(), Parts: c.Parts}, s.clock)
	return err
}

// helpers run beside the line for as long as it does, and a little longer.
type helpers struct {
	ctx  context.Context
	stop func()
	wg   sync.WaitGroup
}

func (h *helpers) begin(ctx context.Context) {
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(ctx))
}

func (h *helpers) run(do func(ctx context.Context)) { h.wg.Go(func() { do(h.ctx) }) }

func (h *helpers) end() {
	h.stop()
	h.wg.Wait()
}

func (s *Station) runPictures(ctx context.Context) { _ = s.pictures.Run(ctx) }

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
	s.plc.decided(v)
	s.challenged(v)
	if s.line.Status().State == line.Shadow {
		s.curve.Add(v)
	}
	s.plc.setBusy(s.line.Open() > 0)
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
	s.plc.show(st)
	if st.State == line.Fault {
		s.health.Raise("fault", st.Reason, "every part is rejected; find the cause, then reset")
	} else {
		s.health.Clear("fault")
	}
	s.log.Info("line", "state", st.State.String(), "reason", st.Reason)
	s.telling.Lock()
	defer s.telling.Unlock()
	s.tellState(st)
}

// tellState publishes a state with the certificate as it stands.
func (s *Station) tellState(st line.Status) {
	cert := s.certificate()
	s.teller.State(telemetry.LineState(st.State.String()), st.Reason, st.Recipe, &cert)
}

// tellCounts publishes the ledger once a second while it changes, and looks
// after what nobody announces.
func (s *Station) tellCounts(ctx context.Context) {
	var last edge.Counts
	var overruns uint64
	var seen *watch.Status
	var flow flow
	for first := true; s.clock.SleepUntil(ctx, s.clock.Now().Add(time.Second)) == nil; first = false {
		if first {
			s.outs.sayPriority()
		}
		if c := s.line.Counts(); c != last || first {
			last = c
			s.teller.Counts(c)
		}
		flow.check(s.health, s.line.Counts())
		if n := s.line.Extra().Overruns; n > overruns {
			overruns = n
			s.health.Raise("overrun", fmt.Sprintf("%d parts were triggered while too many waited for their verdict; they were rejected", n), "slow the belt, or take a faster model")
		}
		s.checkChallenge()
		seen = s.tellDrift(seen)
		s.look()
	}
}
