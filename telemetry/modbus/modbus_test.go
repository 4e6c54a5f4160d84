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

// serve starts a server of s at an address of its own, which it returns.
func serve(t *testing.T, cfg Config, s Snapshot) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = l.Addr().String()
	l.Close()
	serving := make(chan struct{})
	cfg.Serving = func() { close(serving) }
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, func() Snapshot { return s }) }()
	select {
	case <-serving:
	case err := <-done:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return cfg.Listen
}

func client(t *testing.T, addr string) *modbus.ModbusClient {
	t.Helper()
	c, err := modbus.NewClient(&modbus.ClientConfiguration{URL: "tcp://" + addr, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dial starts a server of s and a client of it.
func dial(t *testing.T, s Snapshot) *modbus.ModbusClient {
	t.Helper()
	c := client(t, serve(t, Config{}, s))
	if err := c.Open(); err != nil {
		t.Fatal(err)
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

// TestSilentClientsLeaveTheirPlaces: to others, once they have been silent for so long,
// and not before.
func TestSilentClientsLeaveTheirPlaces(t *testing.T) {
	addr := serve(t, Config{Clients: 2, Idle: 2 * time.Second}, Snapshot{Heartbeat: 9})
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
	refused := 0
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c := client(t, addr)
		err := c.Open()
		if err == nil {
			_, err = c.ReadRegister(19, modbus.INPUT_REGISTER)
			c.Close()
		}
		if err == nil {
			break
		}
		if refused++; time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if refused == 0 {
		t.Error("a third client found a place")
	}
}

func TestBadAddressIsSaid(t *testing.T) {
	if err := Run(t.Context(), Config{Listen: "nonsense"}, nil); err == nil {
		t.Error("no error")
	}
}
