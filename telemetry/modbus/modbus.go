// Package modbus lets a PLC read the station's signals and counters over Modbus
// TCP. It only shows: coils and holding registers, which a PLC could write, are
// refused, since commands to the station are typed and audited elsewhere.
//
// Discrete inputs (function 2), from 0: READY, ERROR, STOP, SHADOW, INHIBIT,
// TEACHING, then of the last part ACCEPT, REJECT, UNSURE.
//
// Input registers (function 4), 32-bit values high word first: 0 triggers,
// 2 accept, 4 reject, 6 unsure, 8 no result, 10 confirmed, 12 late, 14 dropped,
// 16 number of the last part; then single registers: 18 decision of the last part
// (0 unknown, 1 accept, 2 reject, 3 unsure), 19 heartbeat, 20 version of this
// map. One request reads one moment. Counters wrap at 2^32.
package modbus

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"time"

	"github.com/simonvetter/modbus"

	"winnow/edge"
)

// MapVersion is what register 20 says.
const MapVersion = 1

// Snapshot is what a PLC sees at one moment.
type Snapshot struct {
	Ready, Error, Stop, Shadow, Inhibit, Teaching bool
	Counts                                        edge.Counts
	LastPart                                      uint64 // 0: none yet
	LastDecision                                  edge.Decision
	Heartbeat                                     uint16 // changes with progress
}

// bits in the order of their addresses.
func (s *Snapshot) bits() []bool {
	some := s.LastPart != 0
	return []bool{
		s.Ready, s.Error, s.Stop, s.Shadow, s.Inhibit, s.Teaching,
		some && s.LastDecision == edge.Accept,
		some && s.LastDecision != edge.Accept && s.LastDecision != edge.Unsure,
		some && s.LastDecision == edge.Unsure,
	}
}

// words in the order of their addresses.
func (s *Snapshot) words() []uint16 {
	c := s.Counts
	var out []uint16
	for _, v := range []uint64{c.Triggers, c.Accept, c.Reject, c.Unsure, c.NoResult, c.Confirmed, c.Late, c.Dropped, s.LastPart} {
		out = append(out, uint16(v>>16), uint16(v))
	}
	return append(out, uint16(s.LastDecision), s.Heartbeat, MapVersion)
}

// Config of a server.
type Config struct {
	Listen  string        // host:port; name the interface, Modbus has no passwords
	Clients int           // at once; 0: 4
	Idle    time.Duration // a client that is silent for longer is dropped; 0: 30 s
	Serving func()        // is called once clients can connect; may be nil
}

// Run serves look's snapshots until ctx ends. look is called for each request by
// the server's goroutines; it must be safe for concurrent use and not block.
func Run(ctx context.Context, c Config, look func() Snapshot) error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("modbus: listen address %q: %w; give host:port", c.Listen, err)
	}
	if c.Clients <= 0 {
		c.Clients = 4
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Second
	}
	srv, err := modbus.NewServer(&modbus.ServerConfiguration{
		URL: "tcp://" + c.Listen, Timeout: c.Idle, MaxClients: uint(c.Clients), Logger: log.New(io.Discard, "", 0),
	}, handler{look})
	if err != nil {
		return fmt.Errorf("modbus: %w", err)
	}
	if err := srv.Start(); err != nil {
		return fmt.Errorf("modbus: listen on %s: %w", c.Listen, err)
	}
	if c.Serving != nil {
		c.Serving()
	}
	<-ctx.Done()
	if err := srv.Stop(); err != nil {
		return fmt.Errorf("modbus: stop: %w", err)
	}
	return ctx.Err()
}

// handler answers requests.
type handler struct{ look func() Snapshot }

// HandleCoils refuses.
func (handler) HandleCoils(*modbus.CoilsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

// HandleHoldingRegisters refuses.
func (handler) HandleHoldingRegisters(*modbus.HoldingRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}

// HandleDiscreteInputs answers function 2.
func (h handler) HandleDiscreteInputs(r *modbus.DiscreteInputsRequest) ([]bool, error) {
	s := h.look()
	return part(s.bits(), r.Addr, r.Quantity)
}

// HandleInputRegisters answers function 4.
func (h handler) HandleInputRegisters(r *modbus.InputRegistersRequest) ([]uint16, error) {
	s := h.look()
	return part(s.words(), r.Addr, r.Quantity)
}

// part of all that a request asks for.
func part[T any](all []T, addr, quantity uint16) ([]T, error) {
	first, last := int(addr), int(addr)+int(quantity)
	if last > len(all) {
		return nil, modbus.ErrIllegalDataAddress
	}
	return all[first:last], nil
}
