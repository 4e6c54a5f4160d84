package line

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
)

// belt gives n frames every pitch, then what end says.
type belt struct {
	clock    edge.Clock
	pitch    time.Duration
	n        int
	end      error
	seq      int
	returned chan struct{}
}

func (s *belt) Next(ctx context.Context) (*edge.Frame, error) {
	if s.seq == s.n {
		if s.end == nil {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, s.end
	}
	s.seq++
	if err := s.clock.SleepUntil(ctx, s.clock.Now().Add(s.pitch)); err != nil {
		return nil, err
	}
	return &edge.Frame{Pix: make([]byte, 1), Width: 1, Height: 1, Stride: 1, At: s.clock.Now(), Seq: uint64(s.seq)}, nil
}

func (s *belt) Release(*edge.Frame) { s.returned <- struct{}{} }

type judgeFunc func(f *edge.Frame, v *edge.Verdict) error

func (j judgeFunc) Judge(f *edge.Frame, v *edge.Verdict) error { return j(f, v) }

func startLine(t *testing.T, n int, end error, j judgeFunc, beat func()) (*Line, *belt) {
	t.Helper()
	c, err := clock.NewSystem()
	if err != nil {
		t.Fatal(err)
	}
	src := &belt{clock: c, pitch: 20 * time.Millisecond, n: n, end: end, returned: make(chan struct{}, n)}
	l, err := New(Config{Deadline: 50 * time.Millisecond, JudgeLimit: time.Second},
		Deps{Clock: c, Judge: j, Actuator: stub{}}, src, Options{Beat: beat})
	if err != nil {
		t.Fatal(err)
	}
	return l, src
}

func TestRunJudgesEveryFrameThenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := startLine(t, 100, io.EOF, func(f *edge.Frame, v *edge.Verdict) error {
			time.Sleep(15 * time.Millisecond)
			v.Decision = edge.Accept
			if f.Seq%10 == 0 {
				v.Decision, v.Reason = edge.Reject, edge.ReasonScore
			}
			return nil
		}, nil)
		if err := l.Run(t.Context()); err != nil {
			t.Error(err)
		}
		if c := l.Counts(); c != (edge.Counts{Triggers: 100, Accept: 90, Reject: 10}) {
			t.Errorf("%+v %+v", c, l.Extra())
		}
		if len(src.returned) != 100 {
			t.Errorf("%d frames came back", len(src.returned))
		}
		if err := l.Send(t.Context(), Reset{}); !errors.Is(err, ErrEnded) {
			t.Error(err)
		}
	})
}

func TestRunSurvivesSlowAndPanickingJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, src := startLine(t, 40, io.EOF, func(f *edge.Frame, v *edge.Verdict) error {
			v.Decision = edge.Accept
			switch {
			case f.Seq == 10:
				time.Sleep(200 * time.Millisecond)
			case f.Seq == 30:
				panic("broken")
			}
			return nil
		}, nil)
		if err := l.Run(t.Context()); err != nil {
			t.Error(err)
		}
		c := l.Counts()
		if !c.Balanced() || c.Triggers != 40 || c.Late < 1 || c.NoResult != 11 {
			t.Errorf("%+v %+v", c, l.Extra())
		}
		if len(src.returned) != 40 {
			t.Errorf("%d frames came back", len(src.returned))
		}
	})
}

func TestHungJudgeStopsTheBeatAndRunSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beats := 0
		release := make(chan struct{})
		l, _ := startLine(t, 5, nil, func(f *edge.Frame, v *edge.Verdict) error {
			<-release
			return nil
		}, func() { beats++ })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if l.Status().State != Fault || beats > 5 {
			t.Errorf("%+v after %d beats", l.Status(), beats)
		}
		if c := l.Counts(); c.Triggers != 5 || !c.Balanced() || l.Open() != 0 {
			t.Errorf("%+v", c)
		}
		cancel()
		if err := <-done; !errors.Is(err, ErrJudgeHangs) || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(release)
	})
}

func TestIdleLineBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		beats := 0
		l, _ := startLine(t, 0, nil, nil, func() { beats++ })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		if err := l.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if beats != 40 {
			t.Errorf("%d beats in 10 s", beats)
		}
	})
}

func TestCommandsTakeEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := startLine(t, 0, errors.New("unplugged"), nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		if err := l.Send(t.Context(), SetInhibit(true)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if st := l.Status(); st.Armed || st.State != NotReady {
			t.Errorf("%+v", st)
		}
		for range 2 * postQueue {
			l.Alarm("jam at gate 1")
		}
		synctest.Wait()
		if st := l.Status(); st.State != NotReady || st.Reason != "camera: unplugged" || !l.m.cond.has(holdAlarm) {
			t.Errorf("%+v", st)
		}
		if err := l.Send(t.Context(), Reset{}); err != nil || l.m.cond.has(holdAlarm) {
			t.Error("an alarm survives the reset", err)
		}
		cancel()
		<-done
	})
}

// However many commands wait, an alarm that comes behind a reset outlasts it.
func TestAnAlarmBehindAResetIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := startLine(t, 0, nil, nil, nil)
		for range postQueue - 1 {
			l.Alarm("an edge of the encoder was lost")
		}
		l.Post(Reset{})
		l.Alarm("jam at gate 1")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		if err := l.Send(t.Context(), SourceFound{}); err != nil {
			t.Error(err)
		}
		if st := l.Status(); st.State != NotReady || st.Reason != "jam at gate 1" {
			t.Errorf("%+v", st)
		}
		if err := l.Send(t.Context(), Reset{}); err != nil || l.Status().State != Ready {
			t.Errorf("%+v after another reset, %v", l.Status(), err)
		}
		cancel()
		<-done
	})
}

func TestALineThatWaitsForItsFirstPartIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := startLine(t, 0, nil, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		l.Post(SourceFound{})
		synctest.Wait()
		if st := l.Status(); st.State != Ready {
			t.Errorf("found: %+v", st)
		}
		l.Post(SourceLost("unplugged"))
		synctest.Wait()
		if st := l.Status(); st.State != NotReady || st.Reason != "camera: unplugged" {
			t.Errorf("lost: %+v", st)
		}
		cancel()
		<-done
	})
}

func TestALineStartsInTheModeThatItIsTold(t *testing.T) {
	c, err := clock.NewSystem()
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []Config{{Shadow: true}, {Inhibit: true}} {
		cfg.Deadline = time.Second
		l, err := New(cfg, Deps{Clock: c, Judge: judgeFunc(nil), Actuator: stub{}}, &belt{}, Options{})
		if err != nil || l.Status().Armed {
			t.Errorf("%+v %v", l.Status(), err)
		}
	}
}
