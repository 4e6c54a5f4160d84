package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// will is a message that the broker publishes when the connection breaks.
type will struct {
	topic   string
	payload []byte
}

// message is what a subscription delivers.
type message struct {
	topic    string
	payload  []byte
	retained bool
}

// link is one connection from CONNACK to its end; it never reconnects.
type link struct {
	client paho.Client
	conn   net.Conn
	lost   chan error    // receives once, unless close comes first
	gone   chan struct{} // closed by close
}

// disconnectMS is how long a clean disconnect may take to be written.
const disconnectMS = 250

// connect opens a link or says why not; a password is in no error.
func connect(ctx context.Context, cfg *Config, clientID string, w *will) (*link, error) {
	password := ""
	if cfg.User != "" && cfg.Password != nil {
		var err error
		if password, err = cfg.Password(); err != nil {
			return nil, err
		}
	}
	l := &link{lost: make(chan error, 1), gone: make(chan struct{})}
	opts := l.options(cfg, clientID, w)
	if cfg.User != "" {
		opts.SetUsername(cfg.User).SetPassword(password)
	}
	var abort context.CancelFunc
	opts.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		conn, err := cfg.dial(ctx)
		if l.conn = conn; err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			abort = func() { stop() }
		}
		return conn, err
	})
	l.client = paho.NewClient(opts)
	token := l.client.Connect()
	<-token.Done() // bounded by Timeout and ctx, which end the dial and the handshake
	if abort != nil {
		abort()
	}
	if err := token.Error(); err != nil {
		return nil, scrub(explain(err), password)
	}
	return l, nil
}

func (l *link) options(cfg *Config, clientID string, w *will) *paho.ClientOptions {
	opts := paho.NewClientOptions().AddBroker("tcp://broker").
		SetClientID(clientID).SetProtocolVersion(4).SetCleanSession(true).
		SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(true).
		SetKeepAlive(cfg.KeepAlive).SetPingTimeout(cfg.Timeout).
		SetConnectTimeout(cfg.Timeout).SetWriteTimeout(cfg.Timeout).
		SetStore(paho.NewMemoryStore()).
		SetConnectionLostHandler(func(_ paho.Client, err error) { l.lost <- err })
	if w != nil {
		opts.SetBinaryWill(w.topic, w.payload, 1, true)
	}
	return opts
}

// explain says what to do about a refusal.
func explain(err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "bad user name or password"), strings.Contains(text, "not Authorized"):
		return fmt.Errorf("the broker refuses the login (%w): check user and password", err)
	case strings.Contains(text, "identifier rejected"):
		return fmt.Errorf("the broker refuses the client id (%w): choose another device id", err)
	}
	return err
}

// scrub takes secret out of an error's text. No library here writes it; this
// is the second line of defence.
func scrub(err error, secret string) error {
	if secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), secret, "[password]"))
}

// subscribe asks for filter with QoS 1 and calls deliver, which must not
// block, for each message.
func (l *link) subscribe(ctx context.Context, filter string, deliver func(message)) error {
	t := l.client.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
		deliver(message{topic: m.Topic(), payload: m.Payload(), retained: m.Retained()})
	})
	select {
	case <-t.Done():
	case <-ctx.Done():
		return fmt.Errorf("subscribe to %s: no answer: %w", filter, ctx.Err())
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("subscribe to %s: %w", filter, err)
	}
	if st, ok := t.(*paho.SubscribeToken); ok && st.Result()[filter] > 1 {
		return fmt.Errorf("subscribe to %s: the broker refuses", filter)
	}
	return nil
}

// publish starts one publish; settled is called once, on another goroutine,
// with nil after the acknowledgement (QoS 1) or the write (QoS 0). wg counts
// that goroutine. A publish that meets the end of a connection can be forgotten
// by the library; the link's end settles it too.
func (l *link) publish(wg *sync.WaitGroup, topic string, qos byte, retained bool, payload []byte, settled func(error)) {
	t := l.client.Publish(topic, qos, retained, payload)
	wg.Go(func() {
		select {
		case <-t.Done():
			settled(t.Error())
		case <-l.gone:
			settled(errGone)
		}
	})
}

// errGone ends publishes that were in flight when the link was closed.
var errGone = errors.New("the connection was closed")

// cut breaks the connection, so that the broker publishes the will.
func (l *link) cut() { l.conn.Close() }

// close disconnects without a will, if the connection is still there. It is
// called once.
func (l *link) close() {
	l.client.Disconnect(disconnectMS)
	close(l.gone)
}
