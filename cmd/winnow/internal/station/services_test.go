package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	smodbus "github.com/simonvetter/modbus"

	"winnow/edge"
	"winnow/edge/config"
	"winnow/edge/health"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/gpio"
	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

// freeAddress is a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// page is a running station with its HTTP side.
type page struct {
	*plant
	address, token string
}

// software starts a station that is triggered by commands over HTTP.
func software(t *testing.T, more string, judge judgeFunc) *page {
	t.Helper()
	p := softwareNotReady(t, more, judge)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	return p
}

// softwareNotReady does not wait for READY.
func softwareNotReady(t *testing.T, more string, judge judgeFunc) *page {
	t.Helper()
	return launchPage(t, plantConfig+more, judge)
}

func launchPage(t *testing.T, text string, judge judgeFunc) *page {
	t.Helper()
	return launchPageIn(t, t.TempDir(), text, Model{Judge: judge, Digest: "test"}, nil)
}

func launchPageIn(t *testing.T, dir, text string, model Model, load Loader) *page {
	t.Helper()
	p := &page{address: freeAddress(t)}
	text = strings.Replace(text, `kind = "gpio"`, `kind = "software"`, 1)
	p.plant = launchIn(t, dir, text+"\n[http]\nlisten = \""+p.address+"\"\n", model, load)
	p.until("the page", func() bool { code, _ := p.get("/status"); return code == http.StatusOK })
	b, err := os.ReadFile(p.cfg.HTTP.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	p.token = strings.TrimSpace(string(b))
	return p
}

func (p *page) get(path string) (int, string) {
	r, err := http.Get("http://" + p.address + path)
	if err != nil {
		return 0, ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

// post sends a command and returns what became of it.
func (p *page) post(verb, token, body string) (int, answer) {
	p.t.Helper()
	req, err := http.NewRequest("POST", "http://"+p.address+"/cmd/"+verb, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	var a answer
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, a
}

// command with arguments, that expires in a minute.
func withArgs(id, args string) string {
	return fmt.Sprintf(`{"schema":%d,"id":%q,"expires":%q,"args":%s}`, telemetry.Version, id, time.Now().Add(time.Minute).UTC().Format(time.RFC3339), args)
}

func (p *page) done(verb, body string) {
	p.t.Helper()
	if code, a := p.post(verb, p.token, body); code != http.StatusOK || a.Result != telemetry.ResultDone {
		p.t.Errorf("%s %s: %d %+v", verb, body, code, a)
	}
}

// trigger announces n parts by command.
func (p *page) trigger(n int) {
	p.t.Helper()
	before := p.line.Counts().Triggers
	for range n {
		p.done("trigger", "")
		p.camera.asked <- struct{}{}
		time.Sleep(180 * time.Millisecond)
	}
	p.until("verdicts", func() bool { return p.line.Counts().Triggers == before+uint64(n) })
}

func TestCommandsOverHTTP(t *testing.T) {
	p := software(t, "", oddIsBad)
	p.trigger(4)
	p.until("two pulses", func() bool { return p.pulses(lineReject) == 2 })

	for _, c := range []struct {
		what, verb, token, body, reason string
		code                            int
	}{
		{"no token", "trigger", "", "", "give the token", http.StatusUnauthorized},
		{"wrong token", "trigger", strings.Repeat("x", 32), "", "give the token", http.StatusUnauthorized},
		{"no such verb", "explode", p.token, "", "no command", http.StatusConflict},
		{"no JSON", "mode", p.token, "shadow", "not a command", http.StatusConflict},
		{"expired", "mode", p.token, `{"schema":1,"id":"old","expires":"2020-01-01T00:00:00Z","args":{"mode":"shadow"}}`, "expired", http.StatusConflict},
		{"no such mode", "mode", p.token, withArgs("m0", `{"mode":"sleep"}`), "args", http.StatusConflict},
		{"no mode", "mode", p.token, "", `give "mode"`, http.StatusConflict},
		{"fired while ready", "fire", p.token, withArgs("f0", `{"actuator":"reject","hold_ms":50}`), "in mode", http.StatusConflict},
		{"reset with an argument", "reset", p.token, withArgs("r0", `{"code":"jam"}`), `unknown field "code"`, http.StatusConflict},
		{"trigger with an argument", "trigger", p.token, withArgs("t0", `{"parts":3}`), `unknown field "parts"`, http.StatusConflict},
		{"no challenges", "challenge", p.token, "", "challenge.every is 0s", http.StatusConflict},
	} {
		if code, a := p.post(c.verb, c.token, c.body); code != c.code || a.Result != telemetry.ResultRefused || !strings.Contains(a.Reason, c.reason) {
			t.Errorf("%s: %d %+v", c.what, code, a)
		}
	}
	p.done("mode", withArgs("m1", `{"mode":"shadow"}`))
	if code, a := p.post("mode", p.token, withArgs("m1", `{"mode":"ready"}`)); code != http.StatusConflict || !strings.Contains(a.Reason, "used before") {
		t.Errorf("a repeated command: %d %+v", code, a)
	}
	if st := p.line.Status(); st.State.String() != "SHADOW" || bool(p.chip.Line(lineReady).Read()) {
		t.Errorf("%+v", st)
	}
}

// TestArgumentsAreExact: what two readers could understand in two ways is refused.
func TestArgumentsAreExact(t *testing.T) {
	for _, raw := range []string{
		`{"mode":"inhibit","mode":"ready"}`,
		`{"mode":"inhibit","Mode":"ready"}`,
		`{"MODE":"ready"}`,
		`{"mode":"ready","force":true}`,
		`["ready"]`,
		`"ready"`,
	} {
		var args struct {
			Mode config.Mode `json:"mode"`
		}
		if err := arguments(json.RawMessage(raw), &args); !errors.Is(err, telemetry.ErrRefused) {
			t.Errorf("%s is taken as mode %q: %v", raw, args.Mode, err)
		}
	}
	for _, raw := range []string{"", "null", "{}", " {} "} {
		if err := arguments(json.RawMessage(raw), new(struct{})); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

func TestShadowNeverFiresAndDrawsItsCurve(t *testing.T) {
	p := software(t, "", oddIsBad)
	p.done("mode", withArgs("m1", `{"mode":"shadow"}`))
	p.trigger(6)
	_, curve := p.get("/curve")
	for _, want := range []string{`"n": 6`, `"rejects": 3`} {
		if !strings.Contains(curve, want) {
			t.Errorf("no %s in %s", want, curve)
		}
	}
	p.until("they have passed the actuator", p.outs.idle)
	p.done("mode", withArgs("m2", `{"mode":"ready"}`))
	p.trigger(2)
	p.until("one pulse", func() bool { return p.pulses(lineReject) == 1 })
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	if n := p.pulses(lineReject); n != 1 {
		t.Errorf("%d pulses for one bad part before its actuator while ready", n)
	}
	if b, err := os.ReadFile(filepath.Join(p.cfg.Records.Dir, "curve.json")); err != nil || !strings.Contains(string(b), `"n": 6`) {
		t.Errorf("curve on disk: %v %s", err, b)
	}
}

// Between two modes that hold the actuators there is no instant in which they are not.
func TestFromInhibitToShadowTheLineIsNeverReady(t *testing.T) {
	p := software(t, "", oddIsBad)
	p.done("mode", withArgs("m0", `{"mode":"inhibit"}`))
	ready := p.chip.Line(lineReady)
	before := ready.Rises(gpio.High)
	for i, mode := range []string{"shadow", "inhibit", "shadow"} {
		p.done("mode", withArgs(fmt.Sprint("n", i), `{"mode":"`+mode+`"}`))
	}
	if n := ready.Rises(gpio.High) - before; n != 0 {
		t.Errorf("READY rose %d times", n)
	}
}

// Of two commands at once, over MQTT and HTTP, the one that is in force outlasts a crash.
func TestTheModeInForceIsTheOneThatIsKept(t *testing.T) {
	p := software(t, "", oddIsBad)
	for round := range 100 {
		var both sync.WaitGroup
		for _, mode := range []string{"shadow", "inhibit"} {
			both.Go(func() {
				if err := p.cmdMode(t.Context(), json.RawMessage(`{"mode":"`+mode+`"}`)); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if kept, err := startMode(p.cfg); err != nil || kept != p.status().Mode {
			t.Fatalf("round %d: %q is in force, %q would be after a crash, %v", round, p.status().Mode, kept, err)
		}
	}
}

// A hand may be at an actuator that a command has inhibited: a station that comes back from
// a crash leaves it so. Who stops a station and starts it again gets the configured mode.
func TestAModeOutlastsACrash(t *testing.T) {
	dir := killedStation(t)
	if err := os.WriteFile(filepath.Join(dir, "records", modeFile), []byte(`{"mode":"inhibit"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	p := launchIn(t, dir, plantConfig, Model{Judge: judgeFunc(allBad), Digest: "test"}, nil)
	p.until("the start", p.running.Load)
	p.parts(2)
	p.reset()
	p.until("INHIBIT", func() bool { return p.line.Status().State == line.Inhibit })
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if n := p.pulses(lineReject); n != 0 || p.line.Counts().Reject != 2 {
		t.Errorf("%d pulses, %+v", n, p.line.Counts())
	}
	if mode, err := startMode(p.cfg); err != nil || mode != config.ModeReady {
		t.Errorf("after a clean end: mode %q, %v", mode, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "records", modeFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if mode, err := startMode(p.cfg); err == nil || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("of half a file: mode %q, %v", mode, err)
	}
}

func TestActuatorsAreFiredByHandWhileInhibitedOnly(t *testing.T) {
	p := software(t, "", oddIsBad)
	p.done("mode", withArgs("m1", `{"mode":"inhibit"}`))
	p.done("fire", withArgs("f1", `{"actuator":"reject","hold_ms":40}`))
	p.until("the pulse", func() bool { return p.pulses(lineReject) == 1 && !bool(p.chip.Line(lineReject).Read()) })
	for _, c := range []struct{ args, reason string }{
		{`{"actuator":"other","hold_ms":40}`, "no actuator"},
		{`{"actuator":"reject","hold_ms":60000}`, "hold_ms"},
		{`{"actuator":"reject"}`, "hold_ms"},
		{`{"actuator":"reject","hold_ms":18446744073710}`, "hold_ms"},
	} {
		if _, a := p.post("fire", p.token, withArgs("f"+c.args[14:16]+fmt.Sprint(len(c.args)), c.args)); a.Result != telemetry.ResultRefused || !strings.Contains(a.Reason, c.reason) {
			t.Errorf("%s: %+v", c.args, a)
		}
	}
	p.chip.Line(lineInhibit).Drive(true)
	p.until("the input counts", func() bool {
		_, a := p.post("fire", p.token, withArgs(fmt.Sprint("h", time.Now().UnixNano()), `{"actuator":"reject","hold_ms":1}`))
		return strings.Contains(a.Reason, "INHIBIT input is active")
	})
}

func TestLimitsStopTheLineUntilReset(t *testing.T) {
	p := launchPage(t, strings.Replace(plantConfig, "[recipe]", "[recipe]\nmax_consecutive = 3", 1), allBad)
	p.trigger(3)
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) && p.line.Status().Stop })
	p.done("reset", "")
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
}

// allBad rejects every part.
func allBad(_ *edge.Frame, v *edge.Verdict) error {
	v.Decision, v.Reason, v.Score = edge.Reject, edge.ReasonScore, edge.Score{Fused: 2, Threshold: 1}
	return nil
}

func TestChallengesHoldReadyAndArePassed(t *testing.T) {
	p := softwareNotReady(t, "[challenge]\nevery = \"1h\"\ngrace = \"0s\"\nparts = 2\n", allBad)
	p.until("READY drops for the overdue challenge", func() bool { return strings.Contains(p.line.Status().Reason, "challenge is overdue") })
	p.done("challenge", "")
	p.trigger(2)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if c := p.Challenge(); c.Parts.Caught != 2 || c.Parts.N != 2 || c.Due {
		t.Errorf("%+v", c)
	}
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	l, err := store.OpenLedger(filepath.Join(p.cfg.Records.Dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := l.Challenges(t.Context(), store.Proved{Recipe: "default", Model: "test"}); c != (store.Challenged{Caught: 2, N: 2}) || err != nil {
		t.Errorf("kept: %+v, %v", c, err)
	}
	pages, err := l.Pages(t.Context(), 10)
	if err != nil || len(pages) != 1 || pages[0].Open || pages[0].Counts != p.line.Counts() {
		t.Errorf("%+v %v", pages, err)
	}
}

// Who finds a station that lets known-bad parts pass, and starts it again, has mended nothing.
func TestAFailedChallengeStandsOverARestart(t *testing.T) {
	dir, text := t.TempDir(), plantConfig+"[challenge]\nevery = \"1h\"\ngrace = \"1h\"\nparts = 2\n"
	const why = "known-bad part was not rejected"
	run := func(t *testing.T, name string, judge judgeFunc, test func(p *page)) {
		t.Run(name, func(t *testing.T) {
			p := launchPageIn(t, dir, text, Model{Judge: judge, Digest: "test"}, nil)
			p.until("the start", p.running.Load)
			test(p)
		})
	}
	t.Run("to its end", func(t *testing.T) {
		run(t, "one is accepted", oddIsBad, func(p *page) {
			p.done("challenge", "")
			p.trigger(2)
			p.until("READY drops", func() bool { return strings.Contains(p.line.Status().Reason, why) })
			if err := p.stop(); err != nil {
				p.t.Fatal(err)
			}
		})
	})
	run(t, "started again", allBad, func(p *page) {
		p.done("challenge", "")
		p.trigger(1)
		if n := p.chip.Line(lineReady).Rises(gpio.High); n != 0 || !strings.Contains(p.line.Status().Reason, why) {
			p.t.Errorf("READY rose %d times, %+v", n, p.line.Status())
		}
		p.trigger(1)
		p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	})
}

func TestInjectedDefectsAreJudgedBesideTheLine(t *testing.T) {
	judged := make(chan bool, 100)
	p := software(t, "[challenge]\ninjected_every = \"1s\"\n", func(f *edge.Frame, v *edge.Verdict) error {
		bad := false
		for _, b := range f.Pix { // frames are black: only a defect is not
			bad = bad || b > 40
		}
		v.Decision, v.Score = edge.Accept, edge.Score{Fused: 0.5, Threshold: 1}
		if bad {
			v.Decision, v.Reason, v.Score.Fused = edge.Reject, edge.ReasonScore, 3
		}
		judged <- bad
		return nil
	})
	p.until("a probe", func() bool {
		p.trigger(1)
		return p.Challenge().Injected.N > 0
	})
	if d := p.Challenge().Injected; d.Caught != d.N || p.pulses(lineReject) != 0 {
		t.Errorf("%+v, %d pulses", d, p.pulses(lineReject))
	}
	if c := p.line.Counts(); c.Reject != 0 || !c.Balanced() {
		t.Errorf("a probe is in the ledger: %+v", c)
	}
}

func TestMetricsStatusAndModbusShowTheSame(t *testing.T) {
	address := freeAddress(t)
	p := software(t, "[modbus]\nlisten = \""+address+"\"\n", oddIsBad)
	p.trigger(4)
	p.until("two pulses", func() bool { return p.pulses(lineReject) == 2 && !bool(p.chip.Line(lineReject).Read()) })
	_, text := p.get("/metrics")
	for _, want := range []string{
		`verdict="accept"} 2`, `verdict="reject"} 2`, `state="READY"} 1`,
		`winnow_stretch_seconds_count{device="station-1",line="line",site="site",stretch="due_edge"} 2`,
		`winnow_stretch_seconds_count{device="station-1",line="line",site="site",stretch="frame_score"} 4`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	var parts []Part
	if _, text := p.get("/parts"); json.Unmarshal([]byte(text), &parts) != nil || len(parts) != 4 {
		t.Fatalf("%s", text)
	}
	for i, part := range parts { // the newest first: parts 4, 3, 2, 1
		bad := part.Part%2 == 1
		if part.Part != uint64(4-i) || (part.Verdict == edge.Reject) != bad || part.Frame == nil || part.Scored == nil || part.Due == nil || *part.Due != 1_900_000 {
			t.Errorf("%+v", part)
		}
		if (part.On != nil) != bad || bad && (*part.Pulse != 2_000_000 || *part.On < *part.Pulse || *part.Off < *part.On || part.Outcome != "fired") {
			t.Errorf("%+v", part)
		}
	}
	var st Status
	if _, text := p.get("/status"); json.Unmarshal([]byte(text), &st) == nil && st.Counts.Accept != 2 {
		t.Errorf("%s", text)
	}
	c, err := smodbus.NewClient(&smodbus.ClientConfiguration{URL: "tcp://" + address, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	p.until("the Modbus server", func() bool { return c.Open() == nil })
	defer c.Close()
	if ready, err := c.ReadDiscreteInput(0); !ready || err != nil {
		t.Errorf("READY %v %v", ready, err)
	}
	if n, err := c.ReadUint32(2, smodbus.INPUT_REGISTER); n != 2 || err != nil {
		t.Errorf("accepted %d %v", n, err)
	}
}

func TestAPageOfSomebodyElseIsRefused(t *testing.T) {
	p := software(t, "", oddIsBad)
	req, _ := http.NewRequest("GET", "http://"+p.address+"/status", nil)
	req.Host = "evil.example"
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("%d", r.StatusCode)
	}
}

// TestACommandIsObeyedOnceWhicheverWayItComes: over MQTT first, and then over HTTP.
func TestACommandIsObeyedOnceWhicheverWayItComes(t *testing.T) {
	p := software(t, "", oddIsBad)
	acks := make(chan string, 9)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	sub, err := mqtt.Subscribe(ctx, mqtt.Config{Broker: p.teller.cfg.Broker}, "rev", p.teller.topics.Prefix()+"/cmd/+/ack", func(_ string, b []byte, _ bool) { acks <- string(b) })
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	p.until("connected", func() bool { return p.teller.client.Stats().Connected })
	cmd := withArgs("once", "{}")
	topic, _ := p.teller.topics.Command("reset")
	if err := sub.Publish(ctx, topic, false, []byte(cmd)); err != nil {
		t.Fatal(err)
	}
	<-acks
	if code, a := p.post("reset", p.token, cmd); code == 200 {
		t.Errorf("obeyed again: %d %+v", code, a)
	}
}

// TestADamagedOutboxIsTold: its records are lost and their numbers begin anew, which
// somebody has to take note of. The line inspects.
func TestADamagedOutboxIsTold(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "records"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "records", "outbox.db"), []byte(strings.Repeat("no database ", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	p := launchIn(t, dir, plantConfig, Model{Judge: judgeFunc(oddIsBad), Digest: "test"}, nil)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	told := func() bool {
		return slices.ContainsFunc(p.Problems(), func(h health.Problem) bool { return h.Code == "records-lost" })
	}
	if !told() {
		t.Errorf("problems: %+v", p.Problems())
	}
	if err := p.cmdReset(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if told() {
		t.Error("a reset leaves the alarm")
	}
}

// A service whose address was taken is well again once it has it.
func TestModbusIsWellAgainOnceItHasItsAddress(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := start(t, "[modbus]\nlisten = \""+taken.Addr().String()+"\"\n", oddIsBad)
	ill := func() bool {
		return slices.ContainsFunc(p.Problems(), func(h health.Problem) bool { return h.Code == "modbus" })
	}
	p.until("the alarm", ill)
	_ = taken.Close()
	p.until("the end of the alarm", func() bool { return !ill() })
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
