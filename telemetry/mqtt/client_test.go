package mqtt_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/edge"
	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

func TestWhatAStationSays(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/#")
		st := start(t, s.URL())
		e.until("s/l/d/status", `"online"`)
		st.State(telemetry.Ready, "", "recipe", &edge.Certificate{Bound: 0.01, Confidence: 0.95, N: 300})
		e.until("/state", `"READY"`)
		st.part(1)
		e.until("/part", `"seq":1`)
		await(t, "the heatmap is taken", func() bool { return st.Stats().Connected })
		st.part(2)
		e.until("/heatmap", `"seq":2`)
		st.Counts(edge.Counts{Triggers: 2, Reject: 2})
		e.until("/counts", `"triggers":2`)
		if err := st.Alarm("camera", "no picture", "check the cable"); err != nil {
			t.Fatal(err)
		}
		e.until("/alarm/camera", "no picture")
		if err := st.ClearAlarm("camera"); err != nil {
			t.Fatal(err)
		}
		if h := e.until("/alarm/camera", ""); h.payload != "" {
			t.Errorf("the alarm is not cleared: %s", h.payload)
		}
		st.stop()
		e.until("/status", `"stopped"`)
		late := listen(t, s.URL(), "winnow/v1/s/l/d/+")
		for _, topic := range []string{"/status", "/state", "/counts"} {
			if h := late.until(topic, ""); !h.retained {
				t.Errorf("%s is not retained", topic)
			}
			late = listen(t, s.URL(), "winnow/v1/s/l/d/+")
		}
	})
}

func TestBrokerComesLateAndGoesAndComes(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		st := start(t, s.URL())
		st.State(telemetry.Ready, "", "recipe", nil)
		for seq := uint64(1); seq <= 100; seq++ { // does not wait, though nobody is there
			st.part(seq)
		}
		await(t, "the station says why", func() bool { return st.Stats().Failing != "" })
		if p := st.outbox.Stats().Pending; p != 100 {
			t.Fatalf("%d records wait", p)
		}
		s.Start(t)
		e := listen(t, s.URL(), "winnow/#")
		e.until("/state", `"READY"`)
		drained(t, st)
		s.Stop()
		await(t, "the loss is seen", func() bool { return !st.Stats().Connected })
		for seq := uint64(101); seq <= 150; seq++ {
			st.part(seq)
		}
		st.State(telemetry.Fault, "lamp", "recipe", nil)
		s.Start(t)
		e = listen(t, s.URL(), "winnow/#")
		e.until("/state", `"FAULT"`)
		e.until("/status", `"online"`)
		drained(t, st)
		if n := st.outbox.Stats().Lost; n != 0 {
			t.Errorf("%d records lost", n)
		}
	})
}

func drained(t *testing.T, st *station) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := st.outbox.Drained(ctx); err != nil {
		t.Fatalf("the outbox was not emptied: %+v, %+v", st.outbox.Stats(), st.Stats())
	}
}

// gateway lets a broker be reached and cut off while a reader stays connected.
type gateway struct {
	net.Listener
	to    string
	mu    sync.Mutex
	conns []net.Conn
}

func newGateway(t *testing.T, to string) *gateway {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Listener: l, to: strings.TrimPrefix(to, "mqtt://")}
	go g.serve()
	t.Cleanup(func() { l.Close(); g.cut() })
	return g
}

func (g *gateway) serve() {
	for {
		in, err := g.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", g.to)
		if err != nil {
			in.Close()
			continue
		}
		g.mu.Lock()
		g.conns = append(g.conns, in, out)
		g.mu.Unlock()
		pipe := func(a, b net.Conn) {
			buf := make([]byte, 4096)
			for {
				n, err := a.Read(buf)
				if err == nil {
					_, err = b.Write(buf[:n])
				}
				if err != nil {
					a.Close()
					b.Close()
					return
				}
			}
		}
		go pipe(in, out)
		go pipe(out, in)
	}
}

func (g *gateway) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.conns {
		c.Close()
	}
	g.conns = nil
}

// TestRecordsArriveInOrderOverCuts cuts the network again and again: every
// record arrives, each first arrival in order, and the numbers have no gap.
func TestRecordsArriveInOrderOverCuts(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		g := newGateway(t, s.URL())
		e := listen(t, s.URL(), "winnow/v1/+/+/+/part")
		st := start(t, "mqtt://"+g.Addr().String(), func(c *mqtt.Config) { c.InFlight = 8 })
		const parts = 200
		go func() {
			for seq := uint64(1); seq <= parts; seq++ {
				st.part(seq)
				if seq%50 == 0 {
					g.cut()
				}
			}
		}()
		next := uint64(1)
		for next <= parts {
			var p struct{ Record uint64 }
			if err := json.Unmarshal([]byte(e.until("/part", "").payload), &p); err != nil {
				t.Fatal(err)
			}
			if p.Record > next {
				t.Fatalf("record %d came when %d was due", p.Record, next)
			}
			if p.Record == next {
				next++
			}
		}
		drained(t, st)
	})
}

func TestLastWillAfterCut(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		g := newGateway(t, s.URL())
		e := listen(t, s.URL(), "winnow/#")
		start(t, "mqtt://"+g.Addr().String())
		e.until("/status", `"online"`)
		g.cut()
		e.until("/status", `"offline"`)
		e.until("/status", `"online"`)
	})
}

// TestSIGKILL kills this very test program, run as a station.
func TestSIGKILL(t *testing.T) {
	const key = "WINNOW_TEST_STATION"
	if url := os.Getenv(key); url != "" {
		st := start(t, url)
		st.State(telemetry.Ready, "", "recipe", nil)
		select {} // until killed
	}
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/#")
		cmd := exec.Command(os.Args[0], "-test.run=^TestSIGKILL$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), key+"="+s.URL())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		e.until("/status", `"online"`)
		cmd.Process.Kill()
		cmd.Wait()
		if h := e.until("/status", `"offline"`); !strings.Contains(h.payload, `"boot":"b"`) {
			t.Errorf("the will does not name its boot: %s", h.payload)
		}
	})
}

func TestAlarmsOfAnEarlierRunAreCleared(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/v1/s/l/d/alarm/+")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, code := range []string{"old", "still"} {
			if err := e.Publish(ctx, "winnow/v1/s/l/d/alarm/"+code, true, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			e.until("/alarm/"+code, "{}")
		}
		st := start(t, s.URL())
		if err := st.Alarm("still", "text", "action"); err != nil {
			t.Fatal(err)
		}
		if h := e.until("/alarm/old", ""); h.payload != "" {
			t.Errorf("old alarm: %s", h.payload)
		}
		if h := listen(t, s.URL(), "winnow/v1/s/l/d/alarm/+").until("", ""); !strings.HasSuffix(h.topic, "still") {
			t.Errorf("retained: %v", h)
		}
	})
}

func TestCommands(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		var obeyed []string
		e := listen(t, s.URL(), "winnow/v1/s/l/d/cmd/+/ack")
		st := start(t, s.URL(), func(c *mqtt.Config) {
			c.Handle = func(_ context.Context, cmd telemetry.Command) error {
				obeyed = append(obeyed, cmd.Verb+" "+cmd.ID)
				switch cmd.Verb {
				case "break":
					return errors.New("it broke")
				case "forbid":
					return fmt.Errorf("%w: not now", telemetry.ErrRefused)
				}
				return nil
			}
		})
		await(t, "the station is connected", func() bool { return st.Stats().Connected })
		in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339Nano) }
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, c := range []struct{ verb, payload, want string }{
			{"teach", `{"schema":1,"id":"a1","expires":"` + in(time.Minute) + `"}`, `"result":"done"`},
			{"teach", `{"schema":1,"id":"a1","expires":"` + in(time.Minute) + `"}`, `used before`},
			{"teach", `{"schema":1,"id":"a2","expires":"` + in(-time.Second) + `"}`, `expired`},
			{"teach", `{"schema":1,"id":"a3","expires":"` + in(time.Hour) + `"}`, `at most 10m`},
			{"teach", `{"schema":1,"id":"a4","boot":"other","expires":"` + in(time.Minute) + `"}`, `meant for boot other`},
			{"teach", `{"schema":2,"id":"a5","expires":"` + in(time.Minute) + `"}`, `schema 2`},
			{"teach", `not JSON`, `not a command`},
			{"break", `{"schema":1,"id":"a6","expires":"` + in(time.Minute) + `"}`, `"result":"failed","reason":"it broke"`},
			{"forbid", `{"schema":1,"id":"a7","expires":"` + in(time.Minute) + `"}`, `"result":"refused","reason":"refused: not now"`},
		} {
			if err := e.Publish(ctx, "winnow/v1/s/l/d/cmd/"+c.verb, false, []byte(c.payload)); err != nil {
				t.Fatal(err)
			}
			if h := e.until("/cmd/"+c.verb+"/ack", ""); !strings.Contains(h.payload, c.want) {
				t.Errorf("%s %s was answered %s", c.verb, c.payload, h.payload)
			}
		}
		st.stop()
		if got := strings.Join(obeyed, ", "); got != "teach a1, break a6, forbid a7" {
			t.Errorf("obeyed %s", got)
		}
	})
}

func TestNoCommandWaitsForASlowOne(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/v1/s/l/d/cmd/+/ack")
		loaded := make(chan struct{})
		st := start(t, s.URL(), func(c *mqtt.Config) {
			c.Slow = []string{"recipe"}
			c.Handle = func(ctx context.Context, cmd telemetry.Command) error {
				if cmd.Verb == "recipe" {
					select {
					case <-loaded:
					case <-ctx.Done():
					}
				}
				return nil
			}
		})
		await(t, "the station is connected", func() bool { return st.Stats().Connected })
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, c := range []struct{ verb, id string }{{"recipe", "a1"}, {"recipe", "a2"}, {"mode", "a3"}} {
			expires := time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)
			if err := e.Publish(ctx, "winnow/v1/s/l/d/cmd/"+c.verb, false, fmt.Appendf(nil, `{"schema":1,"id":%q,"expires":%q}`, c.id, expires)); err != nil {
				t.Fatal(err)
			}
		}
		e.until("/cmd/mode/ack", `"result":"done"`)
		close(loaded)
		for _, id := range []string{"a1", "a2"} {
			if h := e.until("/cmd/recipe/ack", ""); !strings.Contains(h.payload, id) || !strings.Contains(h.payload, `"result":"done"`) {
				t.Errorf("%s was answered %s", id, h.payload)
			}
		}
	})
}

func TestRetainedCommandIsRefused(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/v1/s/l/d/cmd/+/ack")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := e.Publish(ctx, "winnow/v1/s/l/d/cmd/stop", true, []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		start(t, s.URL(), func(c *mqtt.Config) {
			c.Handle = func(context.Context, telemetry.Command) error { t.Error("obeyed"); return nil }
		})
		e.until("/cmd/stop/ack", "retained commands are refused")
	})
}

func TestLogin(t *testing.T) {
	const password = "correct-horse-battery"
	dir := t.TempDir()
	file := filepath.Join(dir, "passwd")
	m := newMosquitto(t, "password_file "+file+"\nallow_anonymous false")
	tool, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		t.Fatalf("mosquitto is here but not mosquitto_passwd: %v", err)
	}
	if out, err := exec.Command(tool, "-b", "-c", file, "d", password).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	os.Chmod(file, 0o644)
	m.Start(t)
	t.Cleanup(m.Stop)
	login := func(p string) func(*mqtt.Config) {
		return func(c *mqtt.Config) {
			c.User, c.Password = "d", func() (string, error) { return p, nil }
		}
	}
	t.Run("right", func(t *testing.T) {
		start(t, m.URL(), login(password))
		listen(t, m.URL(), "winnow/#", login(password)).until("/status", "online")
	})
	t.Run("wrong", func(t *testing.T) {
		const wrong = "wrong-password-text"
		st := start(t, m.URL(), login(wrong))
		await(t, "the refusal is told", func() bool { return st.Stats().Failing != "" })
		if text := st.Stats().Failing; !strings.Contains(text, "check user and password") || strings.Contains(text, wrong) {
			t.Errorf("failing with %q", text)
		}
	})
	t.Run("unreadable", func(t *testing.T) {
		st := start(t, m.URL(), func(c *mqtt.Config) {
			c.User, c.Password = "d", func() (string, error) { return "", errors.New("no such file") }
		})
		await(t, "the cause is told", func() bool { return st.Stats().Failing == "no such file" })
	})
}

// TestSecretsStayOutOfLogs greps everything a failing and a working client say.
func TestSecretsStayOutOfLogs(t *testing.T) {
	const secret = "s3cret-in-the-wire"
	var mu sync.Mutex
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(lockedWriter{&mu, &said}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	// A peer that answers CONNECT with the login it has read.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			conn.Write(buf[:n])
			conn.Close()
		}
	}()
	st, err := telemetry.NewStation(telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b"}, newClock())
	if err != nil {
		t.Fatal(err)
	}
	outbox := telemetry.NewOutbox(new(telemetry.MemStore), telemetry.Limits{}, log)
	c, err := mqtt.New(mqtt.Config{
		Broker: "mqtt://" + l.Addr().String(), User: "u",
		Password: func() (string, error) { return secret, nil }, BackoffMin: time.Millisecond,
	}, st, outbox, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.Run(ctx) })
	await(t, "it fails", func() bool { return c.Stats().Failing != "" })
	cancel()
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for what, text := range map[string]string{"log": said.String(), "stats": c.Stats().Failing, "dump": fmt.Sprintf("%+v", c.Stats())} {
		if strings.Contains(text, secret) {
			t.Errorf("%s holds the password: %s", what, text)
		}
	}
	if said.Len() == 0 {
		t.Error("nothing was logged")
	}
	_, err = mqtt.New(mqtt.Config{Broker: "mqtt://u:" + secret + "@h:1"}, st, outbox, log)
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a login in the address: %v", err)
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// TestHostileBrokers answer CONNECT properly and then send what no honest one
// does: the station survives, says so and allocates little.
func TestHostileBrokers(t *testing.T) {
	connack := []byte{0x20, 2, 0, 0}
	for name, bad := range map[string][]byte{
		"256 MiB from five bytes":  {0x30, 0xff, 0xff, 0xff, 0x7f},
		"five bytes of length":     {0x30, 0xff, 0xff, 0xff, 0xff, 1},
		"SUBACK with many codes":   {0x90, 6, 0, 1, 0, 0, 0, 0},
		"SUBACK without a code":    {0x90, 2, 0, 1},
		"message of QoS 2":         {0x34, 7, 0, 1, 'a', 0, 1, 'x', 'y'},
		"message of QoS 3":         {0x36, 7, 0, 1, 'a', 0, 1, 'x', 'y'},
		"message shorter than its": {0x32, 2, 0, 9},
		"PUBREC":                   {0x50, 2, 0, 1},
		"CONNECT":                  {0x10, 0},
		"type 0":                   {0x00, 0},
		"type 15":                  {0xf0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Read(make([]byte, 4096))
					conn.Write(append(append([]byte(nil), connack...), bad...))
					conn.Read(make([]byte, 4096))
					conn.Close()
				}
			}()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			st := start(t, "mqtt://"+l.Addr().String())
			await(t, "it connects again", func() bool { return st.Stats().Connects >= 2 })
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%d MiB allocated", grown>>20)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	st, _ := telemetry.NewStation(telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b"}, newClock())
	outbox := telemetry.NewOutbox(new(telemetry.MemStore), telemetry.Limits{}, slog.New(slog.DiscardHandler))
	text := filepath.Join(t.TempDir(), "text")
	os.WriteFile(text, []byte("no certificate"), 0o600)
	for name, cfg := range map[string]mqtt.Config{
		"empty":       {},
		"scheme":      {Broker: "http://h"},
		"no CA":       {Broker: "mqtts://h", TLS: mqtt.TLS{CAFile: text + "x"}},
		"text as CA":  {Broker: "mqtts://h", TLS: mqtt.TLS{CAFile: text}},
		"text as key": {Broker: "mqtts://h", TLS: mqtt.TLS{CertFile: text, KeyFile: text}},
	} {
		if _, err := mqtt.New(cfg, st, outbox, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
