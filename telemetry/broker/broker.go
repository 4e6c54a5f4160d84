// Package broker is an MQTT broker inside the program, for stations that have
// no other: it listens on this machine alone, keeps nothing on disk, and takes
// only as much from a client as a station needs.
package broker

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// Limits of the embedded broker.
const (
	MaxPacket  = 256 << 10 // bytes of one packet
	MaxClients = 64

	MaxRetained      = 512      // topics with a retained message
	MaxRetainedBytes = 16 << 20 // of their names and messages
	MaxSubscriptions = 256      // of one client
	MaxSessions      = 256      // with those that are kept for clients that have left

	maxConnections = 2 * MaxClients // with those that have not said who they are
)

// Broker is a running broker. Everyone on this machine may connect to it,
// without a login.
type Broker struct {
	server *mochi.Server
	addr   string
}

// Start listens on address, such as "127.0.0.1:1883"; port 0 takes a free one.
// It refuses addresses that other machines can reach. A nil log is silent.
func Start(address string, log *slog.Logger) (*Broker, error) {
	if err := loopback(address); err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := mochi.New(&mochi.Options{Capabilities: capabilities(), Logger: log})
	if err := s.AddHook(&bounds{server: s, kept: map[string]int{}}, nil); err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	tcp := &listener{TCP: listeners.NewTCP(listeners.Config{ID: "loopback", Address: address}), server: s, open: map[*begun]bool{}}
	if err := s.AddListener(tcp); err != nil {
		return nil, fmt.Errorf("embedded broker: %w (if another broker is running, name it in mqtt.broker, or choose another mqtt.listen)", err)
	}
	b := &Broker{server: s, addr: tcp.Address()}
	if err := s.Serve(); err != nil {
		s.Close()
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	return b, nil
}

// listener is mochi's, but for how it ends. The server takes a read lock to find the clients
// that it disconnects while it holds it already, and waits for ever if a client leaves in between
// (Clients.GetByListener of v2.7.9); and it counts a client only some time after it was accepted,
// so that one that comes while it closes is neither waited for nor disconnected. It waits for
// connections that never say who they are, too, and takes any number of them.
type listener struct {
	*listeners.TCP
	server *mochi.Server

	mu      sync.Mutex
	closing bool
	open    map[*begun]bool
	begun   sync.WaitGroup // clients that were accepted and that the server does not count yet
}

// Serve has the server establish every client that is accepted before Close.
func (l *listener) Serve(establish listeners.EstablishFn) {
	l.TCP.Serve(func(id string, c net.Conn) (err error) {
		l.mu.Lock()
		if l.closing || len(l.open) == maxConnections {
			l.mu.Unlock()
			return c.Close()
		}
		l.begun.Add(1)
		b := &begun{c, sync.OnceFunc(l.begun.Done)}
		l.open[b] = true
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.open, b)
		}()
		defer b.counted()
		defer func() {
			if r := recover(); r != nil {
				err = l.drop(b, r)
			}
		}()
		return establish(id, b)
	})
}

// drop forgets the client of c, over whose packet the library has panicked: one that ends
// behind a filter is enough (SubscribeDecode of v2.7.9), and it would end the whole program.
func (l *listener) drop(c net.Conn, why any) error {
	for _, cl := range l.server.Clients.GetAll() {
		if cl.Net.Conn == c {
			l.server.UnsubscribeClient(cl)
			cl.ClearInflights()
			l.server.Clients.Delete(cl.ID)
		}
	}
	return fmt.Errorf("a packet that the broker cannot read: %v", why)
}

// begun is a connection that says when the server counts it, which it does before it reads.
type begun struct {
	net.Conn
	counted func()
}

func (b *begun) Read(p []byte) (int, error) {
	b.counted()
	return b.Conn.Read(p)
}

// Close accepts no more clients and disconnects those that are there.
func (l *listener) Close(listeners.CloseFn) {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.begun.Wait()
	l.TCP.Close(func(id string) {
		for _, c := range l.server.Clients.GetAll() {
			if c.Net.Listener == id && !c.Closed() {
				_ = l.server.DisconnectClient(c, packets.ErrServerShuttingDown) // it may be gone by now
			}
		}
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.Conn.Close() // it is no client yet, or is gone
	}
}

// capabilities bounds what a client may make the broker hold.
func capabilities() *mochi.Capabilities {
	c := mochi.NewDefaultServerCapabilities()
	c.MaximumPacketSize = MaxPacket
	c.MaximumClients = MaxClients
	c.MaximumSessionExpiryInterval = 3600
	c.MaximumClientWritesPending = 4096
	c.MaximumInflight = 1024
	c.MaximumMessageExpiryInterval = 0 // retained state stays for as long as the broker does
	c.TopicAliasMaximum = 64
	return c
}

// bounds let every client of this machine in, since the listener is on loopback, and
// keep so much of what it asks the broker to hold.
type bounds struct {
	mochi.HookBase
	server *mochi.Server

	mu   sync.Mutex
	kept map[string]int // bytes by topic
	all  int            // bytes
}

func (*bounds) ID() string { return "bounds" }

func (*bounds) Provides(b byte) bool {
	switch b {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnSubscribe, mochi.OnPublish, mochi.OnWill, mochi.OnRetainedExpired:
		return true
	}
	return false
}

func (*bounds) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*bounds) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// OnConnect refuses a session more than there may be.
func (h *bounds) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	if _, known := h.server.Clients.Get(cl.ID); !known && h.server.Clients.Len() >= MaxSessions {
		return packets.ErrQuotaExceeded
	}
	return nil
}

// OnSubscribe takes the filters away that are too many; the broker refuses them.
func (*bounds) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	room := MaxSubscriptions - cl.State.Subscriptions.Len()
	for i := range pk.Filters {
		f := &pk.Filters[i]
		if _, has := cl.State.Subscriptions.Get(f.Filter); has {
			continue
		}
		if room--; room < 0 {
			f.Filter = ""
		}
	}
	return pk
}

// OnPublish lets a message pass that may not be kept.
func (h *bounds) OnPublish(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	pk.FixedHeader.Retain = pk.FixedHeader.Retain && h.keep(pk.TopicName, len(pk.Payload))
	return pk, nil
}

// OnWill is OnPublish for the message of a client that is lost.
func (h *bounds) OnWill(_ *mochi.Client, w mochi.Will) (mochi.Will, error) {
	w.Retain = w.Retain && h.keep(w.TopicName, len(w.Payload))
	return w, nil
}

// OnRetainedExpired makes room.
func (h *bounds) OnRetainedExpired(topic string) { h.keep(topic, 0) }

// keep books the retained message of a topic, or its end, if there is room.
func (h *bounds) keep(topic string, size int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	old, known := h.kept[topic]
	if size == 0 {
		h.all -= old
		delete(h.kept, topic)
		return true
	}
	size += len(topic)
	if !known && len(h.kept) >= MaxRetained || h.all-old+size > MaxRetainedBytes {
		return false
	}
	h.all += size - old
	h.kept[topic] = size
	return true
}

func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("embedded broker: %s can be reached from other machines: take an address such as 127.0.0.1:1883", address)
	}
	return nil
}

// URL is where clients connect to.
func (b *Broker) URL() string { return "mqtt://" + b.addr }

// Close ends every connection and the broker.
func (b *Broker) Close() error { return b.server.Close() }
