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
	max    int // largest remaining length of a PUBLISH; larger ones are left out
	head   byte
	length int
	digits int // bytes of the length seen so far
	left   int // bytes of the body to come
	inHead bool
	held   [5]byte // of the head, until it is judged
	skip   bool    // the body to come is left out
	at     int     // of the body that is left out: bytes so far
	topic  int     // the length of its topic
	acks   []byte  // PUBACKs of what was left out, to be sent
}

// feed appends to dst what of b the library may see. It returns an error as soon
// as b completes a header that is refused.
func (f *framer) feed(dst, b []byte) ([]byte, error) {
	for len(b) > 0 {
		switch {
		case f.left > 0:
			n := min(f.left, len(b))
			if !f.skip {
				dst = append(dst, b[:n]...)
			} else if f.head>>1&3 == 1 {
				f.acknowledge(b[:n])
			}
			f.left -= n
			b = b[n:]
		case !f.inHead:
			f.head, f.length, f.digits, f.inHead = b[0], 0, 0, true
			f.held[0] = b[0]
			b = b[1:]
		default:
			f.held[1+f.digits] = b[0]
			done, err := f.lengthByte(b[0])
			if err != nil {
				return dst, err
			}
			if done {
				f.left, f.inHead = f.length, false
				f.skip, f.at, f.topic = f.head>>4 == packetPublish && f.length > f.max, 0, 0
				if !f.skip {
					dst = append(dst, f.held[:1+f.digits]...)
				}
			}
			b = b[1:]
		}
	}
	return dst, nil
}

// acknowledge looks for the number of a message of QoS 1 that is left out: it lies behind
// the topic (section 3.3.2). A broker that never hears of its messages sends no more
// of them once so many are under way as it allows, often 20.
func (f *framer) acknowledge(b []byte) {
	for _, c := range b {
		switch f.at {
		case 0:
			f.topic = int(c) << 8
		case 1:
			f.topic |= int(c)
		case 2 + f.topic:
			f.acks = append(f.acks, packetPuback<<4, 2, c)
		case 3 + f.topic:
			f.acks = append(f.acks, c)
		}
		if f.at++; f.at > 3+f.topic && f.at > 1 {
			return
		}
	}
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
// refusal closes it. A message that is too large is only left out: it may lie
// retained on the broker, and would end every connection to come.
type guard struct {
	net.Conn
	framer framer
	in     [4096]byte
	buf    []byte // of passed
	passed []byte // not yet read
	err    error  // of the packet that was refused
}

func newGuard(conn net.Conn, maxPacket int) *guard {
	return &guard{Conn: conn, framer: framer{max: maxPacket}}
}

// Read implements net.Conn. It is called by one goroutine at a time.
func (g *guard) Read(p []byte) (int, error) {
	for len(g.passed) == 0 {
		if g.err != nil {
			return 0, g.err
		}
		n, err := g.Conn.Read(g.in[:])
		var bad error
		switch g.buf, bad = g.framer.feed(g.buf[:0], g.in[:n]); {
		case bad != nil:
			g.Conn.Close()
			g.err = bad // after what came before it
		case err != nil && len(g.buf) == 0:
			return 0, err
		}
		g.passed = g.buf
		if n := len(g.framer.acks) &^ 3; n > 0 {
			_, _ = g.Conn.Write(g.framer.acks[:n]) // in one piece, beside the library's; its end is seen in reading
			g.framer.acks = g.framer.acks[:copy(g.framer.acks, g.framer.acks[n:])]
		}
	}
	n := copy(p, g.passed)
	g.passed = g.passed[n:]
	return n, nil
}
