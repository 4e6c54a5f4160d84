package modbus

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/simonvetter/modbus"

	"winnow/edge"
)

// dial starts a server of s and a client of it.
func dial(t *testing.T, s Snapshot) *modbus.ModbusClient {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, Config{Listen: addr}, func() Snapshot { return s }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	c, err := modbus.NewClient(&modbus.ClientConfiguration{URL: "tcp://" + addr, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for c.Open() != nil { // the server is about to listen
		if ctx.Err() != nil || len(done) > 0 {
			t.Fatal("the server does not listen")
		}
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestPLCReadsSignalsAndCounters(t *testing.T) {
	c := dial(t, Snapshot{
		Ready: true, LastPart: 70000, LastDecision: edge.Reject, Heartbeat: 9,
		Counts: edge.Counts{Triggers: 70001, Accept: 70000, Reject: 1, Late: 1},
	})
	bits, err := c.ReadDiscreteInputs(0, 9)
	if want := []bool{true, false, false, false, false, false, false, true, false}; err != nil || !slices.Equal(bits, want) {
		t.Errorf("%v %v", bits, err)
	}
	n, err := c.ReadUint32s(0, 3, modbus.INPUT_REGISTER)
	if err != nil || !slices.Equal(n, []uint32{70001, 70000, 1}) {
		t.Errorf("%v %v", n, err)
	}
	words, err := c.ReadRegisters(16, 5, modbus.INPUT_REGISTER)
	if err != nil || !slices.Equal(words, []uint16{1, 70000 & 0xffff, 2, 9, MapVersion}) {
		t.Errorf("%v %v", words, err)
	}
}

func TestPLCCannotWriteOrReadBeyond(t *testing.T) {
	c := dial(t, Snapshot{})
	for name, err := range map[string]error{
		"coil":     c.WriteCoil(0, true),
		"register": c.WriteRegister(0, 1),
	} {
		if !errors.Is(err, modbus.ErrIllegalFunction) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.ReadRegisters(20, 2, modbus.INPUT_REGISTER); !errors.Is(err, modbus.ErrIllegalDataAddress) {
		t.Error(err)
	}
	if _, err := c.ReadDiscreteInputs(65535, 1); !errors.Is(err, modbus.ErrIllegalDataAddress) {
		t.Error(err)
	}
}

func TestNoResultShowsAsNothing(t *testing.T) {
	s := Snapshot{LastDecision: edge.Unknown}
	if slices.Contains(s.bits(), true) {
		t.Error(s.bits())
	}
	s.LastPart = 1
	if !s.bits()[7] {
		t.Error("an unknown decision must show as a reject")
	}
}

// TestSilentClientsLeaveTheirPlaces: to others, once they have been silent for so long.
func TestSilentClientsLeaveTheirPlaces(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done, serving := make(chan error, 1), make(chan struct{})
	go func() {
		done <- Run(ctx, Config{Listen: addr, Clients: 2, Idle: 200 * time.Millisecond, Serving: func() { close(serving) }}, func() Snapshot { return Snapshot{Heartbeat: 9} })
	}()
	<-serving
	for range 2 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte{0, 1, 0}); err != nil { // the beginning of a request
			t.Fatal(err)
		}
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := modbus.NewClient(&modbus.ClientConfiguration{URL: "tcp://" + addr, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err = c.Open(); err == nil {
			_, err = c.ReadRegister(19, modbus.INPUT_REGISTER)
			c.Close()
		}
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	cancel()
	<-done
}

func TestBadAddressIsSaid(t *testing.T) {
	if err := Run(t.Context(), Config{Listen: "nonsense"}, nil); err == nil {
		t.Error("no error")
	}
}
