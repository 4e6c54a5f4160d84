package station

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"winnow/edge"
	"winnow/telemetry"
	"winnow/telemetry/broker"
	"winnow/telemetry/mqtt"
)

// Voice is the station's voice: outbox and client, and the embedded broker
// where the configuration names no other.
type Voice struct {
	*telemetry.Reporter
	station *telemetry.Station
	topics  telemetry.Topics
	Outbox  *telemetry.Outbox
	client  *mqtt.Client
	broker  *broker.Broker
	cfg     mqtt.Config

	stop func()
	wg   sync.WaitGroup
}

// StartVoice starts the voice. An empty cfg.Broker starts a broker at listen.
// store keeps records until they are acknowledged. Stop ends it.
func StartVoice(ctx context.Context, who telemetry.Identity, clock edge.Clock, cfg mqtt.Config, listen string, store telemetry.Store, limits telemetry.Limits, log *slog.Logger) (*Voice, error) {
	station, err := telemetry.NewStation(who, clock)
	if err != nil {
		return nil, err
	}
	t := &Voice{station: station, topics: station.Topics(), Outbox: telemetry.NewOutbox(store, limits, log)}
	if cfg.Broker == "" {
		if t.broker, err = broker.Start(listen, nil); err != nil {
			return nil, err
		}
		cfg.Broker = t.broker.URL()
	}
	t.cfg = cfg
	if t.client, err = mqtt.New(cfg, station, t.Outbox, log); err != nil {
		t.closeBroker()
		return nil, err
	}
	t.Reporter = telemetry.NewReporter(station, t.client, t.Outbox)
	// The voice outlives the line: the last counts and "stopped" are said after it.
	ctx, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	t.wg.Go(func() { _ = t.Outbox.Run(ctx) })
	t.wg.Go(func() { _ = t.client.Run(ctx) })
	return t, nil
}

// SetModel says which package judges.
func (t *Voice) SetModel(digest string) { t.station.SetModel(digest) }

// Stop says "stopped", disconnects and waits.
func (t *Voice) Stop() {
	t.stop()
	t.wg.Wait()
	t.closeBroker()
}

func (t *Voice) closeBroker() {
	if t.broker != nil {
		_ = t.broker.Close()
	}
}

// Listen subscribes to all that the station says, with a client of its own.
func (t *Voice) Listen(ctx context.Context, tally *mqtt.Tally) (*mqtt.Subscription, error) {
	s, err := mqtt.Subscribe(ctx, mqtt.Config{Broker: t.cfg.Broker}, "winnow-listener", t.topics.All(), tally.Deliver)
	if err != nil {
		return nil, fmt.Errorf("listen to the station's own messages: %w", err)
	}
	return s, nil
}
