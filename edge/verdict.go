package edge

import (
	"encoding/json"
	"fmt"
	"image"
	"time"
)

// Decision is what becomes of a part. Its zero value is Unknown, which every
// actuator treats as Reject.
type Decision uint8

// Decisions.
const (
	Unknown Decision = iota
	Accept
	Reject
	Unsure
)

var decisionNames = [...]string{"unknown", "accept", "reject", "unsure"}

func (d Decision) String() string {
	if int(d) < len(decisionNames) {
		return decisionNames[d]
	}
	return fmt.Sprintf("decision(%d)", uint8(d))
}

// MarshalText writes the name used in telemetry and records.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts the names that MarshalText writes.
func (d *Decision) UnmarshalText(b []byte) error {
	return unmarshalName(d, b, decisionNames[:], "decision")
}

// Reason says why a verdict is what it is, in a word that machines can compare.
type Reason string

// Reasons. An accepted part has none.
const (
	ReasonNone     Reason = ""
	ReasonScore    Reason = "score"     // above the calibrated threshold
	ReasonUnsure   Reason = "unsure"    // inside the unsure band
	ReasonLate     Reason = "late"      // not ready by Due
	ReasonNoFrame  Reason = "no-frame"  // the camera gave nothing in time
	ReasonBadFrame Reason = "bad-frame" // torn, short, flagged by the driver, or flat
	ReasonMoved    Reason = "moved"     // lies farther from its place than registration may move it
	ReasonFault    Reason = "fault"     // the judge failed
	ReasonOverrun  Reason = "overrun"   // triggered while no slot was free
)

// EventID names one part for ever: device, the boot it ran in, and a counter
// that starts at 1 in each boot.
type EventID struct {
	Device string `json:"device"`
	Boot   string `json:"boot"`
	Seq    uint64 `json:"seq"`
}

func (id EventID) String() string { return fmt.Sprintf("%s/%s/%d", id.Device, id.Boot, id.Seq) }

// Score is what the detector says of one part. Higher Fused is more anomalous.
type Score struct {
	Fused          float64 `json:"fused"`          // what the threshold is compared with
	Latent         float64 `json:"latent"`         // standardized latent discrepancy
	Reconstruction float64 `json:"reconstruction"` // standardized: both maps, weighed as in Fused
	Autoencoder    float64 `json:"autoencoder"`    // standardized: the worst place of the autoencoder's error alone
	Surroundings   float64 `json:"surroundings"`   // standardized: the worst place that its surroundings do not foretell; 0 without that view

	LatentShare       float64 `json:"latent_share"`       // share of Latent in Fused, 0..1
	SurroundingsShare float64 `json:"surroundings_share"` // share of Surroundings; the autoencoder has the rest

	PValue    float64 `json:"p_value"`   // conformal p-value against held-out good parts, 0..1
	Threshold float64 `json:"threshold"` // the calibrated threshold in force
	Spread    float64 `json:"spread"`    // standard deviation of Fused between the members of an ensemble; 0 without one
}

// Region is one peak of the anomaly map, and what is around it and nearly as high.
type Region struct {
	Box   image.Rectangle `json:"box"`   // pixels of the judged frame
	Area  int             `json:"area"`  // pixels
	Score float64         `json:"score"` // the peak, in threshold units
	Share float64         `json:"share"` // of the map's excess over the threshold, with all that falls from the peak, 0..1
}

// Nearest is the taught part that is most like a judged one. The zero value is
// none.
type Nearest struct {
	Part     string  `json:"part"`     // name of its picture, or its number
	Distance float64 `json:"distance"` // in latent space: root mean square over its directions, in standard deviations of taught parts
	Usual    float64 `json:"usual"`    // the median taught part's distance to its own nearest
}

// HeatmapSide is the number of rows and of columns of a Heatmap.
const HeatmapSide = 16

// Heatmap is the anomaly map summed up for telemetry and pictures: row-major
// cells over the whole frame, 0 = nothing, 128 = at the threshold, 255 = twice
// the threshold or more.
type Heatmap [HeatmapSide * HeatmapSide]uint8

// Verdict is the record of one part. The zero Verdict is an Unknown that
// actuators reject.
type Verdict struct {
	ID       EventID
	Decision Decision
	Reason   Reason
	Score    Score
	Regions  []Region // at most MaxRegions, largest share first
	Unnamed  bool     // there is more than Regions name: further places, or other frames of the part that were not accepted
	Heatmap  Heatmap
	Missing  float64         // share of the frame that held no picture, 0..1: dead pixels and lines, which are bridged, or lost rows
	Wide     float64         // share of the part that is wide and faint as only one in 128 places of good parts is, 0..1
	Shift    image.Point     // by which registration found the part right and down of its place, in pixels of the frame; it was judged there
	Judged   image.Rectangle // the part of the frame that was looked at, in its pixels
	Nearest  Nearest         // of rejected and unsure parts whose package knows its taught parts

	Trigger Instant // the part was announced
	Frame   Instant // its first frame was exposed
	Scored  Instant // the decision was made
	Due     Instant // the last instant at which it still counts
	Wall    WallTime

	Recipe string
	Model  string // digest of the model package, short form
}

// MaxRegions bounds Verdict.Regions.
const MaxRegions = 5

// Fires reports whether the reject actuator acts on the decision; unsureFires
// is the recipe's choice for Unsure. Anything that is not a clear Accept fires.
func (v *Verdict) Fires(unsureFires bool) bool {
	switch v.Decision {
	case Accept:
		return false
	case Unsure:
		return unsureFires
	default:
		return true
	}
}

// Late turns v into a Reject with ReasonLate if now is after its Due, and
// reports whether it did. A zero Due is never late. A part that has no result
// keeps the reason for that; it is rejected anyway.
func (v *Verdict) Late(now Instant) bool {
	switch v.Reason {
	case ReasonNoFrame, ReasonBadFrame, ReasonFault, ReasonOverrun:
		if v.Decision != Accept && v.Decision != Unsure {
			return false
		}
	}
	if v.Due == 0 || !now.After(v.Due) {
		return false
	}
	v.Decision, v.Reason = Reject, ReasonLate
	return true
}

// Latency is the time from trigger to decision.
func (v *Verdict) Latency() time.Duration { return v.Scored.Sub(v.Trigger) }

// Certificate is the promise that a calibration makes about good parts.
type Certificate struct {
	Bound      float64 `json:"bound"`      // false-reject rate is at most this ...
	Confidence float64 `json:"confidence"` // ... with this confidence ...
	N          int     `json:"n"`          // ... from this many independent good parts
	Method     string  `json:"method"`     // how the held-out scores were had: "split" or "cross"
	Void       string  `json:"void,omitempty"`
}

// Counts is the ledger of a line: Triggers = Accept + Reject + Unsure + NoResult.
type Counts struct {
	Triggers  uint64 `json:"triggers"`
	Accept    uint64 `json:"accept"`
	Reject    uint64 `json:"reject"`
	Unsure    uint64 `json:"unsure"`
	NoResult  uint64 `json:"no_result"`
	Confirmed uint64 `json:"confirmed"` // reject pulses seen by a confirmation sensor
	Late      uint64 `json:"late"`      // of Reject: those that were late
	Dropped   uint64 `json:"dropped"`   // records that the recorder could not take
}

// Balanced reports whether every trigger is accounted for.
func (c Counts) Balanced() bool {
	return c.Triggers == c.Accept+c.Reject+c.Unsure+c.NoResult
}

// unmarshalName sets *v to the index of b in names.
func unmarshalName[T ~uint8](v *T, b []byte, names []string, what string) error {
	for i, n := range names {
		if n == string(b) {
			*v = T(i)
			return nil
		}
	}
	quoted, _ := json.Marshal(names)
	return fmt.Errorf("%s %q is not one of %s", what, b, quoted)
}
