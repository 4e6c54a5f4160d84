package mqtt_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

// TestLargeRetainedMessage: one that is too large, retained where the station listens, does not keep
// its records from the broker.
func TestLargeRetainedMessage(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/v1/s/l/d/cmd/+/ack")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := e.Publish(ctx, "winnow/v1/s/l/d/cmd/recipe", true, []byte(strings.Repeat("x", 200<<10))); err != nil {
			t.Fatal(err)
		}
		st := start(t, s.URL(), func(c *mqtt.Config) {
			c.Handle = func(context.Context, telemetry.Command) error { return nil }
		})
		for seq := range uint64(1000) {
			st.part(seq + 1)
			time.Sleep(time.Millisecond)
		}
		wait, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := st.outbox.Drained(wait); err != nil {
			t.Errorf("%v: %+v %+v", err, st.outbox.Stats(), st.Stats())
		}
	})
}

// TestTooManyCommandsAreAnsweredByID: those that are refused unread as well.
func TestTooManyCommandsAreAnsweredByID(t *testing.T) {
	s := &embedded{addr: freeAddress(t)}
	s.Start(t)
	defer s.Stop()
	e := listen(t, s.URL(), "winnow/v1/s/l/d/cmd/+/ack")
	release := make(chan struct{})
	defer close(release)
	st := start(t, s.URL(), func(c *mqtt.Config) {
		c.Handle = func(context.Context, telemetry.Command) error { <-release; return nil }
	})
	await(t, "connected", func() bool { return st.Stats().Connected })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range 30 {
		p := `{"schema":1,"id":"mine","expires":"` + time.Now().Add(time.Minute).UTC().Format(time.RFC3339) + `"}`
		if err := e.Publish(ctx, "winnow/v1/s/l/d/cmd/teach", false, []byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if h := e.until("/ack", "too many"); !strings.Contains(h.payload, `"request":"mine"`) {
		t.Error(h.payload)
	}
}

// hung is an outbox on a disk that does not answer.
type hung struct {
	telemetry.MemStore
	release chan struct{}
}

func (h *hung) Next(uint64, int) ([]telemetry.Record, error) { <-h.release; return nil, nil }

// TestStateIsToldWhileTheDiskHangs: retained topics do not wait for records.
func TestStateIsToldWhileTheDiskHangs(t *testing.T) {
	s := &embedded{addr: freeAddress(t)}
	s.Start(t)
	defer s.Stop()
	e := listen(t, s.URL(), "winnow/#")
	who := telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b"}
	st, _ := telemetry.NewStation(who, newClock())
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	h := &hung{release: make(chan struct{})}
	defer close(h.release)
	o := telemetry.NewOutbox(h, telemetry.Limits{}, log)
	c, err := mqtt.New(mqtt.Config{Broker: s.URL()}, st, o, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.Run(ctx)
	e.until("/status", "online")
	telemetry.NewReporter(st, c, o).State(telemetry.Fault, "", "", nil)
	e.until("/state", "FAULT")
}

// TestResultsDoNotWaitForSubscriptions: a broker that never answers SUBSCRIBE gets
// the state and the records all the same.
func TestResultsDoNotWaitForSubscriptions(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	st := start(t, "mqtt://"+l.Addr().String(), func(c *mqtt.Config) { c.Timeout = time.Second })
	st.part(1)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	for {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			t.Fatalf("no record came: %v", err)
		}
		switch p := p.(type) {
		case *packets.ConnectPacket:
			conn.Write([]byte{0x20, 2, 0, 0})
		case *packets.PingreqPacket:
			conn.Write([]byte{0xd0, 0})
		case *packets.PublishPacket:
			if p.Qos == 1 {
				conn.Write([]byte{0x40, 2, byte(p.MessageID >> 8), byte(p.MessageID)})
			}
			if strings.HasSuffix(p.TopicName, "/part") {
				return
			}
		}
	}
}

// unreadable is an outbox that cannot be read so many times.
type unreadable struct {
	telemetry.MemStore
	times atomic.Int64
}

func (u *unreadable) Next(after uint64, limit int) ([]telemetry.Record, error) {
	if u.times.Add(-1) >= 0 {
		return nil, errors.New("the disk does not answer")
	}
	return u.MemStore.Next(after, limit)
}

// TestRecordsAreReadAgain: what the disk did not give once is sent without another part.
func TestRecordsAreReadAgain(t *testing.T) {
	s := &embedded{addr: freeAddress(t)}
	s.Start(t)
	defer s.Stop()
	store := new(unreadable)
	store.times.Store(1)
	if err := store.Append([]telemetry.Record{{Seq: 1, Topic: "kept", Payload: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	st, _ := telemetry.NewStation(telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b"}, newClock())
	log := slog.New(slog.DiscardHandler)
	o := telemetry.NewOutbox(store, telemetry.Limits{}, log) // nobody runs it: nothing wakes the sender
	c, err := mqtt.New(mqtt.Config{Broker: s.URL()}, st, o, log)
	if err != nil {
		t.Fatal(err)
	}
	e := listen(t, s.URL(), "kept")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go c.Run(ctx)
	e.until("kept", "x")
}

// TestABrokerThatAcknowledgesNothingIsNoConnection: the station says so, and connects
// again without taking its Last Will back; it is well with the first acknowledgement.
func TestABrokerThatAcknowledgesNothingIsNoConnection(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	st := start(t, "mqtt://"+l.Addr().String(), func(c *mqtt.Config) { c.Timeout = 100 * time.Millisecond })
	st.part(1)
	// serve answers all but what it is to leave, until the connection ends.
	serve := func(acknowledge bool) {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(patience))
		for {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				if !acknowledge && !errors.Is(err, io.EOF) {
					t.Errorf("the station kept the connection: %v", err)
				}
				return
			}
			switch p := p.(type) {
			case *packets.ConnectPacket:
				conn.Write([]byte{0x20, 2, 0, 0})
			case *packets.SubscribePacket:
				conn.Write([]byte{0x90, 3, byte(p.MessageID >> 8), byte(p.MessageID), 1})
			case *packets.PingreqPacket:
				conn.Write([]byte{0xd0, 0})
			case *packets.DisconnectPacket:
				if !acknowledge {
					t.Error("the station took its will back")
				}
			case *packets.PublishPacket:
				if p.Qos == 1 && acknowledge {
					conn.Write([]byte{0x40, 2, byte(p.MessageID >> 8), byte(p.MessageID)})
				}
			}
		}
	}
	serve(false)
	await(t, "the station says why", func() bool { return strings.Contains(st.Stats().Failing, "acknowledges nothing") })
	serve(false)
	go serve(true)
	drained(t, st)
	await(t, "the station is well", func() bool { return st.Stats().Failing == "" })
	st.stop()
}
