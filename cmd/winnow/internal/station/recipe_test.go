package station

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"winnow/edge"
	"winnow/edge/store"
)

// product is a package of a test: a file that says which parts are bad.
type product struct {
	digest string
	all    bool // every part is bad, else none
	slow   time.Duration
	closed atomic.Int32
}

func (p *product) Judge(_ *edge.Frame, v *edge.Verdict) error {
	time.Sleep(p.slow)
	v.Score, v.Decision = edge.Score{Fused: 0.5, Threshold: 1}, edge.Accept
	if p.all {
		v.Decision, v.Reason, v.Score.Fused = edge.Reject, edge.ReasonScore, 2
	}
	return nil
}

func (p *product) model() Model {
	return Model{Judge: p, Digest: p.digest, Close: func() error { p.closed.Add(1); return nil }}
}

var errGolden = errors.New("engine native does not give this package's answers")

// shelf loads what the file says: "good" takes every part, "bad" none, "broken" fails.
type shelf struct {
	good, bad product
	loading   chan struct{} // if not nil, a load waits for it
}

func (s *shelf) load(_ context.Context, path string) (Model, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Model{}, err
	}
	if s.loading != nil {
		<-s.loading
	}
	switch string(b) {
	case "good":
		return s.good.model(), nil
	case "bad":
		return s.bad.model(), nil
	}
	return Model{}, errGolden
}

// workshop is a folder with the configured package, recipes, and records.
func workshop(t *testing.T) (dir, text string) {
	t.Helper()
	dir = t.TempDir()
	recipes := filepath.Join(dir, "recipes")
	if err := os.Mkdir(recipes, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{
		filepath.Join(dir, "first.tflite"):      "good",
		filepath.Join(recipes, "gear.tflite"):   "bad",
		filepath.Join(recipes, "washer.tflite"): "broken",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, plantConfig + "[model]\npath = \"first.tflite\"\nrecipes = \"recipes\"\n"
}

func newShelf() *shelf {
	return &shelf{good: product{digest: "aaaa"}, bad: product{digest: "bbbb", all: true}}
}

func TestRecipeIsChangedOnARunningStation(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	p := launchPageIn(t, dir, text, sh.good.model(), sh.load)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	p.trigger(2)
	drops := p.chip.Line(lineReady).Rises(false)
	p.done("recipe", withArgs("r1", `{"name":"gear"}`))
	p.until("READY comes back", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if n := p.chip.Line(lineReady).Rises(false); n != drops+1 {
		t.Errorf("READY dropped %d times during the change", n-drops)
	}
	if st := p.line.Status(); st.Recipe != "gear" || st.Model != "bbbb" {
		t.Errorf("%+v", st)
	}
	p.trigger(3)
	p.done("recipe", withArgs("r2", `{"name":"default"}`))
	p.until("the second recipe is given back", func() bool { return sh.bad.closed.Load() == 1 })
	p.trigger(1)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if n := p.pulses(lineReject); n != 3 {
		t.Errorf("%d pulses for three parts of the recipe that rejects all", n)
	}
	pages := pagesOf(t, p.cfg.Records.Dir)
	for recipe, want := range map[string]edge.Counts{"default": {Triggers: 3, Accept: 3}, "gear": {Triggers: 3, Reject: 3}} {
		if got := pages[recipe]; got != want {
			t.Errorf("page of %s: %+v, want %+v", recipe, got, want)
		}
	}
	if sh.good.closed.Load() != 1 { // the second time it was loaded; what Run was given is the caller's
		t.Errorf("closed %d times", sh.good.closed.Load())
	}
}

// pagesOf is the ledger in dir, by recipe.
func pagesOf(t *testing.T, dir string) map[string]edge.Counts {
	t.Helper()
	l, err := store.OpenLedger(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pages, err := l.Pages(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]edge.Counts{}
	for _, p := range pages {
		if _, twice := all[p.Recipe]; twice || p.Open {
			t.Errorf("%+v", p)
		}
		all[p.Recipe] = p.Counts
	}
	return all
}

func TestRecipeThatCannotBeIsRefusedAndTheOldOneKept(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	p := launchPageIn(t, dir, text, sh.good.model(), sh.load)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	for i, c := range []struct{ args, reason string }{
		{`{"name":"washer"}`, "does not give this package's answers"},
		{`{"name":"spring"}`, `there are ["gear" "washer" "default"]`},
		{`{"name":"../first"}`, "is not allowed"},
		{`{"name":""}`, "give"},
		{`{}`, "give"},
		{`{"name":"gear","recalibrated":true}`, "give"},
		{`{"recalibrated":true}`, "nothing was recalibrated"},
		{`{"path":"x"}`, "unknown field"},
	} {
		code, a := p.post("recipe", p.token, withArgs("r"+string(rune('a'+i)), c.args))
		if code != 409 || a.Result != "refused" || !strings.Contains(a.Reason, c.reason) {
			t.Errorf("%s: %d %+v", c.args, code, a)
		}
	}
	if code, a := p.post("recipe", p.token, `{"schema":1,"id":"old","expires":"2020-01-01T00:00:00Z","args":{"name":"gear"}}`); code != 409 || !strings.Contains(a.Reason, "expired") {
		t.Errorf("%d %+v", code, a)
	}
	p.until("READY comes back", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	if st := p.line.Status(); st.Recipe != "default" || st.Model != "" && st.Model != "aaaa" {
		t.Errorf("%+v", st)
	}
	p.trigger(2)
	if c := p.line.Counts(); c.Accept != 2 {
		t.Errorf("%+v", c)
	}
	left, _ := filepath.Glob(filepath.Join(p.cfg.Records.Dir, "recipe*"))
	if len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A part that passed the trigger under the old recipe is judged by it, though the
// new one is in force when its picture comes; READY is down while a package loads.
func TestPartsOnTheBeltKeepTheirRecipe(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	sh.good.slow = 200 * time.Millisecond
	sh.loading = make(chan struct{})
	p := launchPageIn(t, dir, text, sh.good.model(), sh.load)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	done := make(chan struct{})
	go func() { p.done("recipe", withArgs("r1", `{"name":"gear"}`)); close(done) }()
	p.until("READY drops", func() bool { return !bool(p.chip.Line(lineReady).Read()) })
	if why := p.line.Status().Reason; !strings.Contains(why, "recipe is being changed to gear") {
		t.Error(why)
	}
	if code, a := p.post("recipe", p.token, withArgs("r2", `{"name":"default"}`)); code != 409 || !strings.Contains(a.Reason, "already") {
		t.Errorf("a second change at once: %d %+v", code, a)
	}
	for range 2 {
		p.done("trigger", "")
		p.camera.asked <- struct{}{}
		time.Sleep(180 * time.Millisecond)
	}
	close(sh.loading)
	<-done
	p.until("READY comes back", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	p.until("verdicts", func() bool { return p.line.Counts().Triggers == 2 })
	if c := p.line.Counts(); c.Accept != 2 || !c.Balanced() {
		t.Errorf("%+v", c)
	}
}

// What was chosen holds over a restart, until the configuration changes.
func TestChosenRecipeHoldsOverARestart(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	p := launchPageIn(t, dir, text, sh.good.model(), sh.load)
	p.done("recipe", withArgs("r1", `{"name":"gear"}`))
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "recipes")); err != nil {
		t.Fatal(err)
	}
	recipe, path, err := Chosen(p.cfg)
	b, _ := os.ReadFile(path)
	if err != nil || recipe != "gear" || string(b) != "bad" {
		t.Errorf("%s %s %q %v", recipe, path, b, err)
	}
	other := *p.cfg
	other.Recipe.Name = "washer"
	if recipe, path, err := Chosen(&other); err != nil || recipe != "washer" || path != p.cfg.Model.Path {
		t.Errorf("under another configuration: %s %s %v", recipe, path, err)
	}
	for _, broken := range []string{"{", `{"recipe":"gear","file":"../../etc/passwd"}`} {
		if err := os.WriteFile(filepath.Join(p.cfg.Records.Dir, choiceFile), []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Chosen(p.cfg); err == nil || !strings.Contains(err.Error(), "delete it") {
			t.Errorf("%s: %v", broken, err)
		}
	}
}

// Challenges prove something of the model that they were sent to, and one is due
// after each change.
func TestChallengesBeginAnewWithARecipe(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	p := launchPageIn(t, dir, text+"[challenge]\nevery = \"1h\"\nparts = 1\n", sh.good.model(), sh.load)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	p.done("recipe", withArgs("r1", `{"name":"gear"}`))
	p.done("challenge", "")
	p.trigger(1)
	if c := p.Challenge(); c.Parts.Caught != 1 || c.Parts.N != 1 || c.Due {
		t.Errorf("%+v", c)
	}
	p.done("recipe", withArgs("r2", `{"name":"default"}`))
	if c := p.Challenge(); c.Parts.N != 0 || !c.Due {
		t.Errorf("proved of another model: %+v", c)
	}
	p.done("recipe", withArgs("r3", `{"name":"gear"}`))
	if c := p.Challenge(); c.Parts.N != 1 || !c.Due {
		t.Errorf("what was proved is forgotten: %+v", c)
	}
}

// A recalibrated package is put in force by the command, if it is of the model that is.
func TestRecalibratedPackageIsPutInForce(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	p := launchPageIn(t, dir, text, sh.good.model(), sh.load)
	if err := os.WriteFile(filepath.Join(p.cfg.Records.Dir, freshFile), []byte("bad"), 0o600); err != nil {
		t.Fatal(err)
	}
	of := sh.good.digest
	p.fresh.Store(&of)
	p.done("recipe", withArgs("r1", `{"recalibrated":true}`))
	if st := p.line.Status(); st.Recipe != "default" || st.Model != "bbbb" {
		t.Errorf("%+v", st)
	}
	if _, path, err := Chosen(p.cfg); err != nil || filepath.Dir(path) != p.cfg.Records.Dir {
		t.Errorf("after a restart: %s %v", path, err)
	}
	if _, a := p.post("recipe", p.token, withArgs("r2", `{"recalibrated":true}`)); !strings.Contains(a.Reason, "no longer in force") {
		t.Errorf("%+v", a)
	}
	p.done("recipe", withArgs("r3", `{"name":"default"}`))
	if _, path, err := Chosen(p.cfg); err != nil || path != p.cfg.Model.Path {
		t.Errorf("after a restart: %s %v", path, err)
	}
	if left, _ := filepath.Glob(filepath.Join(p.cfg.Records.Dir, "recipe*")); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A package that loads while the station is stopped is waited for, with the watchdog fed.
func TestTheWatchdogOutlastsAChangeOfRecipe(t *testing.T) {
	dir, text := workshop(t)
	sh := newShelf()
	sh.loading = make(chan struct{})
	p := launchPageIn(t, dir, text+"[watchdog]\npatience = \"2s\"\n", sh.good.model(), sh.load)
	p.until("READY", func() bool { return bool(p.chip.Line(lineReady).Read()) })
	changed := make(chan int, 1)
	go func() { code, _ := p.post("recipe", p.token, withArgs("r1", `{"name":"gear"}`)); changed <- code }()
	p.until("the package loads", func() bool { return strings.Contains(p.line.Status().Reason, "being changed to gear") })
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	p.until("the line has ended", func() bool { return !p.running.Load() })
	time.Sleep(1500 * time.Millisecond) // longer than the line may be silent
	close(sh.loading)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if code := <-changed; code == 200 {
		t.Error("a recipe was changed on a line that has ended")
	}
	for _, problem := range p.Problems() {
		if problem.Code == "watchdog" {
			t.Errorf("a clean end: %s", problem.Text)
		}
	}
}
