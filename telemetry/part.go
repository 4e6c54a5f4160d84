package telemetry

import (
	"encoding/json"
	"math"
	"time"

	"winnow/edge"
)

// Part is the payload of part: one verdict.
type Part struct {
	Header
	Record    uint64        `json:"record"`  // number in the outbox; a gap is a lost record
	Verdict   edge.Decision `json:"verdict"` // readers treat "unknown" as a reject
	Reason    edge.Reason   `json:"reason"`
	Why       string        `json:"why"` // in plain sentences; "" for an accepted part
	Score     Score         `json:"score"`
	Nearest   *Nearest      `json:"nearest"`       // taught part, null where none is named
	FrameUS   *int64        `json:"frame_us"`      // trigger to exposure, null without a frame
	LatencyUS *int64        `json:"latency_us"`    // trigger to decision, null without one
	MarginUS  *int64        `json:"due_margin_us"` // decision to due, below 0 when late, null without a due
	Recipe    string        `json:"recipe"`
	Model     string        `json:"model"`
}

// Score is edge.Score on the wire.
type Score struct {
	Fused               Number `json:"fused"`
	Latent              Number `json:"latent"`
	Reconstruction      Number `json:"reconstruction"` // both maps: autoencoder and surroundings
	Autoencoder         Number `json:"autoencoder"`
	Surroundings        Number `json:"surroundings"`
	LatentShare         Number `json:"latent_share"`
	ReconstructionShare Number `json:"reconstruction_share"` // with LatentShare 1
	SurroundingsShare   Number `json:"surroundings_share"`   // what of ReconstructionShare is theirs
	PValue              Number `json:"p_value"`
	Threshold           Number `json:"threshold"`
	Spread              Number `json:"spread"`
}

// PartOf returns v as written on the wire. A part that was never scored
// carries null for every score.
func PartOf(v *edge.Verdict, record uint64) Part {
	return Part{
		Header:    Header{Schema: Version, ID: v.ID, At: Stamp(v.Wall)},
		Record:    record,
		Verdict:   knownDecision(v.Decision),
		Reason:    v.Reason,
		Why:       clip(v.Why()),
		Score:     scoreOf(v),
		Nearest:   nearestOf(v),
		FrameUS:   micros(v.Trigger, v.Frame),
		LatencyUS: micros(v.Trigger, v.Scored),
		MarginUS:  micros(v.Scored, v.Due),
		Recipe:    clip(v.Recipe),
		Model:     clip(v.Model),
	}
}

// Nearest is edge.Nearest on the wire.
type Nearest struct {
	Part     string  `json:"part"`
	Distance Rounded `json:"distance"`
	Usual    Rounded `json:"usual"`
}

func nearestOf(v *edge.Verdict) *Nearest {
	n := v.Nearest
	if n.Part == "" || v.Decision == edge.Accept {
		return nil
	}
	return &Nearest{clip(n.Part), Rounded(n.Distance), Rounded(n.Usual)}
}

// knownDecision turns what is no decision into Unknown, which is a reject.
func knownDecision(d edge.Decision) edge.Decision {
	if d > edge.Unsure {
		return edge.Unknown
	}
	return d
}

func scoreOf(v *edge.Verdict) Score {
	s := v.Score
	if s == (edge.Score{}) {
		nan := Number(math.NaN())
		return Score{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}
	}
	return Score{
		Fused:               Number(s.Fused),
		Latent:              Number(s.Latent),
		Reconstruction:      Number(s.Reconstruction),
		Autoencoder:         Number(s.Autoencoder),
		Surroundings:        Number(s.Surroundings),
		LatentShare:         Number(s.LatentShare),
		ReconstructionShare: Number(1 - s.LatentShare),
		SurroundingsShare:   Number(s.SurroundingsShare),
		PValue:              Number(s.PValue),
		Threshold:           Number(s.Threshold),
		Spread:              Number(s.Spread),
	}
}

// micros is the time from one instant to another; an instant of zero is unknown.
func micros(from, to edge.Instant) *int64 {
	if from == 0 || to == 0 {
		return nil
	}
	us := int64(to.Sub(from) / time.Microsecond)
	return &us
}

// EncodePart returns the JSON of v's part record.
func EncodePart(v *edge.Verdict, record uint64) ([]byte, error) {
	return json.Marshal(PartOf(v, record))
}
