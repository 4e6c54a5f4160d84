package mqtt

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"winnow/telemetry"
)

// Client keeps a station connected. It is a telemetry.Sink; Run does the work.
type Client struct {
	cfg     Config
	station *telemetry.Station
	outbox  *telemetry.Outbox
	log     *slog.Logger
	gate    *telemetry.Gate

	board    *board
	messages chan message // QoS 0, not retained
	commands chan message
	slow     chan message // commands of cfg.Slow
	replies  chan message

	connected atomic.Bool
	connects  atomic.Uint64
	dropped   atomic.Uint64
	acked     atomic.Uint64
	failing   atomic.Pointer[string]
}

var _ telemetry.Sink = (*Client)(nil)

// Stats is what a Client has come to.
type Stats struct {
	Connected bool
	Connects  uint64 // connections made
	Acked     uint64 // records that the broker acknowledged
	Dropped   uint64 // QoS 0 messages that were not sent
	Failing   string // why there is no connection; "" once the broker has acknowledged something
}

// Depths of the queues between the line and the network.
const (
	messageDepth = 16
	commandDepth = 16
	replyDepth   = 64
)

// New returns a Client, or an error if cfg cannot work: the broker's address
// is none, or a TLS file cannot be read. It does not touch the network.
func New(cfg Config, station *telemetry.Station, outbox *telemetry.Outbox, log *slog.Logger) (*Client, error) {
	cfg = cfg.withDefaults()
	cfg.ClientID = cmp.Or(cfg.ClientID, station.Device())
	ep, err := parseBroker(cfg.Broker)
	if err != nil {
		return nil, err
	}
	if ep.secure {
		if _, err := cfg.TLS.config(ep.host); err != nil {
			return nil, err
		}
	}
	c := &Client{
		cfg: cfg, station: station, outbox: outbox, log: log,
		gate:     cmp.Or(cfg.Gate, telemetry.NewGate(station.Clock(), station.Boot())),
		board:    newBoard(),
		messages: make(chan message, messageDepth),
		commands: make(chan message, commandDepth),
		slow:     make(chan message, commandDepth),
		replies:  make(chan message, replyDepth),
	}
	c.board.put(station.Topics().Status(), nil) // sessions write it
	return c, nil
}

// Retain implements telemetry.Sink.
func (c *Client) Retain(topic string, payload []byte) { c.board.put(topic, payload) }

// Send implements telemetry.Sink. Without a connection it drops.
func (c *Client) Send(topic string, payload []byte) {
	if c.connected.Load() {
		select {
		case c.messages <- message{topic: topic, payload: payload}:
			return
		default:
		}
	}
	c.dropped.Add(1)
}

// Stats may be called at any time.
func (c *Client) Stats() Stats {
	s := Stats{
		Connected: c.connected.Load(), Connects: c.connects.Load(),
		Acked: c.acked.Load(), Dropped: c.dropped.Load(),
	}
	if text := c.failing.Load(); text != nil {
		s.Failing = *text
	}
	return s
}

// Run connects, and connects again, until ctx ends; then it says "stopped",
// disconnects and returns nil. A broker that is away is no error.
func (c *Client) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	if c.cfg.Handle != nil {
		for _, lane := range []chan message{c.commands, c.slow} {
			wg.Go(func() { c.obey(ctx, lane) })
		}
	}
	pause := backoff{min: c.cfg.BackoffMin, max: c.cfg.BackoffMax}
	for ctx.Err() == nil {
		clock := c.station.Clock()
		began := clock.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.fail(err)
		if clock.Now().Sub(began) > c.cfg.BackoffMax {
			pause.reset()
		}
		if err := clock.SleepUntil(ctx, clock.Now().Add(pause.next())); err != nil {
			return nil
		}
	}
	return nil
}

// fail keeps and logs why there is no connection, once per reason.
func (c *Client) fail(err error) {
	text := err.Error()
	if old := c.failing.Swap(&text); old == nil || *old != text {
		c.log.Warn("no connection to the broker; trying again", "broker", c.cfg.Broker, "err", text)
	}
}

// backoff is a pause that doubles from min to max, of which a random half is
// taken, so that a hall of stations does not storm a broker that comes back.
type backoff struct {
	min, max, step time.Duration
}

func (b *backoff) next() time.Duration {
	b.step = min(max(2*b.step, b.min), b.max)
	return b.step/2 + rand.N(b.step/2+1)
}

func (b *backoff) reset() { b.step = 0 }
