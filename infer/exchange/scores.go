package exchange

// Scores watches the scores of a line of which some parts are defective. It runs
// two tests. Accepted compares parts below the threshold with calibration scores
// below it: defects do not disturb it, and it is exact where calibration was split.
// All compares every part with the parts before it, defective ones included: it
// notices when a change has driven so many parts above the threshold that few are
// left to test.
type Scores struct {
	threshold     float64
	accepted, all *Test
}

// ScoreTests is the number of tests that Scores runs.
const ScoreTests = 2

// NewScores for a threshold. calibration are the held-out scores of good parts if
// they are exchangeable with live ones (split calibration); nil if they are not,
// as with cross-fitted ones, which lie higher: then only the line's own past is
// compared with.
func NewScores(calibration []float64, threshold float64, lots uint64) *Scores {
	var below []float64
	for _, s := range calibration {
		if s < threshold { // the threshold itself is one of the scores: given it, those below are as live ones below
			below = append(below, s)
		}
	}
	return &Scores{threshold: threshold, accepted: NewTest(below, 0, lots), all: NewTest(nil, 0, lots+1)}
}

// Add observes the score of one part.
func (s *Scores) Add(score float64) {
	s.all.Add(score)
	if score <= s.threshold {
		s.accepted.Add(score)
	}
}

// Evidence is the larger of both tests'.
func (s *Scores) Evidence() float64 { return max(s.accepted.Evidence(), s.all.Evidence()) }

// Rejects reports whether the evidence is that of all parts rather than of the
// accepted ones alone.
func (s *Scores) Rejects() bool { return s.all.Evidence() > s.accepted.Evidence() }
