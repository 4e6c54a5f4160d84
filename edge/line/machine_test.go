package line

import (
	"errors"
	"image"
	"math"
	"strings"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/clock"
)

const ms = edge.Instant(time.Millisecond)

// bench is a machine in virtual time with everything in view.
type bench struct {
	*Machine
	*clock.Manual
	t        *testing.T
	released map[*edge.Frame]int
	lent     int
	acted    []edge.Verdict
	records  []edge.Verdict
	full     bool // the recorder drops
}

func (b *bench) Act(v *edge.Verdict) {
	if b.Status().Armed == false {
		b.t.Error("acted while not armed")
	}
	b.acted = append(b.acted, *v)
}

func (b *bench) Record(v *edge.Verdict, _ *edge.Frame) bool {
	b.records = append(b.records, *v)
	return !b.full
}

func (*bench) Judge(*edge.Frame, *edge.Verdict) error { return nil }

func newBench(t *testing.T, c Config) *bench {
	t.Helper()
	b := &bench{t: t, Manual: clock.NewManual(1000*ms, edge.WallTime{}), released: map[*edge.Frame]int{}}
	if c.Deadline == 0 {
		c.Deadline = 100 * time.Millisecond
	}
	m, err := NewMachine(c, Deps{
		Clock: b.Manual, Judge: b, Actuator: b, Recorder: b,
		Release: func(f *edge.Frame) { b.released[f]++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Machine = m
	return b
}

func (b *bench) frame(at edge.Instant, flags edge.FrameFlags) *edge.Frame {
	b.lent++
	return &edge.Frame{Pix: make([]byte, 4), Width: 2, Height: 2, Stride: 2, At: at, Flags: flags}
}

// answer judges what is next as d.
func (b *bench) answer(d edge.Decision) {
	b.t.Helper()
	b.answerWith(func(j *Job) { j.Verdict.Decision = d })
}

func (b *bench) answerWith(fill func(*Job)) {
	b.t.Helper()
	j := b.Next()
	if j == nil {
		b.t.Fatal("nothing to judge")
	}
	fill(j)
	j.Done = b.Now()
	b.Judged(j)
}

// last checks the latest verdict and that books and frames are in order.
func (b *bench) last(d edge.Decision, r edge.Reason) {
	b.t.Helper()
	if len(b.records) == 0 {
		b.t.Fatal("no verdict")
	}
	if v := b.records[len(b.records)-1]; v.Decision != d || v.Reason != r {
		b.t.Errorf("verdict %v %q, want %v %q", v.Decision, v.Reason, d, r)
	}
	b.books()
}

func (b *bench) books() {
	b.t.Helper()
	if c := b.Counts(); !c.Balanced() {
		b.t.Errorf("ledger %+v does not balance", c)
	}
	if b.Machine.n == 0 && len(b.released)+len(b.early) != b.lent {
		b.t.Errorf("%d of %d frames came back", len(b.released), b.lent)
	}
	for _, n := range b.released {
		if n != 1 {
			b.t.Errorf("a frame came back %d times", n)
		}
	}
}

func TestFreeRunDecisions(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(*Job)
		d      edge.Decision
		r      edge.Reason
		counts edge.Counts
	}{
		{"accept", func(j *Job) { j.Verdict.Decision = edge.Accept }, edge.Accept, "", edge.Counts{Triggers: 1, Accept: 1}},
		{"reject", func(j *Job) { j.Verdict.Decision, j.Verdict.Reason = edge.Reject, edge.ReasonScore }, edge.Reject, edge.ReasonScore, edge.Counts{Triggers: 1, Reject: 1}},
		{"unsure", func(j *Job) { j.Verdict.Decision = edge.Unsure }, edge.Unsure, edge.ReasonUnsure, edge.Counts{Triggers: 1, Unsure: 1}},
		{"nothing said", func(*Job) {}, edge.Reject, edge.ReasonFault, edge.Counts{Triggers: 1, NoResult: 1}},
		{"nonsense", func(j *Job) { j.Verdict.Decision = 9 }, edge.Reject, edge.ReasonFault, edge.Counts{Triggers: 1, NoResult: 1}},
		{"accept without a score", func(j *Job) { j.Verdict.Decision, j.Verdict.Score.Fused = edge.Accept, math.NaN() }, edge.Reject, edge.ReasonFault, edge.Counts{Triggers: 1, NoResult: 1}},
		{"error beside accept", func(j *Job) { j.Verdict.Decision, j.Err = edge.Accept, errors.New("x") }, edge.Reject, edge.ReasonFault, edge.Counts{Triggers: 1, NoResult: 1}},
		{"panic beside accept", func(j *Job) { j.Verdict.Decision, j.Panic = edge.Accept, "x" }, edge.Reject, edge.ReasonFault, edge.Counts{Triggers: 1, NoResult: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{})
			b.Frame(b.frame(b.Now(), 0))
			b.answerWith(c.answer)
			b.last(c.d, c.r)
			if got := b.Counts(); got != c.counts {
				t.Errorf("ledger %+v, want %+v", got, c.counts)
			}
			if len(b.acted) != 1 {
				t.Errorf("%d acts", len(b.acted))
			}
			if want := map[bool]State{true: Fault, false: Ready}[c.name == "panic beside accept"]; b.Status().State != want {
				t.Errorf("state %v, want %v", b.Status().State, want)
			}
		})
	}
}

// Frames that run free belong together by their number: what is left of a part that is
// settled, or of which a frame is lost, does not begin the next.
func TestFreeFramesKeepToTheirPart(t *testing.T) {
	b := newBench(t, Config{Frames: 3})
	seq := uint64(0)
	frame := func(flags edge.FrameFlags) {
		b.Set(b.Now() + 10*ms)
		f := b.frame(b.Now(), flags)
		f.Seq = seq
		seq++
		b.Frame(f)
	}
	frame(0)
	b.answer(edge.Reject)
	frame(0)
	frame(0)
	if c := b.Counts(); c.Triggers != 1 || c.Reject != 1 {
		t.Fatalf("one part of three frames, rejected for its first: %+v", c)
	}
	for range 3 {
		frame(0)
		b.answer(edge.Accept)
	}
	b.last(edge.Accept, "")
	frame(0)
	seq++
	frame(edge.FrameLost)
	b.last(edge.Reject, edge.ReasonBadFrame)
	for range 3 {
		frame(0)
		b.answer(edge.Accept)
	}
	b.last(edge.Accept, "")
	frame(0)
	seq += 3 // the rest of that part and the first of the next
	frame(edge.FrameLost)
	frame(0)
	if c := b.Counts(); c.Triggers != 6 || c.NoResult != 3 || c.Accept != 2 {
		t.Errorf("%+v, want two parts accepted, and those that lost a frame without a result", c)
	}
	b.Set(b.Now() + 500*ms)
	frame(0) // a burst that ended too soon does not shift the next
	b.Set(b.Now() + 500*ms)
	for range 3 {
		frame(0)
		b.answer(edge.Accept)
	}
	b.last(edge.Accept, "")
}

func TestFlaggedFrameIsNeverAccepted(t *testing.T) {
	for flag := edge.FrameFlags(1); flag != 0; flag <<= 1 {
		b := newBench(t, Config{})
		b.Frame(b.frame(b.Now(), flag))
		if b.Next() != nil {
			t.Errorf("flag %b: the frame is judged", flag)
		}
		b.last(edge.Reject, edge.ReasonBadFrame)
	}
	b := newBench(t, Config{})
	f := b.frame(b.Now(), 0)
	f.Pix = f.Pix[:1]
	b.Frame(f)
	b.last(edge.Reject, edge.ReasonBadFrame)
}

func TestLatePartIsRejectedAtItsDueAndTheAnswerIgnored(t *testing.T) {
	b := newBench(t, Config{})
	b.Frame(b.frame(b.Now(), 0))
	j := b.Next()
	due := b.Wake()
	b.Set(due - 1)
	if b.Tick(); b.Open() != 1 {
		t.Error("a part exactly at its due instant is in time")
	}
	b.Set(due)
	b.Tick()
	b.last(edge.Reject, edge.ReasonLate)
	j.Verdict.Decision, j.Done = edge.Accept, b.Now()
	b.Judged(j)
	b.last(edge.Reject, edge.ReasonLate)
	if c := b.Counts(); c.Late != 1 || c.Reject != 1 || c.Triggers != 1 || b.Extra().TooLate != 1 || len(b.acted) != 1 {
		t.Errorf("%+v %+v, %d acts", c, b.Extra(), len(b.acted))
	}
}

func TestLateIsCheckedAgainAtActuation(t *testing.T) {
	b := newBench(t, Config{})
	b.Frame(b.frame(b.Now(), 0))
	j := b.Next()
	j.Verdict.Decision, j.Done = edge.Accept, b.Now()
	b.Advance(101 * time.Millisecond) // the loop was held up before it saw the answer
	b.Judged(j)
	b.last(edge.Reject, edge.ReasonLate)
}

func TestPartIsJudgedByItsOwnFrameOnly(t *testing.T) {
	b := newBench(t, Config{Triggered: true, FrameDelay: 5 * time.Millisecond, FrameTimeout: 80 * time.Millisecond})
	t0 := b.Now()
	b.Trigger(t0)
	b.Frame(b.frame(t0+4*ms, 0)) // exposed before the part was under the lens
	b.Advance(30 * time.Millisecond)
	b.Trigger(t0 + 30*ms)
	b.Frame(b.frame(t0+36*ms, 0)) // shows the second part; the first one's frame was lost
	b.last(edge.Reject, edge.ReasonNoFrame)
	if seq := b.records[0].ID.Seq; seq != 1 {
		t.Errorf("part %d lost its frame, want 1", seq)
	}
	b.answer(edge.Accept)
	b.last(edge.Accept, edge.ReasonNone)
	if v := b.records[1]; v.ID.Seq != 2 || v.Frame != t0+36*ms {
		t.Errorf("part %d judged by the frame of %v", v.ID.Seq, v.Frame)
	}
	if b.Extra().Strays != 1 {
		t.Errorf("strays %d", b.Extra().Strays)
	}
}

func TestFrameOfOverrunPartIsNobodysElse(t *testing.T) {
	b := newBench(t, Config{Triggered: true, InFlight: 1})
	t0 := b.Now()
	b.Trigger(t0)
	b.Trigger(t0 + 10*ms)
	b.last(edge.Reject, edge.ReasonOverrun)
	b.Advance(12 * time.Millisecond)
	b.Frame(b.frame(t0+11*ms, 0))
	if b.Next() != nil {
		t.Fatal("part 1 is judged by the frame of part 2")
	}
	b.Set(b.Wake())
	b.Tick()
	b.last(edge.Reject, edge.ReasonNoFrame)
}

func TestNoFrameNoAccept(t *testing.T) {
	b := newBench(t, Config{Triggered: true, FrameTimeout: 40 * time.Millisecond})
	b.Trigger(b.Now())
	b.Set(b.Wake())
	b.Tick()
	b.last(edge.Reject, edge.ReasonNoFrame)
	if b.Now() != 1040*ms+1 {
		t.Errorf("rejected at %v", b.Now())
	}
}

func TestHungJudgeIsAFault(t *testing.T) {
	b := newBench(t, Config{JudgeLimit: 200 * time.Millisecond, Triggered: true})
	b.Trigger(b.Now())
	b.Frame(b.frame(b.Now(), 0))
	j := b.Next()
	for range 2 {
		b.Set(b.Wake())
		b.Tick()
	}
	if b.Status().State != Fault || !b.Hung(b.Now()) {
		t.Fatalf("status %+v", b.Status())
	}
	b.Trigger(b.Now())
	b.last(edge.Reject, edge.ReasonFault)
	if err := b.Do(Reset{}); !errors.Is(err, ErrJudgeHangs) {
		t.Error(err)
	}
	j.Done = b.Now()
	b.Judged(j)
	if err := b.Do(Reset{}); err != nil || b.Status().State != Ready {
		t.Errorf("%v %+v", err, b.Status())
	}
	b.books()
}

func TestModesHoldTheActuator(t *testing.T) {
	for name, c := range map[string]struct {
		on    Command
		state State
		want  edge.Decision
	}{
		"shadow":   {SetShadow(true), Shadow, edge.Reject},
		"inhibit":  {SetInhibit(true), Inhibit, edge.Reject},
		"teaching": {SetTeaching(true), Teaching, edge.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			b.Frame(b.frame(b.Now(), 0))
			b.answer(edge.Accept)
			acts := len(b.acted)
			if err := b.Do(c.on); err != nil || b.Status().State != c.state {
				t.Fatalf("%v %+v", err, b.Status())
			}
			b.Frame(b.frame(b.Now(), 0))
			if c.want != edge.Unknown {
				b.answer(edge.Reject)
			}
			b.last(c.want, edge.ReasonNone)
			if len(b.acted) != acts {
				t.Error("it fired")
			}
		})
	}
}

func TestFaultDoesNotLiftAnInhibit(t *testing.T) {
	b := newBench(t, Config{})
	b.Do(SetInhibit(true))
	b.Fail("jam")
	b.Frame(b.frame(b.Now(), 0))
	if st := b.Status(); st.State != Fault || st.Armed || len(b.acted) != 0 {
		t.Errorf("%+v, %d acts", st, len(b.acted))
	}
	b.last(edge.Reject, edge.ReasonFault)
}

func TestRules(t *testing.T) {
	const A, R, U = edge.Accept, edge.Reject, edge.Unsure
	for _, c := range []struct {
		rule   Rule
		frames []edge.Decision
		fused  []float64
		want   edge.Decision
	}{
		{Any, []edge.Decision{A, A, A}, nil, A},
		{Any, []edge.Decision{A, R, A}, nil, R},
		{Any, []edge.Decision{A, U, A}, nil, U},
		{Majority, []edge.Decision{A, R, A}, nil, A},
		{Majority, []edge.Decision{R, R, A}, nil, R},
		{Majority, []edge.Decision{R, A}, nil, U},
		{Majority, []edge.Decision{U, R, A}, nil, U},
		{Mean, []edge.Decision{A, A, R}, []float64{1, 1, 8}, R},
		{Mean, []edge.Decision{A, A, R}, []float64{1, 1, 4}, A},
		{Mean, []edge.Decision{U, U, A}, []float64{1, 1, 1}, U},
		{Mean, []edge.Decision{R}, []float64{1}, R},
	} {
		b := newBench(t, Config{Frames: len(c.frames), Rule: c.rule})
		for range c.frames {
			b.Frame(b.frame(b.Now(), 0))
		}
		for i := 0; b.Open() > 0; i++ {
			b.answerWith(func(j *Job) {
				j.Verdict.Decision, j.Verdict.Score.Threshold = c.frames[i], 3
				if c.fused != nil {
					j.Verdict.Score.Fused = c.fused[i]
				}
			})
		}
		if got := b.records[0].Decision; got != c.want || len(b.records) != 1 {
			t.Errorf("%v of %v %v: %v, want %v", c.rule, c.frames, c.fused, got, c.want)
		}
		b.books()
	}
}

// TestAPartShowsItsWorstFrame: what a verdict shows beside the decision is all of one frame, the
// one with the highest score, wherever it came among the others.
func TestAPartShowsItsWorstFrame(t *testing.T) {
	for worst := range 3 {
		b := newBench(t, Config{Frames: 3, Rule: Majority})
		for range 3 {
			b.Frame(b.frame(b.Now(), 0))
		}
		for i := range 3 {
			b.answerWith(func(j *Job) {
				v, n := &j.Verdict, i+1
				v.Decision, v.Score.Threshold, v.Score.Fused = edge.Accept, 9, float64(n)
				if i == worst {
					v.Score.Fused = 7
				}
				v.Wide, v.Missing, v.Shift = 0.1*float64(n), 0.01*float64(n), image.Pt(n, -n)
				v.Judged, v.Nearest.Distance = image.Rect(0, 0, n, n), float64(n)
				v.Heatmap[0] = uint8(n)
				v.Regions, v.Unnamed = append(v.Regions[:0], make([]edge.Region, n)...), i == 1
			})
		}
		v, n := b.records[0], worst+1
		if v.Unnamed != (worst == 1) {
			t.Errorf("frame %d of 3 is the worst; more than it names: %v", n, v.Unnamed)
		}
		if v.Wide != 0.1*float64(n) || v.Missing != 0.01*float64(n) || v.Shift != image.Pt(n, -n) ||
			v.Judged != image.Rect(0, 0, n, n) || v.Nearest.Distance != float64(n) || v.Heatmap[0] != uint8(n) || len(v.Regions) != n {
			t.Errorf("frame %d of 3 is the worst; the verdict shows %+v", n, v)
		}
		b.books()
	}
}

func TestOneBadFrameOfManyRejectsThePart(t *testing.T) {
	b := newBench(t, Config{Frames: 3, Rule: Majority})
	b.Frame(b.frame(b.Now(), 0))
	b.Frame(b.frame(b.Now(), edge.FrameTorn))
	b.last(edge.Reject, edge.ReasonBadFrame)
}

func TestSwapBetweenParts(t *testing.T) {
	b := newBench(t, Config{Frames: 2})
	b.Frame(b.frame(b.Now(), 0))
	other, gone := &bench{}, 0
	if err := b.Do(Swap{Judge: other, Model: "new", Retired: func(Judge) { gone++ }}); err != nil {
		t.Fatal(err)
	}
	b.Frame(b.frame(b.Now(), 0))
	for range 2 {
		b.answerWith(func(j *Job) {
			if j.Judge != Judge(b) || gone != 0 {
				t.Error("an open part changed its judge")
			}
			j.Verdict.Decision = edge.Accept
		})
	}
	if gone != 1 || b.Status().Model != "new" {
		t.Errorf("retired %d times, %+v", gone, b.Status())
	}
}

func TestLimitsStopTheLine(t *testing.T) {
	for name, limits := range map[string]Limits{"run": {Consecutive: 3}, "rate": {Rejects: 3, Window: 4}} {
		b := newBench(t, Config{Limits: limits})
		for i, d := range []edge.Decision{edge.Reject, edge.Accept, edge.Reject, edge.Reject, edge.Reject} {
			b.Frame(b.frame(b.Now(), 0))
			b.answer(d)
			want := i == 4 || name == "rate" && i >= 3
			if b.Status().Stop != want {
				t.Errorf("%s: after part %d stop is %v", name, i, b.Status().Stop)
			}
		}
		if b.Do(Reset{}); b.Status().Stop || b.Status().State != Ready {
			t.Errorf("%s: after reset %+v", name, b.Status())
		}
	}
}

// What is not rejected reaches no limit: in shadow mode nothing fires.
func TestLimitsDoNotCountWhereNothingIsRejected(t *testing.T) {
	b := newBench(t, Config{Limits: Limits{Consecutive: 2}, Shadow: true})
	for range 3 {
		b.Frame(b.frame(b.Now(), 0))
		b.answer(edge.Reject)
	}
	if st := b.Status(); st.Stop || st.State != Shadow {
		t.Errorf("%+v", st)
	}
}

// STOP is for whatever may have let a part pass.
func TestAnAlarmWantsTheConveyorStopped(t *testing.T) {
	b := newBench(t, Config{})
	b.Frame(b.frame(b.Now(), 0))
	b.answer(edge.Accept)
	b.Alarm("part 1 was not rejected")
	if st := b.Status(); !st.Stop || st.State != NotReady {
		t.Errorf("%+v", st)
	}
	if b.Do(Reset{}); b.Status().Stop {
		t.Errorf("after reset %+v", b.Status())
	}
}

func TestSourceDownAndBack(t *testing.T) {
	b := newBench(t, Config{SourceStall: 70 * time.Millisecond})
	b.Frame(b.frame(b.Now(), 0))
	b.answer(edge.Accept)
	b.SourceDown(errors.New("unplugged"))
	if st := b.Status(); st.State != NotReady || st.Reason != "camera: unplugged" {
		t.Errorf("%+v", st)
	}
	b.Frame(b.frame(b.Now(), 0))
	b.answer(edge.Accept)
	if b.Status().State != Ready {
		t.Errorf("%+v", b.Status())
	}
	b.Set(b.Wake())
	if b.Tick(); b.Status().State != NotReady {
		t.Errorf("silent camera: %+v", b.Status())
	}
}

func TestDroppedRecordsAreCounted(t *testing.T) {
	b := newBench(t, Config{})
	b.full = true
	b.Frame(b.frame(b.Now(), 0))
	b.answer(edge.Accept)
	if b.Counts().Dropped != 1 {
		t.Errorf("%+v", b.Counts())
	}
}

func TestNoAllocationPerPart(t *testing.T) {
	b := newBench(t, Config{Triggered: true})
	b.deps.Recorder, b.deps.Actuator, b.deps.Release = nil, stub{}, func(*edge.Frame) {}
	f := b.frame(0, 0)
	if n := testing.AllocsPerRun(1000, func() {
		b.Advance(time.Millisecond)
		f.At = b.Now()
		b.Trigger(f.At)
		b.Frame(f)
		b.answer(edge.Reject)
		b.Tick()
	}); n != 0 {
		t.Errorf("%v allocations a part", n)
	}
}

type stub struct{}

func (stub) Act(*edge.Verdict) {}

// FuzzSchedules runs any order of events and looks at the books after each.
func FuzzSchedules(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7}, true)
	f.Add([]byte{1, 9, 17, 2, 2, 5, 3, 12}, false)
	f.Fuzz(func(t *testing.T, events []byte, triggered bool) {
		b := newBench(t, Config{Triggered: triggered, Frames: 2, InFlight: 3, Limits: Limits{Consecutive: 4}, SourceStall: time.Second, TriggerNews: 10 * time.Millisecond, FrameDelay: -time.Millisecond})
		var out *Job
		for _, e := range events[:min(len(events), 300)] { // the books are gone through after each
			b.event(e, &out)
			b.books()
		}
		if out != nil {
			b.Judged(out)
		}
		b.Abort()
		b.books()
		if b.Open() != 0 || uint64(len(b.records)) != b.Counts().Triggers {
			t.Errorf("%d open, %d records, %+v", b.Open(), len(b.records), b.Counts())
		}
	})
}

func (b *bench) event(e byte, out **Job) {
	arg := time.Duration(e >> 3)
	switch e & 7 {
	case 0:
		b.Trigger(max(b.latest+1, b.Now().Add(-arg*time.Millisecond))) // which may have been heard of late
	case 1:
		b.Frame(b.frame(b.Now().Add(-arg*time.Millisecond), 0))
	case 2:
		b.Frame(b.frame(b.Now(), edge.FrameFlags(arg)))
	case 3:
		if j := b.Next(); j != nil {
			*out = j
		}
	case 4:
		if *out != nil {
			(*out).Verdict.Decision, (*out).Done = edge.Decision(arg%5), b.Now()
			b.Judged(*out)
			*out = nil
		}
	case 5:
		b.Advance(arg * 10 * time.Millisecond)
		b.Tick()
	case 6:
		b.Do([]Command{Reset{}, SetShadow(true), SetShadow(false), SetTeaching(true), SetTeaching(false), Pause(true), Pause(false), Swap{Judge: &bench{}}}[arg%8])
	case 7:
		b.SourceDown(errors.New("x"))
	}
}

// News of an edge may be slower than the frame that it caused.
func TestAFrameThatComesBeforeItsTriggerIsKeptForIt(t *testing.T) {
	for _, c := range []struct {
		name    string
		at      time.Duration // of the exposure, after the trigger
		strays  uint64
		verdict edge.Reason
	}{
		{"its own frame", time.Millisecond, 0, edge.ReasonNone},
		{"the frame of nobody, before", -time.Millisecond, 1, edge.ReasonNoFrame},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{Triggered: true})
			t0 := b.Now()
			b.Frame(b.frame(t0.Add(c.at), 0))
			b.Trigger(t0)
			if c.verdict == edge.ReasonNone {
				b.answer(edge.Accept)
				b.last(edge.Accept, c.verdict)
			} else {
				b.Set(b.Wake())
				b.Tick()
				b.last(edge.Reject, c.verdict)
			}
			if n := b.Extra().Strays; n != c.strays {
				t.Errorf("%d strays", n)
			}
		})
	}
}

// So are several frames of one part; what is beyond it is a stray.
func TestFramesThatComeBeforeTheirTriggerAreKeptForIt(t *testing.T) {
	b := newBench(t, Config{Triggered: true, Frames: 3})
	trigger := b.Now()
	for range 4 {
		b.Frame(b.frame(b.Now().Add(time.Millisecond), 0))
	}
	b.Trigger(trigger)
	for range 3 {
		b.answer(edge.Accept)
	}
	if c, x := b.Counts(), b.Extra(); c.Accept != 1 || x.Strays != 1 {
		t.Errorf("%+v %+v", c, x)
	}
}

// TestFrameThatCannotBeJudgedIsNotOutvoted: the judge itself may find that a frame cannot be judged.
func TestFrameThatCannotBeJudgedIsNotOutvoted(t *testing.T) {
	for _, rule := range []Rule{Majority, Mean} {
		for _, why := range []edge.Reason{edge.ReasonBadFrame, edge.ReasonMoved} {
			b := newBench(t, Config{Frames: 3, Rule: rule})
			for range 3 {
				b.Frame(b.frame(b.Now(), 0))
			}
			for i := 0; b.Open() > 0; i++ {
				b.answerWith(func(j *Job) {
					j.Verdict.Decision, j.Verdict.Score.Threshold = edge.Accept, 3
					if i == 0 {
						j.Verdict.Decision, j.Verdict.Reason = edge.Reject, why
					}
				})
			}
			if v := b.records[0]; v.Decision == edge.Accept {
				t.Errorf("%v, one frame of three %q: %v", rule, why, v.Decision)
			}
		}
	}
}

// TestAPartIsNotJudgedByTheNextOnesFrame: a frame whose own trigger may still be in its debounce time waits, and is given back if it was.
func TestAPartIsNotJudgedByTheNextOnesFrame(t *testing.T) {
	b := newBench(t, Config{Triggered: true, TriggerNews: 10 * time.Millisecond})
	t0 := b.Now()
	b.Trigger(t0) // its frame is lost
	b.Set(t0 + 35*ms)
	b.Frame(b.frame(t0+32*ms, 0)) // shows the part triggered at 30, which is heard of at 40, debounced
	if b.Next() != nil {
		t.Fatal("judged before it is known whose it is")
	}
	if w := b.Wake(); w != t0+42*ms {
		t.Errorf("wakes at %v", w-t0)
	}
	b.Set(t0 + 40*ms)
	b.Trigger(t0 + 30*ms)
	b.Set(t0 + 42*ms)
	b.Tick()
	b.Set(t0 + 52*ms)
	b.answer(edge.Accept)
	b.Set(t0 + 400*ms)
	b.Tick()
	for _, v := range b.records {
		t.Log(v.ID.Seq, v.Decision, v.Reason, v.Frame)
		if v.ID.Seq == 1 && v.Decision == edge.Accept {
			t.Errorf("part 1 of %v was accepted by the picture of %v, which shows part 2", v.Trigger, v.Frame)
		}
	}
	b.books()
}

// TestWakeIsNotLostToTheClock: a frame that ripens between Next and Wake is not left lying until the part is late.
func TestWakeIsNotLostToTheClock(t *testing.T) {
	b := newBench(t, Config{Triggered: true, TriggerNews: 10 * time.Millisecond})
	t0 := b.Now()
	b.Trigger(t0)
	b.Set(t0 + 5*ms)
	b.Frame(b.frame(t0+5*ms, 0))
	b.Set(t0 + 15*ms - 1)
	if b.Next() != nil {
		t.Fatal("judged before it is known whose it is")
	}
	b.Set(t0 + 15*ms)
	if w := b.Wake(); w > t0+15*ms {
		t.Errorf("wakes %v after the trigger", w-t0)
	}
}

// TestNewsAsLateAsTheDeadlineIsRefused: no part would be judged in time.
func TestNewsAsLateAsTheDeadlineIsRefused(t *testing.T) {
	c := Config{Device: "d", Boot: "b", Triggered: true, Deadline: 100 * time.Millisecond, TriggerNews: 100 * time.Millisecond}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "news of a trigger") {
		t.Error(err)
	}
}
