package telemetry_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"log/slog"
	"math"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"winnow/edge"
	"winnow/telemetry"
)

// rules is one test for each rule of schema.md.
var rules = map[string]func(*testing.T){
	"T1": ruleIDs, "T2": ruleEveryPayload, "T3": ruleSequence, "T4": ruleTimes, "T5": ruleNumbers,
	"T6": ruleVerdicts, "T7": ruleRecordNumbers, "T8": ruleMicroseconds, "T9": ruleNotScored,
	"T10": ruleHeatmapSize, "T11": ruleRegions, "T12": ruleCounts, "T13": ruleAlarms, "T14": ruleText,
	"T15": ruleStatus, "T16": ruleStates, "T17": ruleCommands, "T18": ruleAcks, "T19": ruleBounds, "T20": ruleAcknowledged, "T21": ruleWhy,
}

func TestRules(t *testing.T) {
	page, err := os.ReadFile("schema.md")
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`(?m)^\| (T\d+) \|`).FindAllStringSubmatch(string(page), -1)
	if len(ids) != len(rules) {
		t.Errorf("%d rules on the page, %d tests", len(ids), len(rules))
	}
	for _, id := range ids {
		rule, ok := rules[id[1]]
		if !ok {
			t.Errorf("rule %s has no test", id[1])
			continue
		}
		t.Run(id[1], rule)
	}
}

// fixed is a clock that a test sets.
type fixed struct {
	now  edge.Instant
	wall edge.WallTime
}

func (c *fixed) Now() edge.Instant                              { return c.now }
func (c *fixed) Wall() edge.WallTime                            { return c.wall }
func (c *fixed) SleepUntil(context.Context, edge.Instant) error { return nil }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("east", 3600))

func newFixed() *fixed { return &fixed{1, edge.WallTime{Time: noon, Quality: edge.WallRTC}} }

// sink keeps what a reporter says.
type sink struct {
	mu   sync.Mutex
	last map[string][]byte
}

func (s *sink) put(topic string, payload []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string][]byte{}
	}
	s.last[topic] = payload
}
func (s *sink) Retain(topic string, payload []byte) { s.put(topic, payload) }
func (s *sink) Send(topic string, payload []byte)   { s.put(topic, payload) }

const branch = "winnow/v1/s/l/d/"

func newStation(t *testing.T, c edge.Clock) *telemetry.Station {
	t.Helper()
	s, err := telemetry.NewStation(telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b", Version: "v"}, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newReporter(t *testing.T, c edge.Clock) (*telemetry.Reporter, *sink, *telemetry.Outbox) {
	t.Helper()
	k := new(sink)
	o := telemetry.NewOutbox(new(telemetry.MemStore), telemetry.Limits{}, slog.New(slog.DiscardHandler))
	return telemetry.NewReporter(newStation(t, c), k, o), k, o
}

func fullVerdict() *edge.Verdict {
	v := &edge.Verdict{
		ID:       edge.EventID{Device: "d", Boot: "b", Seq: 7},
		Decision: edge.Reject, Reason: edge.ReasonScore,
		Score:   edge.Score{Fused: 1.0 / 3, Latent: 2, Reconstruction: 3, Autoencoder: 1, Surroundings: 4, LatentShare: 0.25, SurroundingsShare: 0.5, PValue: 0.001, Threshold: 0.2},
		Regions: []edge.Region{{Box: image.Rect(1, 2, 11, 22), Area: 50, Score: 1.5, Share: 0.75}},
		Judged:  image.Rect(0, 0, 64, 64), Nearest: edge.Nearest{Part: "good-7.png", Distance: 3, Usual: 1.5},
		Trigger: 1000, Frame: 6_000, Scored: 3_001_999, Due: 2_001_000,
		Wall: edge.WallTime{Time: noon, Quality: edge.WallNTP}, Recipe: "bolt", Model: "abc",
	}
	v.Heatmap[17], v.Heatmap[200] = 250, 250
	return v
}

func asMap(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return m
}

// at returns the value under a dotted path.
func at(t *testing.T, b []byte, path string) any {
	t.Helper()
	var v any = asMap(t, b)
	for _, key := range strings.Split(path, ".") {
		v = v.(map[string]any)[key]
	}
	return v
}

func must(t *testing.T) func(b []byte, err error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func ruleWhy(t *testing.T) {
	v := fullVerdict()
	b := must(t)(telemetry.EncodePart(v, 1))
	if got := at(t, b, "why"); got != v.Why() || !strings.Contains(v.Why(), "at the upper left, 10x20 px") {
		t.Errorf("why: %v", got)
	}
	if at(t, b, "nearest.part") != "good-7.png" || at(t, b, "nearest.distance") != 3.0 || at(t, b, "nearest.usual") != 1.5 {
		t.Errorf("nearest: %v", at(t, b, "nearest"))
	}
	v.Decision, v.Reason = edge.Accept, edge.ReasonNone
	b = must(t)(telemetry.EncodePart(v, 1))
	if at(t, b, "why") != "" || at(t, b, "nearest") != nil {
		t.Errorf("an accepted part: %s", b)
	}
	v.Decision, v.Reason, v.Nearest = edge.Reject, edge.ReasonNoFrame, edge.Nearest{}
	b = must(t)(telemetry.EncodePart(v, 1))
	if why := at(t, b, "why").(string); !strings.Contains(why, "no frame") || at(t, b, "nearest") != nil {
		t.Errorf("a part without a frame: %s", b)
	}
}

func ruleIDs(t *testing.T) {
	bad := []string{"", "+", "#", "a/b", "a+", "a b", "ä", "a\x00", "a.b", "$SYS", strings.Repeat("a", 65)}
	for _, id := range bad {
		for i := range 3 {
			levels := []string{"s", "l", "d"}
			levels[i] = id
			if _, err := telemetry.NewTopics(levels[0], levels[1], levels[2]); err == nil {
				t.Errorf("level %d may be %q", i, id)
			}
		}
		topics := newStation(t, newFixed()).Topics()
		_, err1 := topics.Alarm(id)
		_, err2 := topics.Command(id)
		_, err3 := topics.Ack(id)
		_, err4 := telemetry.NewStation(telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: id}, newFixed())
		if err1 == nil || err2 == nil || err3 == nil || err4 == nil {
			t.Errorf("an alarm, a command or a boot may be %q", id)
		}
		if _, ok := topics.Verb(branch + "cmd/" + id); ok {
			t.Errorf("%q is heard as a command", id)
		}
	}
	topics, err := telemetry.NewTopics("Site-1", "l_2", strings.Repeat("z", 64))
	if err != nil {
		t.Fatal(err)
	}
	if got := topics.Part(); got != "winnow/v1/Site-1/l_2/"+strings.Repeat("z", 64)+"/part" {
		t.Error(got)
	}
	ack, _ := topics.Ack("teach")
	if verb, ok := topics.Verb(ack); ok {
		t.Errorf("an acknowledgement is heard as command %q", verb)
	}
}

func ruleEveryPayload(t *testing.T) {
	r, k, _ := newReporter(t, newFixed())
	st := newStation(t, newFixed())
	r.Part(fullVerdict())
	r.Counts(edge.Counts{Triggers: 1, Reject: 1})
	r.State(telemetry.Ready, "why", "recipe", &edge.Certificate{Bound: 0.01, N: 300, Void: "light"})
	if err := r.Alarm("camera", "text", "action"); err != nil {
		t.Fatal(err)
	}
	r.Drift(telemetry.DriftReport{Light: 1, Focus: math.NaN(), Void: "focus"})
	_, ack, _ := st.EncodeAck("teach", "id", telemetry.ResultDone, "")
	cmd := []byte(`{"schema":1,"id":"a","expires":"2026-01-01T00:00:00Z","boot":"b","args":{"x":1}}`)
	for def, b := range map[string][]byte{
		"part":    must(t)(telemetry.EncodePart(fullVerdict(), 1)),
		"heatmap": k.last[branch+"heatmap"], "counts": k.last[branch+"counts"], "state": k.last[branch+"state"],
		"alarm": k.last[branch+"alarm/camera"], "drift": k.last[branch+"drift"],
		"status": st.EncodeStatus(telemetry.Online), "ack": ack, "cmd": cmd,
	} {
		if err := validate(t, def, b); err != nil {
			t.Errorf("%s: %v\n%s", def, err, b)
		}
	}
	zero := must(t)(telemetry.EncodePart(&edge.Verdict{ID: edge.EventID{Device: "d", Boot: "b"}}, 0))
	if err := validate(t, "part", zero); err != nil {
		t.Errorf("the zero verdict: %v", err)
	}
	for _, spoiled := range []string{`{}`, `[]`, `{"schema":2}`, strings.Replace(string(zero), `"record"`, `"rekord"`, 1)} {
		if validate(t, "part", []byte(spoiled)) == nil {
			t.Errorf("%s passes as a part", spoiled)
		}
	}
}

func ruleSequence(t *testing.T) {
	b := must(t)(telemetry.EncodePart(fullVerdict(), 99))
	if at(t, b, "id.seq") != 7.0 || at(t, b, "id.device") != "d" || at(t, b, "id.boot") != "b" {
		t.Errorf("%s", b)
	}
	st := newStation(t, newFixed())
	for want := 1.0; want <= 3; want++ {
		if got := at(t, st.EncodeStatus(telemetry.Online), "id.seq"); got != want {
			t.Errorf("message %v has seq %v", want, got)
		}
	}
}

func ruleTimes(t *testing.T) {
	for _, c := range []struct {
		time    time.Time
		quality edge.WallQuality
		want    string
	}{
		{noon, edge.WallRTC, `{"time":"2026-03-01T11:00:00.123Z","quality":"rtc"}`},
		{noon.Truncate(time.Second), edge.WallNTP, `{"time":"2026-03-01T11:00:00.000Z","quality":"ntp"}`},
		{time.Time{}, edge.WallNone, `{"time":"0001-01-01T00:00:00.000Z","quality":"none"}`},
		{time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), edge.WallNTP, `{"time":"0001-01-01T00:00:00.000Z","quality":"none"}`},
		{time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), edge.WallNTP, `{"time":"0001-01-01T00:00:00.000Z","quality":"none"}`},
		{noon, edge.WallQuality(9), `{"time":"0001-01-01T00:00:00.000Z","quality":"none"}`},
	} {
		s := telemetry.Stamp{Time: c.time, Quality: c.quality}
		b := must(t)(json.Marshal(s))
		if string(b) != c.want {
			t.Errorf("%v is written %s", c.time, b)
		}
		var back telemetry.Stamp
		if err := json.Unmarshal(b, &back); err != nil || string(must(t)(json.Marshal(back))) != c.want {
			t.Errorf("%s is read as %v, %v", b, back, err)
		}
	}
}

func ruleNumbers(t *testing.T) {
	v := fullVerdict()
	v.Score.Fused, v.Score.Latent = math.NaN(), math.Inf(-1)
	v.Score.PValue, v.Score.Threshold = math.SmallestNonzeroFloat64, math.MaxFloat64
	b := must(t)(telemetry.EncodePart(v, 1))
	if at(t, b, "score.fused") != nil || at(t, b, "score.latent") != nil {
		t.Errorf("%s", b)
	}
	if at(t, b, "score.p_value") != math.SmallestNonzeroFloat64 || at(t, b, "score.threshold") != math.MaxFloat64 {
		t.Errorf("%s", b)
	}
	for _, f := range []float64{1.0 / 3, -0.0, 1e300, 0.1 + 0.2} {
		var back telemetry.Number
		if err := json.Unmarshal(must(t)(json.Marshal(telemetry.Number(f))), &back); err != nil || float64(back) != f {
			t.Errorf("%v came back as %v, %v", f, back, err)
		}
	}
}

func ruleVerdicts(t *testing.T) {
	for d, want := range map[edge.Decision]string{
		edge.Unknown: "unknown", edge.Accept: "accept", edge.Reject: "reject", edge.Unsure: "unsure", 77: "unknown",
	} {
		v := fullVerdict()
		v.Decision = d
		if got := at(t, must(t)(telemetry.EncodePart(v, 1)), "verdict"); got != want {
			t.Errorf("decision %d is %v", d, got)
		}
	}
}

func ruleMicroseconds(t *testing.T) {
	v := fullVerdict()
	b := must(t)(telemetry.EncodePart(v, 1))
	if at(t, b, "frame_us") != 5.0 || at(t, b, "latency_us") != 3000.0 || at(t, b, "due_margin_us") != -1000.0 {
		t.Errorf("%s", b)
	}
	v.Frame, v.Scored = 0, 0
	b = must(t)(telemetry.EncodePart(v, 1))
	if at(t, b, "frame_us") != nil || at(t, b, "latency_us") != nil || at(t, b, "due_margin_us") != nil {
		t.Errorf("%s", b)
	}
}

func ruleNotScored(t *testing.T) {
	v := fullVerdict()
	if got := at(t, must(t)(telemetry.EncodePart(v, 1)), "score.reconstruction_share"); got != 0.75 {
		t.Errorf("share of reconstruction %v", got)
	}
	if got := at(t, must(t)(telemetry.EncodePart(v, 1)), "score.surroundings_share"); got != 0.5 {
		t.Errorf("share of surroundings %v", got)
	}
	v.Score = edge.Score{}
	for key, got := range at(t, must(t)(telemetry.EncodePart(v, 1)), "score").(map[string]any) {
		if got != nil {
			t.Errorf("%s is %v", key, got)
		}
	}
}

func ruleHeatmapSize(t *testing.T) {
	v := fullVerdict()
	b := must(t)(telemetry.EncodeHeatmap(v))
	grid, err := base64.StdEncoding.DecodeString(at(t, b, "grid").(string))
	if err != nil || string(grid) != string(v.Heatmap[:]) {
		t.Errorf("grid %v, %v", grid, err)
	}
	if at(t, b, "peak.x") != 1.0 || at(t, b, "peak.y") != 1.0 || at(t, b, "peak.value") != 250.0 {
		t.Errorf("peak %v", at(t, b, "peak"))
	}
	long := strings.Repeat("x", telemetry.MaxIDLen)
	v.ID = edge.EventID{Device: long, Boot: long, Seq: math.MaxUint64}
	worst := edge.Region{
		Box:  image.Rect(math.MinInt/2, math.MinInt/2, math.MaxInt/2, math.MaxInt/2),
		Area: math.MinInt, Score: -math.MaxFloat64 / 3, Share: -math.SmallestNonzeroFloat64,
	}
	v.Regions = []edge.Region{worst, worst, worst, worst, worst, worst, worst}
	if b := must(t)(telemetry.EncodeHeatmap(v)); len(b) > telemetry.MaxHeatmapBytes {
		t.Errorf("%d bytes", len(b))
	}
	v.ID.Device = strings.Repeat("x", 4096)
	if _, err := telemetry.EncodeHeatmap(v); err == nil {
		t.Error("a payload above the limit was written")
	}
}

func ruleRegions(t *testing.T) {
	v := fullVerdict()
	for i := range 7 {
		v.Regions = append(v.Regions, edge.Region{Area: i})
	}
	regions := at(t, must(t)(telemetry.EncodeHeatmap(v)), "regions").([]any)
	first := fmt.Sprint(regions[0])
	if len(regions) != 5 || first != "map[area:50 h:20 score:1.5 share:0.75 w:10 x:1 y:2]" {
		t.Errorf("%d regions, first %s", len(regions), first)
	}
	v.Regions = nil
	if got := at(t, must(t)(telemetry.EncodeHeatmap(v)), "regions"); len(got.([]any)) != 0 {
		t.Errorf("regions %v", got)
	}
}

func ruleCounts(t *testing.T) {
	r, k, _ := newReporter(t, newFixed())
	r.Part(fullVerdict())
	r.Counts(edge.Counts{Triggers: 10, Accept: 4, Reject: 3, Unsure: 2, NoResult: 1, Confirmed: 3, Late: 1, Dropped: 5})
	b := k.last[branch+"counts"]
	sum := at(t, b, "accept").(float64) + at(t, b, "reject").(float64) + at(t, b, "unsure").(float64) + at(t, b, "no_result").(float64)
	if at(t, b, "triggers") != sum || at(t, b, "records.pending") != 1.0 || at(t, b, "records.lost") != 0.0 {
		t.Errorf("%s", b)
	}
}

func ruleAlarms(t *testing.T) {
	c := newFixed()
	r, k, _ := newReporter(t, c)
	say := func() any {
		if err := r.Alarm("camera", "text", "action"); err != nil {
			t.Fatal(err)
		}
		return at(t, k.last[branch+"alarm/camera"], "since.time")
	}
	first := say()
	c.wall.Time = c.wall.Time.Add(time.Hour)
	if again := say(); again != first {
		t.Errorf("since moved from %v to %v", first, again)
	}
	if err := r.ClearAlarm("camera"); err != nil || len(k.last[branch+"alarm/camera"]) != 0 {
		t.Errorf("cleared with %q, %v", k.last[branch+"alarm/camera"], err)
	}
	if raised := say(); raised == first {
		t.Error("an alarm raised anew has its old since")
	}
	if r.Alarm("a/b", "", "") == nil || r.ClearAlarm("#") == nil {
		t.Error("a code that is no id was taken")
	}
}

func ruleText(t *testing.T) {
	r, k, _ := newReporter(t, newFixed())
	r.State(telemetry.Ready, strings.Repeat("ä", 200), "a"+strings.Repeat("€", 200), nil)
	b := k.last[branch+"state"]
	if got := at(t, b, "reason").(string); got != strings.Repeat("ä", 128) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := at(t, b, "recipe").(string); got != "a"+strings.Repeat("€", 85) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func ruleStatus(t *testing.T) {
	st := newStation(t, newFixed())
	st.SetModel("abc")
	for _, p := range []telemetry.Presence{telemetry.Online, telemetry.Stopped, telemetry.Offline} {
		b := st.EncodeStatus(p)
		if at(t, b, "status") != string(p) || at(t, b, "model") != "abc" || at(t, b, "version") != "v" {
			t.Errorf("%s", b)
		}
	}
}

func ruleStates(t *testing.T) {
	r, k, _ := newReporter(t, newFixed())
	r.State("SLEEPING", "tired", "", nil)
	b := k.last[branch+"state"]
	if at(t, b, "state") != "FAULT" || !strings.Contains(at(t, b, "reason").(string), "SLEEPING") {
		t.Errorf("%s", b)
	}
}

func ruleCommands(t *testing.T) {
	c := newFixed()
	g := telemetry.NewGate(c, "b")
	expires := func(d time.Duration) string { return noon.Add(d).Format(time.RFC3339Nano) }
	cmd := func(id string, d time.Duration, more string) string {
		return fmt.Sprintf(`{"schema":1,"id":%q,"expires":%q%s}`, id, expires(d), more)
	}
	for _, s := range []struct{ name, payload, refusal string }{
		{"in time", cmd("a", time.Minute, ""), ""},
		{"again", cmd("a", time.Minute, ""), "used before"},
		{"with arguments", cmd("b", time.Minute, `,"boot":"b","args":[1]`), ""},
		{"expired", cmd("c", -time.Millisecond, ""), "expired"},
		{"at its end", cmd("c", 0, ""), "expired"},
		{"far ahead", cmd("c", 11*time.Minute, ""), "at most 10m"},
		{"without expiry", `{"schema":1,"id":"c"}`, "expires is missing"},
		{"without id", cmd("", time.Minute, ""), "id is empty"},
		{"id with a slash", cmd("a/b", time.Minute, ""), "not allowed"},
		{"other boot", cmd("c", time.Minute, `,"boot":"x"`), "meant for boot x"},
		{"other schema", strings.Replace(cmd("c", time.Minute, ""), "1", "2", 1), "schema 2"},
		{"unknown key", cmd("c", time.Minute, `,"x":1`), "unknown field"},
		{"two objects", cmd("c", time.Minute, "") + "{}", "something follows"},
		{"huge", strings.Repeat(" ", telemetry.MaxCommandBytes+1), "at most"},
		{"null", "null", "id is empty"},
		{"refused before, right now", cmd("c", time.Minute, ""), ""},
	} {
		_, err := g.Admit("teach", []byte(s.payload))
		if got := fmt.Sprint(err); s.refusal == "" && err != nil || !strings.Contains(got, s.refusal) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	c.now = c.now.Add(5 * time.Minute)
	c.wall.Time = noon.Add(-time.Minute) // the clock is set back: the id stays used
	if _, err := g.Admit("teach", []byte(cmd("a", time.Minute, ""))); err == nil {
		t.Error("setting the clock back revived an id")
	}
	c.wall.Quality = edge.WallNone
	if _, err := g.Admit("teach", []byte(cmd("z", time.Minute, ""))); err == nil || !strings.Contains(err.Error(), "clock is not set") {
		t.Errorf("without a clock: %v", err)
	}
}

func ruleAcks(t *testing.T) {
	st := newStation(t, newFixed())
	topic, b, err := st.EncodeAck("teach", "id-1", telemetry.ResultFailed, "it broke")
	if err != nil || topic != branch+"cmd/teach/ack" {
		t.Errorf("%s %v", topic, err)
	}
	if at(t, b, "request") != "id-1" || at(t, b, "result") != "failed" || at(t, b, "reason") != "it broke" {
		t.Errorf("%s", b)
	}
	if _, _, err := st.EncodeAck("a/b", "id", telemetry.ResultDone, ""); err == nil {
		t.Error("a verb that is no id was answered")
	}
}

func FuzzCommand(f *testing.F) {
	f.Add([]byte(`{"schema":1,"id":"a","expires":"2026-03-01T11:05:00Z","args":{"x":[1]}}`))
	f.Add([]byte(`{"id":1e400}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		cmd, err := telemetry.NewGate(newFixed(), "b").Admit("v", b)
		if err == nil && telemetry.CheckID("id", cmd.ID) != nil {
			t.Fatalf("id %q was taken", cmd.ID)
		}
	})
}
