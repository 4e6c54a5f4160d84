package drift

import (
	"fmt"
	"math"
	"slices"

	"winnow/infer/exchange"
)

// Options of a Monitor. The zero value of a field means its default.
type Options struct {
	// FalseAlarms is the probability of one or more false alarms of all tests
	// together within Horizon stable parts: 0.01 within 10 000.
	FalseAlarms float64
	Horizon     int
	Lots        uint64 // seeds the randomness of the p-values
}

// settleParts pass between the first sign of a change and its name, so that the
// name rests on parts behind the change.
const settleParts = 16

// window is how many of the latest parts levels are taken over: their median, so
// that defective parts among them do not count.
const window = 32

// clearly is the level, in standard deviations of taught parts, above which a
// measure is named whether or not its test has sounded, and above which pose and
// focus explain what product sees.
const clearly = 3

// Calibration is what the tests of scores need of a package's calibration.
type Calibration struct {
	Scores    []float64 // held-out scores of good parts
	Split     bool      // they are exchangeable with live ones: the scorer was not fitted to them
	Threshold float64
}

// Monitor watches live parts: their scores against calibration, and their
// measures against taught parts. It is not safe for concurrent use and allocates
// nothing for a part that changes nothing.
type Monitor struct {
	limit  float64
	lots   uint64
	meter  *Meter // nil without a reference
	centre Sample // of the seeds: median
	scale  Sample // and standard deviation
	base   Sample // level that was settled with the alarms that are up; 0 without any
	scores *exchange.Scores
	tests  [measures]*exchange.Test
	all    *exchange.Test // of unlike, accepted or not, against the line's own past
	cal    Calibration

	recent [measures][window]float64
	parts  int
	sign   int       // part at which an unnamed change was noticed; 0: none
	rest   []float32 // sum since sign of what light, pose and focus do not explain
	state  State
	sorted [window]float64
}

// Alarm is one kind of drift.
type Alarm struct {
	Kind   Kind   `json:"kind"`
	Text   string `json:"text"`   // what has changed
	Action string `json:"action"` // what a person does about it
	Part   int    `json:"part"`   // at which it was noticed, counted from 1

	strength float64 // when it was named
}

// State is what a Monitor has come to. Levels are how far each kind of drift has
// gone, in standard deviations of taught parts, over the latest parts; NaN where
// it is not measured.
type State struct {
	Levels   [Kinds]float64
	Alarms   []Alarm
	Void     string // why the certificate no longer holds; "" while it does
	VoidPart int    // at which it was voided
}

// NewMonitor begins. ref is nil where the package has none: then only scores are
// watched.
func NewMonitor(ref *Reference, cal Calibration, o Options) *Monitor {
	if o.FalseAlarms == 0 {
		o.FalseAlarms = 0.01
	}
	if o.Horizon == 0 {
		o.Horizon = 10_000
	}
	m := &Monitor{cal: cal, lots: o.Lots}
	tests := exchange.ScoreTests
	seeds := cal.Scores
	if !cal.Split {
		seeds = nil
	}
	m.scores = exchange.NewScores(seeds, cal.Threshold, o.Lots)
	for k := range m.state.Levels {
		m.state.Levels[k] = math.NaN()
	}
	if ref != nil && len(ref.Seeds) > 1 {
		m.meter = NewMeter(ref)
		m.watch()
		m.rest = make([]float32, cells)
		tests += measures + 1
	}
	m.limit = exchange.Limit(o.Horizon, o.FalseAlarms, tests)
	return m
}

// watch starts the tests of measures, or starts them again: against taught parts, or
// while alarms are up, which show in other measures too, against what the line has
// come to.
func (m *Monitor) watch() {
	taught := len(m.state.Alarms) == 0
	for k := range measures {
		m.base[k] = 0
		if !taught {
			m.base[k] = m.level(k)
		}
		m.begin(k, taught)
	}
}

// begin the test of measure k, with the taught parts before the live ones or without.
func (m *Monitor) begin(k int, taught bool) {
	seeds := m.meter.ref.Seeds
	v := make([]float64, len(seeds))
	mean, sum := 0.0, 0.0
	for i, s := range seeds {
		v[i] = s[k]
		mean += s[k] / float64(len(seeds))
	}
	for _, x := range v {
		sum += (x - mean) * (x - mean)
	}
	m.scale[k] = math.Sqrt(sum/float64(len(v)-1)) + 1e-9
	slices.Sort(v)
	m.centre[k] = v[len(v)/2]
	lots := m.lots + uint64(m.parts)<<8 + uint64(k)
	if !taught {
		v = nil
	}
	m.tests[k] = exchange.NewTest(v, 0, lots)
	if k == unlike {
		m.all = exchange.NewTest(nil, 0, lots+measures)
	}
}

// Add observes one judged part: its preprocessed picture, its fused score, and
// whether it was accepted. It reports whether State has changed in its alarms or
// its certificate.
func (m *Monitor) Add(input []byte, fused float64) (bool, error) {
	m.parts++
	if !m.voided() {
		m.scores.Add(fused)
	}
	var err error
	if m.meter != nil {
		err = m.measure(input, fused <= m.cal.Threshold)
	}
	return m.conclude(), err
}

func (m *Monitor) voided() bool { return m.state.Void != "" }

func (m *Monitor) measure(input []byte, accepted bool) error {
	s, err := m.meter.Measure(input)
	if err == nil {
		m.observe(s, accepted)
		for i, v := range m.meter.dev {
			m.rest[i] += v
		}
	}
	return err
}

func (m *Monitor) observe(s Sample, accepted bool) {
	for k, v := range s {
		m.recent[k][m.parts%window] = v
		if k == unlike {
			m.all.Add(v)
			if !accepted {
				continue // a defect is no drift
			}
		}
		m.tests[k].Add(v)
	}
}

// sounds reports whether the test of measure k has passed its limit.
func (m *Monitor) sounds(k int) bool {
	return m.meter != nil && (m.tests[k].Evidence() >= m.limit || k == unlike && m.all.Evidence() >= m.limit)
}

// conclude draws the conclusions of the tests.
func (m *Monitor) conclude() (changed bool) {
	if m.sign == 0 && m.noticed() {
		m.sign = m.parts
		clear(m.rest)
		if !m.voided() {
			m.state.Void, m.state.VoidPart = "parts no longer come as those that the certificate was drawn from", m.parts
			changed = true
		}
	}
	if m.sign > 0 && m.parts >= m.sign+settleParts {
		changed = m.settle() || changed
		m.sign = 0
	}
	if m.parts%window == 0 && m.sign == 0 && m.clear(settleParts+window) {
		m.watch()
		changed = true
	}
	return changed
}

// settle says what the change was that sign noticed: alarms that are over, or others
// that are up. It reports whether there were any.
func (m *Monitor) settle() bool {
	changed := len(m.state.Alarms) > 0 && m.clear(0)
	if !changed {
		changed = m.name()
	}
	if len(m.state.Alarms) > 0 || changed {
		m.watch()
	}
	return changed
}

// back is the level below which a measure is as it was taught, if it has been more
// than twice as far.
const back = 1.0

// clear takes alarms back that have been up for so many parts and whose measures are as
// taught again. The certificate stays void: it takes a recalibration to renew it.
func (m *Monitor) clear(parts int) bool {
	n := len(m.state.Alarms)
	m.state.Alarms = slices.DeleteFunc(m.state.Alarms, func(a Alarm) bool {
		if m.parts < a.Part+parts {
			return false
		}
		return m.strength(a.Kind) < min(back, a.strength/2)
	})
	return len(m.state.Alarms) < n
}

// strength is the level of the measure of kind that lies furthest from taught parts.
func (m *Monitor) strength(kind Kind) (most float64) {
	for k := range measures {
		if kindOf[k] == kind {
			most = max(most, math.Abs(m.level(k)))
		}
	}
	return most
}

// noticed reports whether any test has sounded that is not explained yet.
func (m *Monitor) noticed() bool {
	for k := range measures {
		if m.sounds(k) && !m.explained(k) {
			return true
		}
	}
	return !m.voided() && m.scores.Evidence() >= m.limit
}

// explained reports whether an alarm is up that accounts for measure k.
func (m *Monitor) explained(k int) bool {
	for _, a := range m.state.Alarms {
		if a.Kind == kindOf[k] || k == unlike && (a.Kind == Pose || a.Kind == Focus) {
			return true
		}
	}
	return false
}

// level of measure k over the latest parts, in standard deviations of the seeds.
func (m *Monitor) level(k int) float64 {
	n := min(m.parts, window)
	if m.meter == nil || n == 0 {
		return math.NaN()
	}
	if m.sign > 0 { // parts before the change do not count
		n = min(n, m.parts-m.sign+settleParts/2)
	}
	for i := range n {
		m.sorted[i] = m.recent[k][(m.parts-i)%window]
	}
	slices.Sort(m.sorted[:n])
	return ((m.sorted[(n-1)/2]+m.sorted[n/2])/2 - m.centre[k]) / m.scale[k]
}

// name says which kinds have changed, raises their alarms, and says why the certificate
// is void. It reports whether it has said anything new.
func (m *Monitor) name() bool {
	before := m.state.Void
	kinds := m.suspects()
	for _, k := range kinds {
		a := Alarm{Kind: k, Part: m.sign, strength: m.strength(k)}
		a.Text, a.Action = m.describe(k)
		m.state.Alarms = append(m.state.Alarms, a)
	}
	switch {
	case len(kinds) > 0:
		m.state.Void = m.state.Alarms[len(m.state.Alarms)-len(kinds)].Text
	case len(m.state.Alarms) > 0: // a change of what is named already
	case m.scores.Rejects():
		m.state.Void = "rejects come at another rate than before, and none of light, focus, pose and product says why"
	default:
		m.state.Void = "scores of good parts no longer lie as in calibration"
	}
	return len(kinds) > 0 || m.state.Void != before
}

// leak is how much of a change of light, in standard deviations, may show in what
// is left when light is taken out: cameras bend brightness, lamps are uneven. A
// change of product shows many times more there than it does as light.
const leak = 2.5

// suspects are the kinds to name, the strongest first, by how far they have changed
// since the alarms that are up were settled. Pose and focus come before product,
// which can only be seen where both are right.
func (m *Monitor) suspects() []Kind {
	var level [Kinds]float64
	var up [Kinds]bool
	if m.meter == nil {
		return nil
	}
	for k := range measures {
		z := math.Abs(m.level(k) - m.base[k])
		kind := kindOf[k]
		up[kind] = up[kind] || z >= clearly || m.sounds(k)
		level[kind] = max(level[kind], z)
	}
	blind := level[Pose] >= clearly || level[Focus] >= clearly
	for _, a := range m.state.Alarms {
		up[a.Kind] = false
		blind = blind || a.Kind == Pose || a.Kind == Focus
	}
	if blind {
		up[Product], level[Product] = false, 0
	}
	if up[Light] && !blind && len(m.state.Alarms) == 0 {
		up[Product] = m.otherwise() > leak*level[Light]
		up[Light] = !up[Product]
	}
	var kinds []Kind
	for k := range Kinds {
		if up[k] {
			kinds = append(kinds, Kind(k))
		}
	}
	slices.SortFunc(kinds, func(a, b Kind) int {
		if level[a] > level[b] {
			return -1
		}
		return 1
	})
	most := m.most(level)
	for i, k := range kinds {
		if i > 0 && level[k] < level[kinds[0]]/3 || level[k] < most/3 {
			return kinds[:i] // the rest is leakage
		}
	}
	return kinds
}

// most is the highest of the levels whose kinds have alarms that are up; 0 without any.
func (m *Monitor) most(level [Kinds]float64) (most float64) {
	for _, a := range m.state.Alarms {
		most = max(most, level[a.Kind])
	}
	return most
}

// otherwise is how far, in standard deviations of one part, the mean of the parts
// since sign lies away from taught ones after light, pose and focus are taken out;
// 0 for what noise explains. A mean sees a small common change that the distance of single parts hides.
func (m *Monitor) otherwise() float64 {
	n := float64(m.parts - m.sign)
	if n < 1 {
		return 0
	}
	for i, v := range m.rest {
		m.meter.dev[i] = v / float32(n)
	}
	noise := math.Exp(m.centre[unlike]) / n
	return math.Sqrt(cells * max(m.meter.distance()-2*noise, 0))
}

// change of measure k in its own unit.
func (m *Monitor) change(k int) float64 { return m.level(k) * m.scale[k] }

// describe says in words what has changed and what to do.
func (m *Monitor) describe(k Kind) (text, action string) {
	switch k {
	case Light:
		c := m.change(gain)
		text, action = fmt.Sprintf("light %+.1f %% in the picture (%+.0f %% at the lamp, if the camera's gamma is 2.2)", 100*c, 100*(math.Pow(max(1+c, 0), 2.2)-1)), "clean or replace the lamp, look for stray light; then recalibrate with 30 parts"
	case Focus:
		text, action = fmt.Sprintf("focus: fine contrast along edges %+.0f %%", 100*(math.Exp(m.change(sharpness))-1)), "clean and refocus the lens, look for vibration; then recalibrate with 30 parts"
	case Pose:
		text = fmt.Sprintf("pose: parts lie %+.1f pixels right, %+.1f down, turned %+.1f degrees", m.change(right), m.change(down), m.change(turned))
		action = "check the fixture, the guide rails and the trigger's delay; then recalibrate with 30 parts"
	default:
		text = fmt.Sprintf("product: parts look otherwise than taught by %.1f standard deviations; light, focus and pose are as they were", m.level(unlike))
		action = "check lot and material; if these parts are good, recalibrate with 30 of them or teach again"
	}
	return text, action
}

// State returns what the monitor has come to, with fresh levels.
func (m *Monitor) State() State {
	s := m.state
	s.Alarms = slices.Clone(m.state.Alarms)
	if m.meter != nil && m.parts > 0 {
		s.Levels = [Kinds]float64{Light: m.level(gain), Focus: m.level(sharpness), Pose: m.level(right), Product: m.level(unlike)}
		for _, k := range []int{down, turned} {
			if z := m.level(k); math.Abs(z) > math.Abs(s.Levels[Pose]) {
				s.Levels[Pose] = z
			}
		}
	}
	return s
}

// Parts observed.
func (m *Monitor) Parts() int { return m.parts }
