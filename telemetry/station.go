package telemetry

import (
	"encoding/json"
	"fmt"
	"sync/atomic"

	"winnow/edge"
)

// Identity is who speaks.
type Identity struct {
	Site, Line, Device string // levels of the topic: see CheckID
	Boot               string // names this run of the process; an id too
	Version            string // of the software
}

// Station writes the messages of one device in one boot. It is safe for
// concurrent use.
type Station struct {
	topics Topics
	who    Identity
	clock  edge.Clock
	seq    atomic.Uint64
	model  atomic.Pointer[string]
}

// NewStation returns an error if an id of who is not fit for a topic.
func NewStation(who Identity, clock edge.Clock) (*Station, error) {
	topics, err := NewTopics(who.Site, who.Line, who.Device)
	if err != nil {
		return nil, err
	}
	if err := CheckID("boot id", who.Boot); err != nil {
		return nil, err
	}
	return &Station{topics: topics, who: who, clock: clock}, nil
}

// Topics of the station.
func (s *Station) Topics() Topics { return s.topics }

// Device is the device id; it is the MQTT client id too.
func (s *Station) Device() string { return s.who.Device }

// Boot names this run of the process.
func (s *Station) Boot() string { return s.who.Boot }

// Clock is the clock that messages are stamped with.
func (s *Station) Clock() edge.Clock { return s.clock }

// SetModel says which package is in force, for the next status message.
func (s *Station) SetModel(digest string) { s.model.Store(&digest) }

// header stamps a message that is not about a part.
func (s *Station) header() Header {
	return Header{
		Schema: Version,
		ID:     edge.EventID{Device: s.who.Device, Boot: s.who.Boot, Seq: s.seq.Add(1)},
		At:     Stamp(s.clock.Wall()),
	}
}

// EncodeStatus returns the payload of the status topic.
func (s *Station) EncodeStatus(p Presence) []byte {
	st := Status{Header: s.header(), Status: p, Version: clip(s.who.Version)}
	if m := s.model.Load(); m != nil {
		st.Model = clip(*m)
	}
	return encode(st)
}

// encode is for payloads made only of types that always have a JSON form.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("telemetry: payload %T has no JSON form: %v", v, err))
	}
	return b
}
