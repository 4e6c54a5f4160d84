package hass_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"winnow/edge"
	"winnow/telemetry"
	"winnow/telemetry/hass"
)

var who = telemetry.Identity{Site: "s", Line: "l", Device: "d", Boot: "b", Version: "1.2"}

type message struct {
	Device struct {
		Identifiers []string
		Name        string
	}
	Origin               struct{ Name string }
	AvailabilityTopic    string `json:"availability_topic"`
	AvailabilityTemplate string `json:"availability_template"`
	Components           map[string]struct {
		Platform      string
		UniqueID      string `json:"unique_id"`
		StateTopic    string `json:"state_topic"`
		ValueTemplate string `json:"value_template"`
		Options       []string
	}
}

func discover(t *testing.T) message {
	t.Helper()
	topic, body, err := hass.Discovery(hass.DefaultPrefix, who)
	if err != nil || topic != "homeassistant/device/winnow_s_l_d/config" {
		t.Fatalf("%s, %v", topic, err)
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestHasWhatDiscoveryDemands: device with an identifier, origin with a name,
// and for each component a platform and a unique id.
func TestHasWhatDiscoveryDemands(t *testing.T) {
	m := discover(t)
	if len(m.Device.Identifiers) != 1 || m.Device.Name != "d" || m.Origin.Name != "winnow" {
		t.Errorf("%+v", m)
	}
	seen := map[string]bool{}
	for key, c := range m.Components {
		if c.Platform == "" || c.UniqueID == "" || seen[c.UniqueID] {
			t.Errorf("component %s: %+v", key, c)
		}
		seen[c.UniqueID] = true
	}
	if m.AvailabilityTopic != "winnow/v1/s/l/d/status" || !strings.Contains(m.AvailabilityTemplate, "value_json.status == 'online'") {
		t.Errorf("availability %s %s", m.AvailabilityTopic, m.AvailabilityTemplate)
	}
}

// TestStationsAreToldApart: ids may have underscores, which part them in Home Assistant's.
func TestStationsAreToldApart(t *testing.T) {
	seen := map[string]telemetry.Identity{}
	for _, w := range []telemetry.Identity{
		{Site: "a_b", Line: "c", Device: "d"},
		{Site: "a", Line: "b_c", Device: "d"},
		{Site: "a", Line: "b", Device: "c_d"},
		{Site: "a", Line: "b", Device: "c"},
		{Site: "a", Line: "b", Device: "c-d"},
	} {
		topic, body, err := hass.Discovery(hass.DefaultPrefix, w)
		if err != nil {
			t.Fatal(err)
		}
		var m message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Fatal(err)
		}
		ids := append([]string{topic}, m.Device.Identifiers...)
		for _, c := range m.Components {
			ids = append(ids, c.UniqueID)
		}
		for _, id := range ids {
			if other, taken := seen[id]; taken {
				t.Errorf("%s is %+v and %+v", id, other, w)
			}
			seen[id] = w
		}
	}
}

// TestTemplatesReadWhatIsPublished looks every key of every template up in a
// real payload of its topic.
func TestTemplatesReadWhatIsPublished(t *testing.T) {
	part, err := telemetry.EncodePart(&edge.Verdict{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	state, _ := json.Marshal(telemetry.State{Certificate: &telemetry.Certificate{Void: "x"}})
	counts, _ := json.Marshal(telemetry.Counts{})
	published := map[string][]byte{
		"winnow/v1/s/l/d/part": part, "winnow/v1/s/l/d/state": state, "winnow/v1/s/l/d/counts": counts,
	}
	key := regexp.MustCompile(`value_json((?:\.\w+)+)`)
	for name, c := range discover(t).Components {
		uses := key.FindAllStringSubmatch(c.ValueTemplate, -1)
		if len(uses) == 0 {
			t.Errorf("%s reads nothing: %s", name, c.ValueTemplate)
		}
		for _, u := range uses {
			var v any
			if err := json.Unmarshal(published[c.StateTopic], &v); err != nil {
				t.Fatalf("%s reads %s: %v", name, c.StateTopic, err)
			}
			for _, k := range strings.Split(u[1][1:], ".") {
				object, _ := v.(map[string]any)
				var there bool
				if v, there = object[k]; !there {
					t.Errorf("%s reads %s, which %s does not have", name, u[0], c.StateTopic)
				}
			}
		}
	}
}

func TestRefusesWhatIsNoTopic(t *testing.T) {
	bad := who
	bad.Device = "#"
	if _, _, err := hass.Discovery(hass.DefaultPrefix, bad); err == nil {
		t.Error("a wildcard as device")
	}
	if _, _, err := hass.Discovery("a/b", who); err == nil {
		t.Error("two levels as prefix")
	}
}
