package mqtt

import (
	"fmt"
	"net"
)

// Types of MQTT 3.1.1 control packets that a broker may send to a client that
// neither publishes nor subscribes with QoS 2 (MQTT 3.1.1, section 2.2.1).
const (
	packetConnack  = 2
	packetPublish  = 3
	packetPuback   = 4
	packetSuback   = 9
	packetUnsuback = 11
	packetPingresp = 13
)

// framer follows the packets of a byte stream and refuses what must not reach
// the library: it allocates up to 256 MiB from five bytes of header, indexes
// past the subscriptions of a long SUBACK, and keeps messages of QoS 2 for ever.
type framer struct {
	max    int // largest remaining length of a PUBLISH
	head   byte
	length int
	digits int // bytes of the length seen so far
	left   int // bytes of the body to come
	inHead bool
}

// feed returns an error as soon as b completes a header that is refused.
func (f *framer) feed(b []byte) error {
	for len(b) > 0 {
		switch {
		case f.left > 0:
			n := min(f.left, len(b))
			f.left -= n
			b = b[n:]
		case !f.inHead:
			f.head, f.length, f.digits, f.inHead = b[0], 0, 0, true
			b = b[1:]
		default:
			done, err := f.lengthByte(b[0])
			if err != nil {
				return err
			}
			if done {
				f.left, f.inHead = f.length, false
			}
			b = b[1:]
		}
	}
	return nil
}

// lengthByte adds one byte of the variable-length number (section 2.2.3).
func (f *framer) lengthByte(c byte) (done bool, err error) {
	f.length |= int(c&0x7f) << (7 * f.digits)
	f.digits++
	if c&0x80 == 0 {
		return true, f.judge()
	}
	if f.digits == 4 {
		return false, fmt.Errorf("the broker sent a length of more than four bytes")
	}
	return false, nil
}

// judge refuses a packet by its type, flags and length.
func (f *framer) judge() error {
	kind, qos := f.head>>4, f.head>>1&3
	want := 2
	switch kind {
	case packetPublish:
		if qos > 1 {
			return fmt.Errorf("the broker sent a message of QoS %d, which was not asked for", qos)
		}
		if f.length > f.max {
			return fmt.Errorf("the broker sent a message of %d bytes: at most %d are taken", f.length, f.max)
		}
		return nil
	case packetConnack, packetPuback, packetUnsuback:
	case packetSuback:
		want = 3 // only ever one filter at a time
	case packetPingresp:
		want = 0
	default:
		return fmt.Errorf("the broker sent a packet of type %d, which is none for a client", kind)
	}
	if f.length != want {
		return fmt.Errorf("the broker sent a packet of type %d with %d bytes: it has %d", kind, f.length, want)
	}
	return nil
}

// guard is a connection whose incoming packets pass a framer. The first
// refusal closes it.
type guard struct {
	net.Conn
	framer framer
}

func newGuard(conn net.Conn, maxPacket int) *guard {
	return &guard{Conn: conn, framer: framer{max: maxPacket}}
}

// Read implements net.Conn. It is called by one goroutine at a time.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if bad := g.framer.feed(p[:n]); bad != nil {
		g.Conn.Close()
		return 0, bad
	}
	return n, err
}
