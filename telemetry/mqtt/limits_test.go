package mqtt_test

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

// TestAtMostSoManyInFlight reads publishes without acknowledging them: no more
// than the limit come, and each acknowledgement lets one more pass.
func TestAtMostSoManyInFlight(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	st := start(t, "mqtt://"+l.Addr().String(), func(c *mqtt.Config) { c.InFlight = 1000 })
	for seq := range uint64(3 * mqtt.MaxInFlight) {
		st.part(seq + 1)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(patience))
	flying := map[uint16]bool{}
	read := func() *packets.PublishPacket {
		for {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return nil
			}
			switch p := p.(type) {
			case *packets.ConnectPacket:
				conn.Write([]byte{0x20, 2, 0, 0})
			case *packets.SubscribePacket:
				conn.Write([]byte{0x90, 3, byte(p.MessageID >> 8), byte(p.MessageID), 1})
			case *packets.PublishPacket:
				if p.Qos == 1 {
					flying[p.MessageID] = true
					return p
				}
			}
		}
	}
	var last *packets.PublishPacket
	for len(flying) < mqtt.MaxInFlight {
		if p := read(); p == nil {
			t.Fatalf("only %d in flight", len(flying))
		} else {
			last = p
		}
	}
	for range 5 {
		conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if p := read(); p != nil {
			t.Fatalf("%d in flight", len(flying))
		}
		conn.SetReadDeadline(time.Now().Add(patience))
		delete(flying, last.MessageID)
		conn.Write([]byte{0x40, 2, byte(last.MessageID >> 8), byte(last.MessageID)})
		if last = read(); last == nil {
			t.Fatal("an acknowledgement let none pass")
		}
	}
}

// TestNothingOutlivesAStation starts and stops stations in every situation and
// counts goroutines.
func TestNothingOutlivesAStation(t *testing.T) {
	s := &embedded{addr: freeAddress(t)}
	s.Start(t)
	defer s.Stop()
	g := newGateway(t, s.URL())
	live := func() {
		st := start(t, "mqtt://"+g.Addr().String())
		st.State(telemetry.Ready, "", "", nil)
		st.part(1)
		drained(t, st)
		g.cut()
		st.part(2)
		st.stop()
		start(t, "mqtt://127.0.0.1:1").stop() // nobody there
	}
	live()
	runtime.GC()
	before := runtime.NumGoroutine()
	for range 10 {
		live()
	}
	await(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before+3 })
}
