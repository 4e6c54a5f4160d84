package mqtt_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/edge"
	"winnow/telemetry"
	"winnow/telemetry/broker"
	"winnow/telemetry/mqtt"
)

// patience bounds every wait of these tests; nothing passes by waiting it out.
const patience = 20 * time.Second

// clock is the machine's.
type clock struct{ start time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) Now() edge.Instant { return edge.Instant(time.Since(c.start)) + 1 }
func (c clock) Wall() edge.WallTime {
	return edge.WallTime{Time: time.Now().UTC(), Quality: edge.WallNTP}
}
func (c clock) SleepUntil(ctx context.Context, t edge.Instant) error {
	timer := time.NewTimer(t.Sub(c.Now()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// station is a publisher under test.
type station struct {
	*mqtt.Client
	*telemetry.Reporter
	station *telemetry.Station
	outbox  *telemetry.Outbox
	stop    func()
}

// start runs a station against url until the test ends or stop is called.
func start(t testing.TB, url string, adapt ...func(*mqtt.Config)) *station {
	t.Helper()
	cfg := mqtt.Config{
		Broker: url, Timeout: 5 * time.Second,
		BackoffMin: 5 * time.Millisecond, BackoffMax: 50 * time.Millisecond,
	}
	for _, a := range adapt {
		a(&cfg)
	}
	who := telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b", Version: "v1"}
	st, err := telemetry.NewStation(who, newClock())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	outbox := telemetry.NewOutbox(new(telemetry.MemStore), telemetry.Limits{}, log)
	client, err := mqtt.New(cfg, st, outbox, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{outbox.Run, client.Run} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	s := &station{client, telemetry.NewReporter(st, client, outbox), st, outbox, func() { cancel(); wg.Wait() }}
	t.Cleanup(s.stop)
	return s
}

// part reports the part with this number.
func (s *station) part(seq uint64) {
	s.Part(&edge.Verdict{
		ID: edge.EventID{Device: "d", Boot: "b", Seq: seq}, Decision: edge.Reject,
		Heatmap: edge.Heatmap{3: 200}, Wall: s.station.Clock().Wall(),
	})
}

// ear hears a broker and remembers what it heard.
type ear struct {
	*mqtt.Subscription
	heard chan heard
	t     testing.TB
}

type heard struct {
	topic    string
	payload  string
	retained bool
}

func listen(t testing.TB, url string, filter string, adapt ...func(*mqtt.Config)) *ear {
	t.Helper()
	cfg := mqtt.Config{Broker: url}
	for _, a := range adapt {
		a(&cfg)
	}
	e := &ear{heard: make(chan heard, 4096), t: t}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	sub, err := mqtt.Subscribe(ctx, cfg, "ear", filter, func(topic string, payload []byte, retained bool) {
		e.heard <- heard{topic, string(payload), retained}
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Subscription = sub
	t.Cleanup(sub.Close)
	return e
}

// until returns the first message whose topic ends so and whose payload holds text.
func (e *ear) until(topicEnd, text string) heard {
	e.t.Helper()
	timeout := time.After(patience)
	var seen []string
	for {
		select {
		case h := <-e.heard:
			if strings.HasSuffix(h.topic, topicEnd) && strings.Contains(h.payload, text) {
				return h
			}
			seen = append(seen, h.topic+" "+h.payload)
		case <-timeout:
			e.t.Fatalf("no %s with %q; heard:\n%s", topicEnd, text, strings.Join(seen, "\n"))
		}
	}
}

// await waits until ok, which is asked again and again.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// server is a broker that can be stopped and started again at one address.
type server interface {
	URL() string
	Start(t testing.TB)
	Stop()
}

// servers are the brokers that every test of behaviour runs against.
func servers() map[string]func(t testing.TB) server {
	return map[string]func(t testing.TB) server{
		"embedded":  func(t testing.TB) server { return &embedded{addr: freeAddress(t)} },
		"mosquitto": func(t testing.TB) server { return newMosquitto(t, "") },
	}
}

func withServers(t *testing.T, test func(t *testing.T, s server)) {
	for name, make := range servers() {
		t.Run(name, func(t *testing.T) {
			s := make(t)
			t.Cleanup(s.Stop)
			test(t, s)
		})
	}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

type embedded struct {
	addr string
	b    *broker.Broker
}

func (e *embedded) URL() string { return "mqtt://" + e.addr }
func (e *embedded) Start(t testing.TB) {
	t.Helper()
	await(t, "the embedded broker listens", func() bool {
		b, err := broker.Start(e.addr, nil)
		e.b = b
		return err == nil
	})
}
func (e *embedded) Stop() {
	if e.b != nil {
		e.b.Close()
		e.b = nil
	}
}

type mosquitto struct {
	program, addr, scheme, conf string
	cmd                         *exec.Cmd
}

// newMosquitto makes a broker whose configuration has more lines beside its
// listener. Without mosquitto the test is skipped, under STRICT=1 it fails.
func newMosquitto(t testing.TB, more string) *mosquitto {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		if program = "/usr/sbin/mosquitto"; !exists(program) {
			if os.Getenv("STRICT") == "1" {
				t.Fatal("not here: mosquitto (Debian package mosquitto)")
			}
			t.Skip("not here: mosquitto (Debian package mosquitto)")
		}
	}
	m := &mosquitto{program: program, addr: freeAddress(t), scheme: "mqtt", conf: filepath.Join(t.TempDir(), "m.conf")}
	host, port, _ := net.SplitHostPort(m.addr)
	if !strings.Contains(more, "allow_anonymous") {
		more += "\nallow_anonymous true\n"
	}
	if strings.Contains(more, "certfile") {
		m.scheme = "mqtts"
	}
	conf := fmt.Sprintf("listener %s %s\n%s\npersistence false\nuser root\n", port, host, more)
	if err := os.WriteFile(m.conf, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return m
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (m *mosquitto) URL() string { return m.scheme + "://" + m.addr }

func (m *mosquitto) Start(t testing.TB) {
	t.Helper()
	m.cmd = exec.Command(m.program, "-c", m.conf)
	m.cmd.Dir = "/"
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "mosquitto listens", func() bool {
		conn, err := net.Dial("tcp", m.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func (m *mosquitto) Stop() {
	if m.cmd != nil {
		m.cmd.Process.Kill()
		m.cmd.Wait()
		m.cmd = nil
	}
}
