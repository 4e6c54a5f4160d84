package mqtt

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

func TestFramerTakesAnyPieces(t *testing.T) {
	honest := []byte{
		0x20, 2, 0, 0, // CONNACK
		0x90, 3, 0, 1, 1, // SUBACK
		0x30, 4, 0, 1, 'a', 'x', // PUBLISH
		0x32, 0x81, 0x01, // PUBLISH of 129 bytes
	}
	honest = append(honest, make([]byte, 129)...)
	honest = append(honest, 0x40, 2, 0, 1, 0xd0, 0, 0xb0, 2, 0, 1)
	for size := 1; size <= len(honest); size++ {
		f, passed := framer{max: 129}, []byte(nil)
		for rest := honest; len(rest) > 0; {
			n := min(size, len(rest))
			var err error
			if passed, err = f.feed(passed, rest[:n]); err != nil {
				t.Fatalf("pieces of %d: %v", size, err)
			}
			rest = rest[n:]
		}
		if !bytes.Equal(passed, honest) {
			t.Fatalf("pieces of %d: %x passed", size, passed)
		}
		f, passed = framer{max: 128}, nil
		for rest := honest; len(rest) > 0; {
			n := min(size, len(rest))
			passed, _ = f.feed(passed, rest[:n])
			rest = rest[n:]
		}
		if len(passed) != len(honest)-3-129 || bytes.Contains(passed, make([]byte, 9)) {
			t.Fatalf("a message of 129 bytes passed a limit of 128: %x", passed)
		}
	}
}

// TestMessagesThatAreLeftOutAreAcknowledged: a broker has only so many under way.
func TestMessagesThatAreLeftOutAreAcknowledged(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7, 4096} {
		client, broker := net.Pipe()
		g := newGuard(client, 64)
		go func() {
			large := append([]byte{0x32, 0x80, 0x01, 0, 3, 'a', '/', 'b', 0x12, 0x34}, make([]byte, 121)...)
			small := []byte{0x30, 4, 0, 1, 'a', 'x'}
			unasked := append([]byte{0x30, 0x80, 0x01, 0, 1, 'a', 7, 7}, make([]byte, 123)...) // of QoS 0
			for rest := append(append(append(unasked, large...), large...), small...); len(rest) > 0; {
				n := min(size, len(rest))
				if _, err := broker.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		got := make(chan []byte, 1)
		go func() {
			b := make([]byte, 8)
			_ = broker.SetReadDeadline(time.Now().Add(5 * time.Second))
			n, _ := io.ReadFull(broker, b)
			got <- b[:n]
		}()
		passed := make([]byte, 6)
		if _, err := io.ReadFull(g, passed); err != nil || passed[5] != 'x' {
			t.Fatalf("%x, %v", passed, err)
		}
		client.Close()
		if b := <-got; !bytes.Equal(b, []byte{0x40, 2, 0x12, 0x34, 0x40, 2, 0x12, 0x34}) {
			t.Errorf("pieces of %d: the broker heard %x", size, b)
		}
	}
}

// FuzzGuardedPackets feeds what the framer lets pass to the library's decoder:
// it must neither panic nor be asked for more than the limit.
func FuzzGuardedPackets(f *testing.F) {
	f.Add([]byte{0x30, 4, 0, 1, 'a', 'x', 0x90, 3, 0, 1, 1})
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0x32, 0x80, 0x00, 0x20, 2, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		fr := framer{max: 64}
		b, err := fr.feed(nil, b)
		if err != nil {
			return
		}
		for r := bytes.NewReader(b); r.Len() > 0; {
			p, err := packets.ReadPacket(r)
			if err != nil {
				return
			}
			if s, ok := p.(*packets.SubackPacket); ok && len(s.ReturnCodes) > 1 {
				t.Fatalf("SUBACK with %d codes", len(s.ReturnCodes))
			}
			if m, ok := p.(*packets.PublishPacket); ok && len(m.Payload) > 64 {
				t.Fatalf("message of %d bytes", len(m.Payload))
			}
		}
	})
}
