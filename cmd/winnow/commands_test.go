package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Commands reach a station through a real broker: they are acknowledged, and
// refused when they are expired or repeated. A software trigger makes a part.
func TestCommandsThroughARealBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a build and a broker")
	}
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		notHere(t, "mosquitto_pub")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	lines, port := messages(t, ctx)
	dir := t.TempDir()
	model, data := taught(t)
	conf := fmt.Sprintf(`
[device]
id = "cam-8"
[camera]
kind = "replay"
path = %q
loop = true
[model]
path = %q
[recipe]
deadline = "2s"
[trigger]
kind = "software"
[[actuator]]
delay = "2500ms"
[mqtt]
broker = "mqtt://127.0.0.1:%d"
[mqtt.home_assistant]
enabled = true
[records]
dir = %q
`, filepath.Join(data, "test"), model, port, filepath.Join(dir, "records"))
	path := filepath.Join(dir, "station.toml")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	inner, stop := context.WithCancel(ctx)
	ended := make(chan int, 1)
	go func() { ended <- execute(inner, []string{"run", "--config", path}, logOf{t}, logOf{t}) }()
	base := "winnow/v1/site/line/cam-8"
	await(t, ctx, lines, "homeassistant/device/|"+base+"/status")
	await(t, ctx, lines, base+"/counts {|triggers") // a second after the start: it hears commands
	send := func(verb, id, args string, life time.Duration) {
		t.Helper()
		payload := fmt.Sprintf(`{"schema":1,"id":%q,"expires":%q,"args":%s}`, id, time.Now().Add(life).UTC().Format(time.RFC3339), args)
		if out, err := exec.CommandContext(ctx, "mosquitto_pub", "-p", fmt.Sprint(port), "-q", "1", "-t", base+"/cmd/"+verb, "-m", payload).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	send("trigger", "t1", "{}", time.Minute)
	await(t, ctx, lines, base+`/cmd/trigger/ack|"request":"t1","result":"done"`, base+`/part|"verdict"`)
	send("trigger", "t1", "{}", time.Minute)
	await(t, ctx, lines, base+"/cmd/trigger/ack|used before")
	send("mode", "m1", `{"mode":"shadow"}`, -time.Minute)
	await(t, ctx, lines, base+"/cmd/mode/ack|expired")
	send("mode", "m2", `{"mode":"shadow"}`, time.Minute)
	await(t, ctx, lines, base+`/cmd/mode/ack|"request":"m2","result":"done"`, base+"/state|SHADOW")
	send("reset", "r1", "{}", time.Minute)
	await(t, ctx, lines, base+`/cmd/reset/ack|"request":"r1","result":"done"`)
	stop()
	if code := <-ended; code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// logOf writes to a test's log.
type logOf struct{ t *testing.T }

func (l logOf) Write(b []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s", b)
	}
	return len(b), nil
}
