package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// freePort returns a loopback port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// messages starts mosquitto and a subscriber to everything, and returns the
// lines "topic payload" that come, and the port.
func messages(t *testing.T, ctx context.Context) (<-chan string, int) {
	t.Helper()
	for _, tool := range []string{"mosquitto", "mosquitto_sub"} {
		if _, err := exec.LookPath(tool); err != nil {
			notHere(t, tool)
		}
	}
	port := freePort(t)
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listener %d 127.0.0.1\nallow_anonymous true\n", port), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := exec.CommandContext(ctx, "mosquitto", "-c", conf)
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Process.Kill(); _ = broker.Wait() })
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			break
		}
		if ctx.Err() != nil {
			t.Fatal("mosquitto does not answer")
		}
		time.Sleep(20 * time.Millisecond) // the broker has no other sign of life
	}
	sub := exec.CommandContext(ctx, "mosquitto_sub", "-p", fmt.Sprint(port), "-v", "-t", "winnow/#", "-t", "homeassistant/#")
	pipe, err := sub.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sub.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Process.Kill(); _ = sub.Wait() })
	lines := make(chan string, 4096)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(pipe); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines, port
}

// await reads lines until each of want has been a part of one.
func await(t *testing.T, ctx context.Context, lines <-chan string, want ...string) {
	t.Helper()
	missing := map[string]bool{}
	for _, w := range want {
		missing[w] = true
	}
	for len(missing) > 0 {
		select {
		case l, ok := <-lines:
			if !ok {
				t.Fatalf("the subscriber ended; still missing: %v", missing)
			}
			for w := range missing {
				if topic, text, _ := strings.Cut(w, "|"); strings.Contains(l, topic) && strings.Contains(l, text) {
					delete(missing, w)
				}
			}
		case <-ctx.Done():
			t.Fatalf("never came: %v", missing)
		}
	}
}

// offer makes a folder of recipes of one package: as it is, and broken.
func offer(t *testing.T, model, dir string) {
	t.Helper()
	b, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"gear": b, "washer": b[:len(b)/2]} {
		if err := os.WriteFile(filepath.Join(dir, name+".tflite"), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// A station as a process of its own on a real broker: every topic that exists,
// and "offline" from the broker when the process is killed.
func TestStationOnARealBroker(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a build and a broker")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	lines, port := messages(t, ctx)
	dir := t.TempDir()
	bin := filepath.Join(dir, "winnow")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	model, data := taught(t)
	offer(t, model, filepath.Join(dir, "recipes"))
	conf := fmt.Sprintf(`
[device]
id = "cam-7"
[camera]
kind = "replay"
path = %q
loop = true
[model]
path = %q
recipes = "recipes"
[recipe]
deadline = "2s"
[trigger]
kind = "timer"
period = "300ms"
[[actuator]]
delay = "2500ms"
[mqtt]
broker = "mqtt://127.0.0.1:%d"
commands = true
[records]
dir = %q
`, filepath.Join(data, "test"), model, port, filepath.Join(dir, "records"))
	path := filepath.Join(dir, "station.toml")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	station := exec.CommandContext(ctx, bin, "run", "--config", path)
	var errs strings.Builder
	station.Stderr = &errs
	if err := station.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			_ = station.Process.Kill()
			_ = station.Wait()
			t.Logf("the station said: %s", &errs)
		}
	})
	base := "winnow/v1/site/line/cam-7"
	await(t, ctx, lines, base+"/status|online", base+"/state|READY", base+`/part|"reject"`, base+`/part|"accept"`, base+"/heatmap|", base+"/counts|triggers", base+`/drift|"valid"`)
	// These eight pictures pass again and again: too few parts for a new threshold.
	command := func(verb, id, args string) {
		t.Helper()
		cmd := fmt.Sprintf(`{"schema":1,"id":%q,"expires":%q,"args":%s}`, id, time.Now().Add(time.Minute).UTC().Format(time.RFC3339), args)
		if out, err := exec.CommandContext(ctx, "mosquitto_pub", "-p", fmt.Sprint(port), "-q", "1", "-t", base+"/cmd/"+verb, "-m", cmd).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	command("recalibrate", "r1", `{"parts":8}`)
	await(t, ctx, lines, base+`/cmd/recalibrate/ack|"done"`, base+"/alarm/recalibration|independent good parts")
	// Another recipe: a package that is broken, then one that is good.
	command("recipe", "r2", `{"name":"washer"}`)
	await(t, ctx, lines, base+`/cmd/recipe/ack|"refused"`, base+`/state|changed to washer`)
	command("recalibrate", "r4", `{"parts":2000}`)
	await(t, ctx, lines, base+`/cmd/recalibrate/ack|"done"`)
	command("recipe", "r3", `{"name":"gear"}`)
	await(t, ctx, lines, base+`/cmd/recipe/ack|"done"`, base+`/state|"recipe":"gear"`, base+"/status|online", base+`/part|"recipe":"gear"`, base+"/alarm/recalibration|of 2000 parts")
	command("recipe", "r3", `{"name":"gear"}`)
	await(t, ctx, lines, base+`/cmd/recipe/ack|used before`)
	command("mode", "m1", `{"mode":"inhibit"}`)
	await(t, ctx, lines, base+`/cmd/mode/ack|"done"`, base+`/state|INHIBIT`)
	if err := station.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = station.Wait()
	await(t, ctx, lines, base+"/status|offline")

	// Stopped on purpose it says so itself, and leaves with 0.
	station = exec.CommandContext(ctx, bin, "run", "--config", path)
	if err := station.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, lines, base+"/status|online", base+`/part|"recipe":"gear"`) // it holds over a restart
	command("reset", "r5", `{}`)
	await(t, ctx, lines, base+`/cmd/reset/ack|"done"`, base+`/state|INHIBIT`) // and so does the mode over a crash
	if err := station.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := station.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	await(t, ctx, lines, base+"/status|stopped")
	if pictures, err := filepath.Glob(filepath.Join(dir, "records", "rejects", "*.png")); err != nil || len(pictures) == 0 {
		t.Errorf("no pictures of rejects were kept: %v %s", err, errs.String())
	}
}
