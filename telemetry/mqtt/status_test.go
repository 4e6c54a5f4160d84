package mqtt_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

// TestAStaleOfflineIsTakenBack: the will of an earlier connection that the broker
// publishes late is no word about the one that holds.
func TestAStaleOfflineIsTakenBack(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		e := listen(t, s.URL(), "winnow/v1/s/l/d/status")
		st := start(t, s.URL())
		e.until("/status", `"online"`)
		await(t, "it is connected", func() bool { return st.Stats().Connected })
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := e.Publish(ctx, "winnow/v1/s/l/d/status", true, st.station.EncodeStatus(telemetry.Offline)); err != nil {
			t.Fatal(err)
		}
		e.until("/status", `"offline"`)
		e.until("/status", `"online"`)
	})
}

// TestStoppedIsTheLastWord: the station does not take its own farewell back.
func TestStoppedIsTheLastWord(t *testing.T) {
	withServers(t, func(t *testing.T, s server) {
		s.Start(t)
		for range 30 {
			st := start(t, s.URL())
			await(t, "it is connected", func() bool { return st.Stats().Connected })
			for range 3 { // its echo of "stopped" comes while these are on their way
				_ = st.Alarm("a", "", "")
				_ = st.Alarm("b", "", "")
			}
			st.stop()
			if h := listen(t, s.URL(), "winnow/v1/s/l/d/status").until("/status", ""); !strings.Contains(h.payload, `"stopped"`) {
				t.Fatalf("retained: %s", h.payload)
			}
		}
	})
}

// TestNoOlderOnlineFollowsAFreshOne: on a new connection the station says what is, then
// that it is online, with the latest word only.
func TestNoOlderOnlineFollowsAFreshOne(t *testing.T) {
	s := &embedded{addr: freeAddress(t)}
	s.Start(t)
	defer s.Stop()
	g := newGateway(t, s.URL())
	e := listen(t, s.URL(), "winnow/#")
	st := start(t, "mqtt://"+g.Addr().String(), func(c *mqtt.Config) { c.InFlight = 1 })
	e.until("/status", `"online"`)
	st.State(telemetry.Ready, "", "", nil)
	st.Online()
	e.until("/status", `"online"`)
	g.cut()
	e.until("/status", `"offline"`)
	await(t, "it is connected again", func() bool { return st.Stats().Connects == 2 && st.Stats().Connected })
	if err := st.Alarm("end", "", ""); err != nil {
		t.Fatal(err)
	}
	var last uint64
	said := ""
	for {
		h := e.until("", "")
		said += strings.TrimPrefix(h.topic, "winnow/v1/s/l/d/") + " "
		if strings.HasSuffix(h.topic, "/alarm/end") {
			break
		}
		if !strings.HasSuffix(h.topic, "/status") {
			continue
		}
		var m telemetry.Status
		if err := json.Unmarshal([]byte(h.payload), &m); err != nil {
			t.Fatal(err)
		}
		if m.ID.Seq < last {
			t.Errorf("message %d of the status after message %d", m.ID.Seq, last)
		}
		last = m.ID.Seq
	}
	if !strings.HasPrefix(said, "state status ") {
		t.Errorf("it said: %s", said)
	}
}
