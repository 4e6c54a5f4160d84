package broker_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/telemetry/broker"
	"winnow/telemetry/mqtt"
)

func start(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":1883", "[::]:0", "192.0.2.1:1883", "plant:1883", "127.0.0.1", ""} {
		if b, err := broker.Start(address, nil); err == nil {
			b.Close()
			t.Errorf("listens on %q", address)
		}
	}
}

func TestBusyPortIsAnError(t *testing.T) {
	b := start(t)
	if second, err := broker.Start(strings.TrimPrefix(b.URL(), "mqtt://"), nil); err == nil {
		second.Close()
		t.Error("two brokers on one port")
	}
}

// TestRetainedStateAndTally subscribes after the fact and counts by kind.
func TestRetainedStateAndTally(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var tally mqtt.Tally
	pub, err := mqtt.Subscribe(ctx, mqtt.Config{Broker: b.URL()}, "pub", "winnow/#", tally.Deliver)
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close()
	for range 3 {
		if err := pub.Publish(ctx, "winnow/v1/s/l/d/part", false, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := pub.Publish(ctx, "winnow/v1/s/l/d/alarm/hot", true, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := tally.Await(ctx, "part", 3); err != nil {
		t.Error(err)
	}
	if err := tally.Await(ctx, "alarm", 1); err != nil || tally.Count("part") != 3 || tally.Count("state") != 0 {
		t.Errorf("%v, %d parts", err, tally.Count("part"))
	}
	var late mqtt.Tally
	sub, err := mqtt.Subscribe(ctx, mqtt.Config{Broker: b.URL()}, "late", "winnow/#", late.Deliver)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := late.Await(ctx, "alarm", 1); err != nil || late.Count("part") != 0 {
		t.Errorf("%v, %d parts", err, late.Count("part"))
	}
}

// TestHugePacketIsCutOff announces 256 MiB: the broker must hang up, not allocate.
// TestBrokerClosesWhileConnectionsBegin: under the race detector, which knows no sockets, every
// connection that has begun is known to whoever closes.
func TestBrokerClosesWhileConnectionsBegin(t *testing.T) {
	for range 100 {
		b, err := broker.Start("127.0.0.1:0", nil)
		if err != nil {
			t.Fatal(err)
		}
		var dialled sync.WaitGroup
		for range 4 {
			dialled.Go(func() {
				conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://"))
				if err != nil {
					return // it has closed already
				}
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(100 * time.Millisecond)) // what is accepted last is dropped without a word
				if _, err := conn.Write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}); err == nil {
					conn.Read(make([]byte, 16))
				}
			})
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		dialled.Wait()
	}
}

// dial opens a connection to b that lasts for as long as the test may take.
func dial(t *testing.T, b *broker.Broker) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

func TestHugePacketIsCutOff(t *testing.T) {
	b := start(t)
	conn := dial(t, b)
	if _, err := conn.Write([]byte{0x10, 0xff, 0xff, 0xff, 0x7f}); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 16)); err == nil {
		t.Errorf("%d bytes came back", n)
	} else if e, ok := err.(net.Error); ok && e.Timeout() {
		t.Error("the broker waits for 256 MiB")
	}
}

// TestBrokenPacketEndsItsOwnConnectionOnly: the station is in the same program.
func TestBrokenPacketEndsItsOwnConnectionOnly(t *testing.T) {
	b := start(t)
	conn := dial(t, b)
	connect := "\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03bad"
	subscribe := "\x82\x06\x00\x01\x00\x00\x01a" // ends behind the filter
	if _, err := conn.Write([]byte(connect + subscribe)); err != nil {
		t.Fatal(err)
	}
	if _, err := untilClosed(conn); err != nil {
		t.Errorf("the connection stays: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var tally mqtt.Tally
	sub, err := mqtt.Subscribe(ctx, mqtt.Config{Broker: b.URL()}, "bad", "a", tally.Deliver)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if err := sub.Publish(ctx, "a", false, []byte("x")); err != nil {
		t.Error(err)
	}
	if err := tally.Await(ctx, "", 1); err != nil {
		t.Error(err)
	}
}

// silent connects so often without a word.
func silent(t *testing.T, b *broker.Broker, n int) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.URL(), "mqtt://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		all = append(all, conn)
	}
	return all
}

// untilClosed reads until the broker closes conn, in whatever way; an error says that it does not.
func untilClosed(conn net.Conn) ([]byte, error) {
	b, err := io.ReadAll(conn)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return b, err
	}
	return b, nil
}

// TestSilentConnectionsDoNotHoldUpTheEnd: nor does the broker keep them open.
func TestSilentConnectionsDoNotHoldUpTheEnd(t *testing.T) {
	b, err := broker.Start("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn := silent(t, b, 1)[0]
	if _, err := conn.Write([]byte{0x10}); err != nil { // of CONNECT, and no more
		t.Fatal(err)
	}
	connect(t, b, "later", "a") // so that it is accepted
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	if _, err := untilClosed(conn); err != nil {
		t.Fatalf("it is kept open: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestSilentConnectionsAreBounded: each costs memory and a file, before the limit of clients counts.
func TestSilentConnectionsAreBounded(t *testing.T) {
	closed := make(chan error)
	for _, conn := range silent(t, start(t), 2*broker.MaxClients+1) {
		go func() {
			_, err := untilClosed(conn)
			select {
			case closed <- err:
			case <-t.Context().Done():
			}
		}()
	}
	if err := <-closed; err != nil { // whichever was accepted last
		t.Errorf("every connection is kept open: %v", err)
	}
}

// connect is a client whose messages are counted.
func connect(t *testing.T, b *broker.Broker, id, filter string) (*mqtt.Subscription, *mqtt.Tally) {
	t.Helper()
	tally := new(mqtt.Tally)
	c, err := mqtt.Subscribe(t.Context(), mqtt.Config{Broker: b.URL()}, id, filter, tally.Deliver)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, tally
}

// TestRetainedMessagesAreBounded: by number and by size. What is beyond is delivered and
// not kept; topics that have a message may change it, and one that is cleared makes room.
func TestRetainedMessagesAreBounded(t *testing.T) {
	b := start(t)
	c, heard := connect(t, b, "c", "a/#")
	say := func(topic string, size int) {
		t.Helper()
		if err := c.Publish(t.Context(), topic, true, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	kept := func(branch string, want int) {
		t.Helper()
		end, tally := connect(t, b, branch, branch+"/#")
		if err := end.Publish(ctx, branch+"/x/y/end", false, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := tally.Await(ctx, "end", 1); err != nil || tally.Count("") != uint64(want) {
			t.Errorf("%s: %d messages are kept, want %d: %v", branch, tally.Count(""), want, err)
		}
	}
	const more = 10
	for i := range broker.MaxRetained + more {
		say(fmt.Sprint("a/", i), 1)
	}
	if err := heard.Await(ctx, "", broker.MaxRetained+more); err != nil {
		t.Errorf("what is not kept is not delivered: %v", err)
	}
	kept("a", broker.MaxRetained)
	say("a/0", 2)
	say("a/1", 0)
	say("b/0", 1)
	kept("b", 1) // in the place of a/1
	for i := range broker.MaxRetained {
		say(fmt.Sprint("a/", i), 0)
	}
	say("b/0", 0)
	const size = 100 << 10
	for i := range broker.MaxRetainedBytes/size + more {
		say(fmt.Sprintf("c/%04d", i), size-len("c/0000"))
	}
	kept("c", broker.MaxRetainedBytes/size)
}

// TestSubscriptionsAreBounded: one more than a client may have is refused, one that it has is not.
func TestSubscriptionsAreBounded(t *testing.T) {
	b := start(t)
	conn := silent(t, b, 1)[0]
	answer := func(packet string, n int) []byte {
		t.Helper()
		if _, err := conn.Write([]byte(packet)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if _, err := io.ReadFull(conn, got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	answer("\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03sub", 4)
	for i := range broker.MaxSubscriptions + 2 {
		name := fmt.Sprintf("%04d", i)
		if i == broker.MaxSubscriptions+1 {
			name = "0000"
		}
		code := answer("\x82\x09\x00\x01\x00\x04"+name+"\x01", 5)[4]
		if refused := i == broker.MaxSubscriptions; (code == 0x80) != refused {
			t.Errorf("subscription %d to %s: %#x", i+1, name, code)
		}
	}
}

// TestSessionsAreBounded: those that are kept for clients that have left.
func TestSessionsAreBounded(t *testing.T) {
	b := start(t)
	for i := range broker.MaxSessions + 2 {
		name := fmt.Sprintf("%03d", i)
		if i == broker.MaxSessions+1 {
			name = "000"
		}
		conn := silent(t, b, 1)[0]
		if _, err := conn.Write([]byte("\x10\x0f\x00\x04MQTT\x04\x00\x00\x3c\x00\x03" + name + "\xe0\x00")); err != nil {
			t.Fatal(err)
		}
		answer, err := untilClosed(conn)
		if taken := len(answer) == 4 && answer[3] == 0; err != nil || taken != (i != broker.MaxSessions) {
			t.Errorf("session %d, of %s: %x %v", i+1, name, answer, err)
		}
	}
}
