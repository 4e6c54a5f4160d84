package station

import (
	"context"
	"fmt"
	"sync"
	"time"

	"winnow/capture/inject"
	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/line"
)

// prober is a judge that now and then judges the copy of an accepted picture
// again with a defect drawn in, while the line waits for parts. Nothing fires
// for it. A part that comes meanwhile waits for one judgement, so it probes only
// where the deadline has room for two.
type prober struct {
	judge line.Judge
	bare  line.Judge // for copies, which are no parts
	clock edge.Clock
	every time.Duration
	room  time.Duration // that two judgements may take
	fires func(*edge.Verdict) bool
	idle  func() bool
	tell  func(caught bool, v *edge.Verdict)
	broke func(why any) // the judge has panicked
	taken chan struct{} // a copy waits

	mu    sync.Mutex // the judge is used by one goroutine at a time
	due   edge.Instant
	shot  edge.Frame
	fresh bool          // shot was not probed yet
	took  time.Duration // by the latest judgement
	found line.Detection
}

func newProber(s *Station, m Model) *prober {
	unsure := s.cfg.Recipe.Unsure != config.UnsureAccept
	every := s.cfg.Challenge.InjectedEvery.Std()
	return &prober{
		judge: m.Judge, bare: m.Bare, clock: s.clock, every: every, room: s.cfg.Recipe.Deadline.Std(), due: s.clock.Now().Add(every),
		fires: func(v *edge.Verdict) bool { return v.Fires(unsure) },
		idle:  func() bool { return s.line.Open() == 0 },
		tell:  s.probed, broke: s.probeBroke, taken: make(chan struct{}, 1),
	}
}

// Judge judges f, and keeps a copy of it if a probe is due and f is good.
func (p *prober) Judge(f *edge.Frame, v *edge.Verdict) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	start := p.clock.Now()
	err := p.judge.Judge(f, v)
	now := p.clock.Now()
	p.took = now.Sub(start)
	if err != nil || v.Decision != edge.Accept || p.due.After(now) || 2*p.took > p.room {
		return err
	}
	p.due = now.Add(p.every)
	p.keep(f)
	select {
	case p.taken <- struct{}{}:
	default:
	}
	return nil
}

// keep copies f, without what its rows are padded with.
func (p *prober) keep(f *edge.Frame) {
	pix := p.shot.Pix[:0]
	p.shot = *f
	p.shot.Stride = f.Width * f.Format.BytesPerPixel()
	for y := range f.Height {
		pix = append(pix, f.Row(y)...)
	}
	p.shot.Pix, p.fresh = pix, true
}

// idlePoll is how often a probe looks whether the line waits for parts, and
// idleWait how long it waits for that.
const (
	idlePoll = 5 * time.Millisecond
	idleWait = 5 * time.Second
)

// run probes until ctx ends.
func (p *prober) run(ctx context.Context) {
	for seed := uint64(1); ; seed++ {
		select {
		case <-p.taken:
		case <-ctx.Done():
			return
		}
		end := p.clock.Now().Add(idleWait)
		for !p.idle() && end.After(p.clock.Now()) {
			if p.clock.SleepUntil(ctx, p.clock.Now().Add(idlePoll)) != nil {
				return
			}
		}
		if p.idle() {
			p.probe(seed)
		}
	}
}

// probe judges the copy with a defect in it.
func (p *prober) probe(seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		if why := recover(); why != nil { // it must not take the outputs down with it
			p.broke(why)
		}
	}()
	if !p.fresh { // it took the place of another one that waited
		return
	}
	p.fresh = false
	kind := inject.Blot
	if seed%2 == 0 {
		kind = inject.Scratch
	}
	inject.Draw(&p.shot, inject.Default(kind), seed)
	var v edge.Verdict
	if p.bare.Judge(&p.shot, &v) != nil {
		return
	}
	caught := p.fires(&v)
	p.found.N++
	if caught {
		p.found.Caught++
	}
	p.found.Bound = line.LowerBound(p.found.Caught, p.found.N, 0.95)
	p.tell(caught, &v)
}

func (p *prober) detection() line.Detection {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found
}

// probeBroke makes the line FAULT, as a judge that panics over a part does.
func (s *Station) probeBroke(why any) {
	s.line.Post(line.FailWith(fmt.Sprintf("the judge panicked over a drawn defect: %v; load the model again or another one, then reset", why)))
}

// probed says what became of a defect that was drawn in.
func (s *Station) probed(caught bool, v *edge.Verdict) {
	if caught {
		s.health.Clear("injected")
		return
	}
	s.health.Raise("injected", "a defect drawn into a live picture was accepted", "look at lamp and focus, and send known-bad parts")
	s.log.Warn("an injected defect was accepted", "score", v.Score.Fused, "threshold", v.Score.Threshold)
}
