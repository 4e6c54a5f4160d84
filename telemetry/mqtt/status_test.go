package mqtt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"winnow/telemetry"
	"winnow/telemetry/mqtt"
)

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
	if said != "state status alarm/end " {
		t.Errorf("it said: %s", said)
	}
}
