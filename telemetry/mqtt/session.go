package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"winnow/telemetry"
)

// session serves one connection. All publishes start in its loop, so they
// leave in the order that the loop takes them.
type session struct {
	*Client
	link    *link
	settled chan settlement // publishes that came to an end; as deep as may be in flight
	flying  int             // publishes of QoS 1 without acknowledgement
	heard   bool            // since the last look: an acknowledgement, or nothing had been waiting for one
	look    chan struct{}   // it is time to look whether the broker acknowledges
	sent    uint64          // the latest record that was started
	starved bool            // the outbox may have more than was taken

	taken   []telemetry.Record      // read from the outbox, not yet started
	reading bool                    // the outbox is being read
	read    chan []telemetry.Record // what was read, nil if it could not be; one at a time
	wg      sync.WaitGroup
}

// settlement is the end of one publish of QoS 1.
type settlement struct {
	record uint64 // 0: not a record
	err    error
}

// farewellTime bounds how long "stopped" may take.
const farewellTime = 2 * time.Second

// session connects and serves until the connection is lost (an error) or ctx
// ends (nil).
func (c *Client) session(ctx context.Context) error {
	topic := c.station.Topics().Status()
	w := &will{topic: topic, payload: c.station.EncodeStatus(telemetry.Offline)}
	link, err := connect(ctx, &c.cfg, c.cfg.ClientID, w)
	if err != nil {
		return err
	}
	s := &session{
		Client: c, link: link, settled: make(chan settlement, MaxInFlight), look: make(chan struct{}),
		starved: true, read: make(chan []telemetry.Record, 1),
	}
	defer s.wg.Wait()
	defer link.close()
	ctx, end := context.WithCancel(ctx)
	defer end()
	s.wg.Go(func() { s.remind(ctx) })
	s.begin(ctx)
	defer c.connected.Store(false)
	return s.loop(ctx)
}

// begin says what is, then that the station is online: the status is the last of its
// topics by the alphabet, in which redo has them sent.
func (s *session) begin(ctx context.Context) {
	s.connects.Add(1)
	s.log.Info("connected to the broker", "broker", s.cfg.Broker, "client", s.cfg.ClientID)
	s.board.redo()
	for s.flying < s.cfg.InFlight && s.sendRetained() {
	}
	s.listen(ctx)
	s.connected.Store(true)
}

// listen subscribes. A refusal, or no answer within Timeout, is told and survived:
// results matter more.
func (s *session) listen(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	topics := s.station.Topics()
	if err := s.link.subscribe(ctx, topics.Alarms(), s.sweep); err != nil {
		s.log.Warn("alarms of an earlier run cannot be cleared", "err", err)
	}
	if err := s.link.subscribe(ctx, topics.Status(), s.witness); err != nil {
		s.log.Warn("a late word of an earlier connection's end cannot be taken back", "err", err)
	}
	if s.cfg.Handle == nil {
		return
	}
	if err := s.link.subscribe(ctx, topics.Commands(), s.hear); err != nil {
		s.log.Warn("commands cannot be heard", "err", err)
	}
}

// sweep clears alarms that an earlier run left on the broker.
func (s *session) sweep(m message) {
	_, ours := s.station.Topics().AlarmCode(m.topic)
	if ours && m.retained && len(m.payload) > 0 {
		s.board.sweep(m.topic)
	}
}

// witness takes back that the station is gone, which a broker may say of an earlier
// connection when this one holds already. Any online is left alone, so that two that
// speak for one station do not answer each other for ever.
func (s *session) witness(m message) {
	var st telemetry.Status
	if json.Unmarshal(m.payload, &st) == nil && st.Status != telemetry.Online {
		s.board.put(m.topic, nil)
	}
}

func (s *session) loop(ctx context.Context) error {
	for {
		s.fill(ctx)
		select {
		case <-ctx.Done():
			s.farewell(ctx)
			return nil
		case err := <-s.link.lost:
			return err
		case m := <-s.messages:
			s.link.publish(&s.wg, m.topic, 0, false, m.payload, func(error) {})
		case m := <-s.repliesIfRoom():
			s.start(m.topic, false, m.payload, 0)
		case <-s.board.wake:
		case <-s.outbox.Wake():
			s.starved = true
		case s.taken = <-s.read:
			s.reading = false
			s.starved = s.starved || s.taken == nil || len(s.taken) > 0
		case d := <-s.settled:
			s.settle(ctx, d)
		case <-s.look:
			if s.flying > 0 && !s.heard && len(s.settled) == 0 {
				s.link.cut()
				return errSilent
			}
			s.heard = false
		}
	}
}

// errSilent ends a connection that nothing leaves the outbox by.
var errSilent = errors.New("the broker acknowledges nothing, though the connection holds")

// remind asks for a look now and then: a broker has so long for its next acknowledgement,
// and at most twice as long.
func (s *session) remind(ctx context.Context) {
	clock := s.station.Clock()
	for clock.SleepUntil(ctx, clock.Now().Add(2*s.cfg.Timeout)) == nil {
		select {
		case s.look <- struct{}{}:
		case <-ctx.Done():
		}
	}
}

// repliesIfRoom is the channel of replies while one more may be in flight.
func (s *session) repliesIfRoom() <-chan message {
	if s.flying < s.cfg.InFlight {
		return s.replies
	}
	return nil
}

// fill starts publishes until nothing waits or no more may be in flight.
// Retained state goes first: it is small, and the newest truth.
func (s *session) fill(ctx context.Context) {
	for s.flying < s.cfg.InFlight {
		if !s.sendRetained() && !s.sendRecords(ctx) {
			return
		}
	}
}

// sendRetained starts the next topic of the board. Of the status the board knows only that
// it is to be told: it is written as it is sent, so that none is older than one before it.
func (s *session) sendRetained() bool {
	topic, payload, ok := s.board.take()
	if topic == s.station.Topics().Status() {
		payload = s.station.EncodeStatus(telemetry.Online)
	}
	if ok {
		s.start(topic, true, payload, 0)
	}
	return ok
}

// sendRecords starts a record that was read, or has more read if there are none.
func (s *session) sendRecords(ctx context.Context) bool {
	if len(s.taken) > 0 {
		r := s.taken[0]
		s.taken = s.taken[1:]
		s.start(r.Topic, false, r.Payload, r.Seq)
		s.sent = r.Seq
		return true
	}
	if s.starved && !s.reading {
		s.starved, s.reading = false, true
		go s.readOutbox(ctx, s.sent, s.cfg.InFlight)
	}
	return false
}

// rereadAfter is when an outbox that could not be read is read again.
const rereadAfter = time.Second

// readOutbox may wait for the disk, which alarms and states do not.
func (s *session) readOutbox(ctx context.Context, after uint64, limit int) {
	records, err := s.outbox.Next(after, limit)
	switch {
	case err != nil:
		clock := s.station.Clock()
		_ = clock.SleepUntil(ctx, clock.Now().Add(rereadAfter))
		records = nil
	case records == nil:
		records = []telemetry.Record{}
	}
	s.read <- records // has room
}

// start begins a publish of QoS 1.
func (s *session) start(topic string, retained bool, payload []byte, record uint64) {
	s.heard = s.heard || s.flying == 0
	s.flying++
	s.link.publish(&s.wg, topic, 1, retained, payload, func(err error) {
		s.settled <- settlement{record, err}
	})
}

// settle ends a publish. One that failed fails with its connection, and is
// sent again by the next. Only an acknowledgement proves the connection.
func (s *session) settle(ctx context.Context, d settlement) {
	s.flying--
	if d.err != nil {
		return
	}
	s.heard = true
	s.failing.Store(nil)
	if d.record != 0 {
		s.acked.Add(1)
		s.outbox.Done(ctx, d.record)
	}
}

// farewell sends what is retained and "stopped", which is the last word, and waits
// for the acknowledgements, briefly.
func (s *session) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	said := false
	for {
		for !said && s.flying < s.cfg.InFlight && s.sendRetained() {
		}
		if !said && s.flying < s.cfg.InFlight {
			s.start(s.station.Topics().Status(), true, s.station.EncodeStatus(telemetry.Stopped), 0)
			said = true
		}
		if said && s.flying == 0 {
			return
		}
		select {
		case d := <-s.settled:
			s.settle(ctx, d)
		case <-s.link.lost:
			return
		case <-ctx.Done():
			s.log.Warn("the broker did not acknowledge the farewell in time", "within", farewellTime)
			return
		}
	}
}
