package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"winnow/edge/config"
)

// parseErr returns the text of Parse's error, "" for none.
func parseErr(t *testing.T, text string) string {
	t.Helper()
	_, err := config.Parse("s.toml", []byte(text))
	if err == nil {
		return ""
	}
	if !config.IsMistake(err) {
		t.Errorf("%v is no *Errors", err)
	}
	return err.Error()
}

func TestExampleIsDefaultAndItsOwnValues(t *testing.T) {
	got, err := config.Parse("", config.Example())
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Actuators = []config.Actuator{{
		Name: "reject", On: config.FiresReject, Chip: "sim", Line: 1, Safe: config.SafeOff,
		Delay:  config.Duration(200 * time.Millisecond),
		Pulse:  config.Duration(25 * time.Millisecond),
		MinGap: config.Duration(50 * time.Millisecond),
	}}
	want.Signals = []config.Signal{{Name: config.SignalReady, Chip: "sim", Line: 2}}
	want.Inputs = []config.Input{{Name: config.InputInhibit, Chip: "sim", Line: 3, Debounce: config.Duration(2 * time.Millisecond)}}
	if g, w := plain(got), plain(want); g != w {
		t.Errorf("example:\n%s\nwant\n%s", g, w)
	}
}

// plain is c without what only parsing knows.
func plain(c *config.Config) string {
	v := reflect.ValueOf(*c)
	var all []string
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			all = append(all, fmt.Sprintf("%s %+v", f.Name, v.Field(i).Interface()))
		}
	}
	return strings.Join(all, "\n")
}

func TestDefaultIsValid(t *testing.T) {
	if err := config.Default().Validate(); err != nil {
		t.Error(err)
	}
	if _, err := config.Parse("empty", nil); err != nil {
		t.Error(err)
	}
}

// TestExampleShowsEveryKey finds each key of each section in the example, set
// or commented out, below a comment that explains it.
func TestExampleShowsEveryKey(t *testing.T) {
	shown := map[string]bool{}
	section, explained := "", false
	for _, line := range strings.Split(string(config.Example()), "\n") {
		switch {
		case strings.HasPrefix(line, "["):
			section, explained = strings.Trim(line, "[]"), section == ""
		case strings.HasPrefix(line, "# "):
			explained = true
		case strings.Contains(line, " = "):
			key, _, _ := strings.Cut(strings.TrimPrefix(line, "#"), " = ")
			shown[section+"."+key] = true
			if !explained {
				t.Errorf("nothing explains %s.%s", section, key)
			}
		}
	}
	for _, key := range keys("", reflect.TypeFor[config.Config]()) {
		if !shown[key] {
			t.Errorf("the example does not show %s", key)
		}
		delete(shown, key)
	}
	for key := range shown {
		t.Errorf("the example shows %s, which does not exist", key)
	}
}

func keys(path string, typ reflect.Type) []string {
	var all []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		tag := f.Tag.Get("toml")
		if tag == "" {
			continue
		}
		t := f.Type
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		key := strings.TrimPrefix(path+"."+tag, ".")
		if t.Kind() == reflect.Struct && t.Field(0).Tag.Get("toml") != "" {
			all = append(all, keys(key, t)...)
		} else {
			all = append(all, key)
		}
	}
	return all
}

// TestCommentedSettingsAreRead takes the comment sign off each setting in turn:
// none may be unknown or of the wrong type.
func TestCommentedSettingsAreRead(t *testing.T) {
	lines := strings.Split(string(config.Example()), "\n")
	n := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, "#") || strings.HasPrefix(line, "# ") {
			continue
		}
		n++
		changed := append([]string(nil), lines...)
		changed[i] = line[1:]
		msg := parseErr(t, strings.Join(changed, "\n"))
		if strings.Contains(msg, "unknown key") || strings.Contains(msg, "wrong type") || strings.Contains(msg, "is not allowed") {
			t.Errorf("%s: %s", line, msg)
		}
	}
	if n < 15 {
		t.Errorf("found only %d commented settings", n)
	}
}

func TestEveryMistakeAtOnceInTheOrderOfTheFile(t *testing.T) {
	msg := parseErr(t, `
[device]
id = "a/b"
naem = "x"
log_level = "loud"

[camera]
kind = "webcam"
rate = "fast"
size = "640"

[[actuator]]
line = 4
pulse = "25"
delay = "300ms"

[[actuator]]
name = "second"
region = "10x10+0+0"
line = -1
delay = 300
`)
	want := []string{
		`s.toml:3:1: device.id: "a/b" is not allowed; 1 to 64 of a-z A-Z 0-9 _ -, since it becomes a level of MQTT topics`,
		`s.toml:4:1: device.naem: unknown key; known here: id, site, line, log_level`,
		`s.toml:5:1: device.log_level: "loud" is not allowed; one of "debug", "info", "warn", "error"`,
		`s.toml:8:1: camera.kind: "webcam" is not allowed; one of "v4l2", "replay", "scene"`,
		`s.toml:9:1: camera.rate: "fast" has the wrong type; write a number`,
		`s.toml:10:1: camera.size: "640" is not allowed; width x height in pixels such as "640x480", each at most 16384`,
		`s.toml:14:1: actuator[0].pulse: "25" is not allowed; a number from 0 with its unit, such as "25ms" or "1.5s"`,
		`s.toml:20:1: actuator[1].line: -1 is not allowed; 0 to 1023 (the line's offset in its chip)`,
		`s.toml:21:1: actuator[1].delay: 300 has the wrong type; write it with its unit in quotes, such as "25ms"`,
	}
	if msg != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", msg, strings.Join(want, "\n"))
	}
}

func TestMistakes(t *testing.T) {
	actuator := func(more string) string {
		return "[[actuator]]\nchip = \"sim\"\nline = 1\n" + more
	}
	for name, c := range map[string]struct{ text, want string }{
		"not TOML":             {"[device\n", "s.toml:1:"},
		"not UTF-8":            {"a = \"\xff\"", "not TOML"},
		"key twice":            {"[device]\nid = \"a\"\nid = \"b\"", "s.toml:"},
		"unknown section":      {"[devcie]\nid = \"a\"", "s.toml:1:2: devcie: unknown key; did you mean device?"},
		"unit in the key":      {"[recipe]\ndeadline_ms = 5", "did you mean recipe.deadline?"},
		"in another section":   {"[device]\nthreads = 2", "did you mean model.threads?"},
		"section is no table":  {"device = 3", "s.toml:1:1: device: 3 has the wrong type; write a table"},
		"list is no list":      {"[actuator]\nline = 1", "[[actuator]]"},
		"list of numbers":      {"actuator = [1]", "[[actuator]]"},
		"inline list":          {"actuator = [{line = 1, delay = \"1s\", colour = 2}]", "s.toml:1:38: actuator[0].colour: unknown key"},
		"dotted key":           {"device.idd = \"a\"", "s.toml:1:8: device.idd: unknown key; did you mean device.id?"},
		"number too large":     {"[model]\nthreads = 9223372036854775807", "model.threads"},
		"negative duration":    {"[recipe]\ndeadline = \"-1s\"", "recipe.deadline"},
		"not a number":         {"[camera]\nrate = nan", "camera.rate"},
		"replay without path":  {"[camera]\nkind = \"replay\"\n[model]\npath = \"m\"", "s.toml:1:2: camera.path: is missing"},
		"camera without model": {"[camera]\nkind = \"v4l2\"", "model.path: is missing"},
		"path without replay":  {"[camera]\npath = \"x\"", "has no effect"},
		"roi outside":          {"[camera]\nsize = \"64x64\"\nroi = \"32x32+40+0\"", "camera.roi"},

		"line twice":            {actuator("delay = \"1s\"\n") + actuator("name = \"b\"\ndelay = \"1s\""), "s.toml:7:1: actuator[1].line: sim line 1 is used by actuator[0] already"},
		"name twice":            {actuator("delay = \"1s\"\n") + "[[actuator]]\nline = 2\ndelay = \"1s\"", "actuator[1].name: \"reject\" is the name of actuator[0] too"},
		"output as input":       {"[trigger]\nkind = \"gpio\"\nline = 1\n" + actuator("delay = \"1s\""), "is an output here and the input of trigger"},
		"chip's name":           {"[[actuator]]\nchip = \"/dev/gpiochip0\"\ndelay = \"1s\"", "actuator[0].chip"},
		"input as output":       {"[[input]]\nline = 1\n" + actuator("delay = \"1s\""), "input[0].line: sim line 1 is an input here and the output of actuator[0]"},
		"signal on a valve":     {actuator("delay = \"1s\"") + "\n[[signal]]\nline = 1", "signal[0].line: sim line 1 is used by actuator[0] already"},
		"signal twice":          {"[[signal]]\nline = 2\n[[signal]]\nline = 3", "signal[1].name: signal ready is wired by signal[0] already"},
		"input twice":           {"[[input]]\nline = 2\n[[input]]\nline = 3", "input[1].name: input inhibit is wired by input[0] already"},
		"no such signal":        {"[[signal]]\nname = \"redy\"", "signal[0].name: \"redy\" is not allowed"},
		"ack not wired":         {"[handshake]\nacknowledge = true", "handshake.acknowledge: no [[input]] has name = \"ack\""},
		"ack not asked for":     {"[[input]]\nname = \"ack\"", "the ack input has no effect"},
		"window over part":      {"[trigger]\nperiod = \"100ms\"\n[recipe]\ndeadline = \"50ms\"\n[[actuator]]\ndelay = \"90ms\"\nwindow = \"101ms\"\n", "actuator[0].window: \"101ms\" is not allowed; at most 100ms: with dead_time it must fit into the 100ms from part to part"},
		"window below pulse":    {"[recipe]\ndeadline = \"50ms\"\n[[actuator]]\ndelay = \"90ms\"\nwindow = \"24ms\"\n", "actuator[0].window: \"24ms\" is not allowed; at least actuator[0].pulse (25ms)"},
		"result over part":      {"[trigger]\nperiod = \"35ms\"\n[[signal]]\n", "handshake.hold: \"20ms\" is not allowed; at most half of the 35ms from part to part"},
		"confirms nothing":      {"[[input]]\nname = \"confirm\"", "add an [[actuator]]"},
		"two catch all":         {actuator("delay = \"1s\"\n") + "[[actuator]]\nname = \"b\"\nline = 2\ndelay = \"1s\"", "actuator[1].region: is not given"},
		"none catches all":      {actuator("delay = \"1s\"\nregion = \"9x9+0+0\""), "none fires for every reject"},
		"dead too long":         {"[trigger]\nperiod = \"60ms\"\n" + actuator("delay = \"1s\"\npulse = \"25ms\"\ndead_time = \"40ms\""), "actuator[0].dead_time: \"40ms\" is not allowed; at most 35ms"},
		"advance over the way":  {actuator("delay = \"160ms\"\nadvance = \"10ms\""), "actuator[0].delay: the part is there after 160ms and the actuator is told 10ms earlier"},
		"encoder and delay":     {"[encoder]\nkind = \"single\"\ncounts_per_mm = 1\nline = 4\n[belt]\nspeed_mm_per_s = 100\n" + actuator("delay = \"1s\""), "actuator[0].delay: has no effect with an encoder"},
		"encoder, no speed":     {"[encoder]\nkind = \"single\"\ncounts_per_mm = 1\nline = 4\n" + actuator("distance_mm = 100"), "belt.speed_mm_per_s: is not given"},
		"encoder twice":         {"[encoder]\nkind = \"quadrature\"\ncounts_per_mm = 1\nline = 4\nline_b = 4", "encoder.line_b: sim line 4 is used by encoder already"},
		"encoder, too near":     {"[encoder]\nkind = \"single\"\ncounts_per_mm = 1\nline = 4\n[belt]\nspeed_mm_per_s = 100\ncamera_mm = 60\n" + actuator("distance_mm = 50"), "actuator[0].distance_mm: 50 is not allowed; above belt.camera_mm (60)"},
		"encoder, no time left": {"[encoder]\nkind = \"single\"\ncounts_per_mm = 1\nline = 4\n[belt]\nspeed_mm_per_s = 100\ncamera_mm = 60\n" + actuator("distance_mm = 70"), "the part is there after 100ms"},
		"no encoder":            {"[trigger]\nkind = \"encoder\"\nevery_mm = 10", "fill in [encoder]"},
		"no resolution":         {"[encoder]\nkind = \"single\"", "encoder.counts_per_mm"},
		"controls of a drawing": {"[camera]\ncontrols = \"gain=8\"", "has no effect"},
		"shifts out of order":   {"[records]\nshifts = \"14:00 06:00\"", "records.shifts"},
		"page for all":          {"[http]\nlisten = \"0.0.0.0:8080\"", "http.listen"},
		"watchdog bites early":  {"[watchdog]\npatience = \"1s\"", "2s to 1h"},

		"pulse over gap":        {actuator("delay = \"1s\"\npulse = \"60ms\"\nmin_gap = \"50ms\""), "at most actuator[0].min_gap (50ms)"},
		"gap over period":       {"[trigger]\nperiod = \"100ms\"\n" + actuator("delay = \"1s\"\nmin_gap = \"101ms\""), "actuator[0].min_gap: \"101ms\" is not allowed; at most the 100ms from part to part"},
		"frames over deadline":  {"[camera]\nrate = 10\n[recipe]\nframes = 3\n", "recipe.frames: 3 is not allowed; fewer: at camera.rate the last comes 200ms after the first"},
		"debounce is deadline":  {"[trigger]\nkind = \"gpio\"\nline = 3\ndebounce = \"100ms\"\n[recipe]\ndeadline = \"100ms\"\n", "trigger.debounce: \"100ms\" is not allowed; below recipe.deadline (100ms)"},
		"last frame, debounced": {"[trigger]\nkind = \"gpio\"\nline = 3\ndebounce = \"60ms\"\n[camera]\nrate = 10\n[recipe]\nframes = 2\n", "recipe.frames: 2 is not allowed"},
		"picture over deadline": {"[trigger]\ncamera_delay = \"150ms\"\n", "trigger.camera_delay: the picture is taken 150ms after the trigger, but the verdict is due at recipe.deadline (150ms)"},
		"camera over deadline":  {"[belt]\nspeed_mm_per_s = 100\ncamera_mm = 20\n", "belt.camera_mm: the picture is taken 200ms after the trigger"},
		"every frame, no rate":  {"[camera]\nkind = \"v4l2\"\n[model]\npath = \"m\"\n[trigger]\nkind = \"free\"\n" + actuator("delay = \"1s\""), "camera.rate: is not given"},
		"pulse over period":     {"[trigger]\nperiod = \"40ms\"\n" + actuator("delay = \"1s\"\npulse = \"45ms\""), "at most the 40ms from part to part"},
		"pulse over frame time": {"[trigger]\nkind = \"free\"\n[camera]\nrate = 100\n" + actuator("delay = \"1s\"\npulse = \"45ms\""), "at most the 10ms from part to part"},
		"before the camera":     {"[trigger]\ncamera_delay = \"2s\"\n" + actuator("delay = \"1s\""), "s.toml:6:1: actuator[0].delay: the part is there after 1s, before its picture is taken (2s)"},
		"before by distance":    {"[belt]\nspeed_mm_per_s = 100\ncamera_mm = 200\n" + actuator("distance_mm = 150"), "actuator[0].distance_mm: the part is there after 1.5s, before its picture"},
		"no delay at all":       {actuator(""), "actuator[0].delay: the part is there after 0s"},
		"deadline over delay":   {"[recipe]\ndeadline = \"150ms\"\n" + actuator("delay = \"100ms\""), "its verdict may take until recipe.deadline (150ms)"},
		"distance and delay":    {actuator("delay = \"1s\"\ndistance_mm = 100"), "is given beside distance_mm"},
		"distance, no speed":    {actuator("distance_mm = 100"), "needs the speed of the belt"},
		"unsure, no output":     {"[recipe]\nunsure = \"output\"\n" + actuator("delay = \"1s\""), "recipe.unsure: no actuator has on = \"unsure\""},
		"output, not asked for": {actuator("delay = \"1s\"\non = \"unsure\""), "never fires"},

		"scheme":              {"[mqtt]\nbroker = \"http://h\"", "mqtt.broker"},
		"no host":             {"[mqtt]\nbroker = \"mqtt://\"", "mqtt.broker"},
		"port beyond all":     {"[mqtt]\nbroker = \"mqtt://h:99999\"", "mqtt.broker"},
		"port 0":              {"[mqtt]\nbroker = \"mqtt://h:0\"", "mqtt.broker"},
		"listen for all":      {"[mqtt]\nlisten = \"0.0.0.0:1883\"", "mqtt.listen"},
		"too many in flight":  {"[mqtt]\nin_flight = 33", "1 to 32"},
		"two passwords":       {"[mqtt]\nuser = \"u\"\npassword_file = \"f\"\npassword_env = \"E\"", "is given beside password_file"},
		"password, no user":   {"[mqtt]\npassword_env = \"E\"", "has no effect without mqtt.user"},
		"CA without TLS":      {"[mqtt]\nbroker = \"mqtt://h\"\nca_file = \"f\"", "has no effect unless"},
		"half a certificate":  {"[mqtt]\nbroker = \"mqtts://h\"\ncert_file = \"f\"", "give both or none"},
		"half, in capitals":   {"[mqtt]\nbroker = \"MQTTS://h\"\ncert_file = \"f\"", "give both or none"},
		"no folder":           {"[records]\ndir = \"\"", "records.dir: is missing"},
		"no port":             {"[http]\nlisten = \"localhost\"", "http.listen"},
		"wildcard in a level": {"[device]\nsite = \"+\"", "device.site"},
	} {
		t.Run(name, func(t *testing.T) {
			if msg := parseErr(t, c.text); !strings.Contains(msg, c.want) {
				t.Errorf("got %q\nwant it to contain %q", msg, c.want)
			}
		})
	}
}

func TestSecretsAreNeverRepeated(t *testing.T) {
	const secret = "hunter2-s3cret"
	for _, text := range []string{
		"[mqtt]\npassword = \"" + secret + "\"",
		"[mqtt]\npasswort = \"" + secret + "\"",
		"[mqtt]\nbroker = \"mqtt://u:" + secret + "@h:1883\"",
		"[mqtt]\nbroker = \"mqtts://u:" + secret + "@%zz\"",
		"[mqtt]\npassword = [\"" + secret + "\"]",
		"[mqtt]\nbroker = \"mqtt://h:1883?password=" + secret + "\"",
		"[mqtt]\nbroker = \"mqtt://u:" + secret + "\"",
		"password = \"" + secret + "\"",
		"[[actuator]]\ntoken = \"" + secret + "\"",
	} {
		msg := parseErr(t, text)
		if msg == "" || strings.Contains(msg, secret) {
			t.Errorf("%q: %q", text, msg)
		}
	}
	if msg := parseErr(t, "[mqtt]\npassword = \"x\""); !strings.Contains(msg, "password_file") {
		t.Errorf("no advice in %q", msg)
	}
}

func TestPassword(t *testing.T) {
	t.Setenv("WINNOW_TEST_PASSWORD", "from-env")
	file := filepath.Join(t.TempDir(), "p")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("from-file\r\nsecond line\n")
	for _, c := range []struct {
		m    config.MQTT
		want string
	}{
		{config.MQTT{}, ""},
		{config.MQTT{PasswordEnv: "WINNOW_TEST_PASSWORD"}, "from-env"},
		{config.MQTT{PasswordFile: file}, "from-file"},
	} {
		if got, err := c.m.Password(); err != nil || got != c.want {
			t.Errorf("%+v: %q %v", c.m, got, err)
		}
	}
	long := strings.Repeat("secret", 400)
	for _, s := range []string{"", "\n", long} {
		write(s)
		if _, err := (&config.MQTT{PasswordFile: file}).Password(); err == nil || strings.Contains(err.Error(), "secretsecret") {
			t.Errorf("file of %d bytes: %v", len(s), err)
		}
	}
	if _, err := (&config.MQTT{PasswordEnv: "WINNOW_TEST_NOT_SET"}).Password(); err == nil {
		t.Error("a variable that is not set was taken")
	}
}

func TestChipsOfTheMachine(t *testing.T) {
	c, err := config.Parse("s.toml", []byte("[[actuator]]\nchip = \"gpiochip3\"\nline = 1\ndelay = \"1s\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		chips []string
		err   error
		want  string
	}{
		"present": {chips: []string{"gpiochip0", "gpiochip3"}},
		"absent":  {chips: []string{"gpiochip0"}, want: `s.toml:2:1: actuator[0].chip: "gpiochip3" is not allowed; one of "sim", "gpiochip0" on this machine`},
		"unknown": {err: errors.New("no /dev"), want: "cannot be listed: no /dev"},
	} {
		err := c.Validate(config.WithChips(func() ([]string, error) { return test.chips, test.err }))
		if got := fmt.Sprint(err); test.want == "" && err != nil || !strings.Contains(got, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "s.toml")
	text := "[records]\ndir = \"kept\"\n[model]\npath = \"/abs/m.tflite\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Records.Dir != filepath.Join(dir, "kept") || c.Model.Path != "/abs/m.tflite" {
		t.Errorf("paths %q %q", c.Records.Dir, c.Model.Path)
	}
	if _, err := config.Load(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if _, err := config.Load(dir); err == nil {
		t.Error("a folder was read")
	}
	if err := os.Truncate(file, config.MaxFileBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(file); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("huge file: %v", err)
	}
}

func TestDerivedTimes(t *testing.T) {
	c, err := config.Parse("", []byte(`
[belt]
speed_mm_per_s = 200
camera_mm = 20
[trigger]
kind = "gpio"
min_interval = "80ms"
[[actuator]]
line = 3
distance_mm = 60
safe = "on"
active_low = true
`))
	if err != nil {
		t.Fatal(err)
	}
	if d := c.ActuatorDelay(0); d != 300*time.Millisecond {
		t.Errorf("actuator after %v", d)
	}
	if d := c.CameraDelay(); d != 100*time.Millisecond {
		t.Errorf("camera after %v", d)
	}
	if d := c.PartInterval(); d != 80*time.Millisecond {
		t.Errorf("parts every %v", d)
	}
	if c.Actuators[0].SafeHigh() {
		t.Error("an active-low output that is on is low")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(config.Example())
	f.Add([]byte("actuator = [{line = 1, x = {y = [[1], {z = 2}]}}]"))
	f.Add([]byte("[[actuator]]\n[actuator.x]\n[[actuator]]\ny.z = 1979-05-27T07:32:00Z"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("f", b)
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v and error %v", c, err)
		}
		if err != nil && (!config.IsMistake(err) || err.Error() == "") {
			t.Fatalf("error %v", err)
		}
	})
}

// A trigger is debounced while the belt brings its part to the camera; what is longer is news.
func TestATriggerIsNewsBeyondTheCamera(t *testing.T) {
	for _, c := range []struct {
		kind     config.TriggerKind
		encoder  config.EncoderKind
		cameraMM float64
		want     time.Duration
	}{
		{config.TriggerGPIO, config.EncoderNone, 2, 10 * time.Millisecond},
		{config.TriggerGPIO, config.EncoderSingle, 2, 6 * time.Millisecond},
		{config.TriggerGPIO, config.EncoderSingle, 5, 0},
		{config.TriggerGPIO, config.EncoderSingle, 20, 0},
		{config.TriggerTimer, config.EncoderNone, 0, 0},
	} {
		var cfg config.Config
		cfg.Trigger.Kind, cfg.Trigger.Debounce = c.kind, config.Duration(10*time.Millisecond)
		cfg.Encoder.Kind, cfg.Belt = c.encoder, config.Belt{Speed: 500, CameraMM: c.cameraMM}
		if got := cfg.TriggerNews(); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Pictures that hardware triggers come about when they should; others are a part's from then on.
func TestWherePicturesBeginToBeAPartsOwn(t *testing.T) {
	ms := func(n int) config.Duration { return config.Duration(n) * config.Duration(time.Millisecond) }
	for _, c := range []struct {
		name                   string
		camera                 config.CameraTrigger
		frames                 int
		delay, debounce, apart config.Duration
		cameraMM               float64 // with an encoder
		want                   config.Duration
	}{
		{"half a part sooner", config.CameraHardware, 1, ms(100), ms(2), ms(80), 0, ms(60)},
		{"once the trigger is heard of", config.CameraHardware, 1, ms(20), ms(2), ms(80), 0, ms(2)},
		{"sooner than its trigger", config.CameraHardware, 1, ms(1), ms(2), ms(80), 0, ms(1)},
		{"nothing said", config.CameraHardware, 1, 0, 0, ms(80), 0, 0},
		{"announced at the camera", config.CameraHardware, 1, 0, ms(2), ms(80), 50, ms(-40)},
		{"announced at the camera, seldom", config.CameraHardware, 1, 0, ms(2), ms(3_600_000), 50, ms(-150)},
		{"several pictures", config.CameraHardware, 3, ms(100), ms(2), ms(80), 0, ms(100)},
		{"a camera that runs free", config.CameraFree, 1, ms(100), ms(2), ms(80), 0, ms(100)},
	} {
		var cfg config.Config
		cfg.Trigger = config.Trigger{Kind: config.TriggerGPIO, Debounce: c.debounce, MinInterval: c.apart, CameraDelay: c.delay}
		cfg.Camera.Trigger, cfg.Recipe = c.camera, config.Recipe{Frames: c.frames, Deadline: ms(300)}
		if c.cameraMM > 0 {
			cfg.Encoder.Kind, cfg.Belt = config.EncoderSingle, config.Belt{Speed: 500, CameraMM: c.cameraMM}
		}
		if got := cfg.FrameDelay(); got != c.want.Std() {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
