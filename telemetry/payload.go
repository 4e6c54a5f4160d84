package telemetry

import "winnow/edge"

// Header opens every payload.
type Header struct {
	Schema int          `json:"schema"` // Version
	ID     edge.EventID `json:"id"`     // of a part; elsewhere Seq counts the messages of this boot
	At     Stamp        `json:"at"`
}

// Presence is what the retained status topic says.
type Presence string

// Presences. The broker itself publishes Offline, as the Last Will.
const (
	Online  Presence = "online"  // on every connect
	Stopped Presence = "stopped" // before a clean disconnect
	Offline Presence = "offline" // the connection broke
)

// Status is the payload of status. In Offline, At is when the connection was
// made, since the will is laid down then.
type Status struct {
	Header
	Status  Presence `json:"status"`
	Version string   `json:"version"`
	Model   string   `json:"model"` // digest of the package in force, "" for none
}

// LineState is the state of the line as design section 9 names it.
type LineState string

// Line states.
const (
	NotReady LineState = "NOT_READY"
	Ready    LineState = "READY"
	Shadow   LineState = "SHADOW"
	Teaching LineState = "TEACHING"
	Inhibit  LineState = "INHIBIT"
	Fault    LineState = "FAULT"
)

// LineStates lists every state.
func LineStates() []LineState {
	return []LineState{NotReady, Ready, Shadow, Teaching, Inhibit, Fault}
}

// Valid reports whether s is one of the states.
func (s LineState) Valid() bool {
	for _, k := range LineStates() {
		if s == k {
			return true
		}
	}
	return false
}

// State is the payload of state.
type State struct {
	Header
	State       LineState    `json:"state"`
	Reason      string       `json:"reason"`
	Recipe      string       `json:"recipe"`
	Certificate *Certificate `json:"certificate"` // null before calibration
}

// Certificate is edge.Certificate on the wire.
type Certificate struct {
	Bound      Number `json:"bound"`
	Confidence Number `json:"confidence"`
	N          int    `json:"n"`
	Method     string `json:"method"`
	Void       string `json:"void,omitempty"` // why it no longer holds
}

// CertificateOf returns c as written on the wire; nil stays nil.
func CertificateOf(c *edge.Certificate) *Certificate {
	if c == nil {
		return nil
	}
	return &Certificate{Number(c.Bound), Number(c.Confidence), c.N, clip(c.Method), clip(c.Void)}
}

// Counts is the payload of counts.
type Counts struct {
	Header
	edge.Counts
	Records RecordCounts `json:"records"`
}

// RecordCounts says how the outbox does.
type RecordCounts struct {
	Pending int    `json:"pending"` // part records that no broker has acknowledged
	Lost    uint64 `json:"lost"`    // part records of this boot that never will be sent
}

// Drift is the payload of drift: how far the scene has moved from the teach
// set, each in standard deviations of the teach set, null where not measured.
type Drift struct {
	Header
	Light       Number `json:"light"`
	Focus       Number `json:"focus"`
	Pose        Number `json:"pose"`
	Product     Number `json:"product"`
	Certificate string `json:"certificate"` // "valid" or "void"
	Reason      string `json:"reason"`
}

// Alarm is the payload of alarm/<code>. An empty payload clears the alarm.
type Alarm struct {
	Header
	Code   string `json:"code"`
	Since  Stamp  `json:"since"`
	Text   string `json:"text"`   // what is wrong
	Action string `json:"action"` // what a person does about it
}
