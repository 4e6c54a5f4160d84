// Package hass introduces a station to Home Assistant: one retained discovery
// message that describes the device and its entities, all of which read the
// topics that the station publishes anyway. It sends nothing itself.
package hass

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"winnow/telemetry"
)

// DefaultPrefix is where Home Assistant listens for discovery unless told otherwise.
const DefaultPrefix = "homeassistant"

// payload is a device discovery message (Home Assistant 2024.12 and newer).
type payload struct {
	Device               device               `json:"device"`
	Origin               origin               `json:"origin"`
	AvailabilityTopic    string               `json:"availability_topic"`
	AvailabilityTemplate string               `json:"availability_template"`
	QoS                  int                  `json:"qos"`
	Components           map[string]component `json:"components"`
}

type device struct {
	Identifiers  []string `json:"identifiers"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"manufacturer"`
	Model        string   `json:"model"`
	SWVersion    string   `json:"sw_version"`
}

type origin struct {
	Name      string `json:"name"`
	SWVersion string `json:"sw_version"`
}

// component is one entity.
type component struct {
	Platform       string   `json:"platform"`
	UniqueID       string   `json:"unique_id"`
	Name           string   `json:"name"`
	StateTopic     string   `json:"state_topic"`
	ValueTemplate  string   `json:"value_template"`
	DeviceClass    string   `json:"device_class,omitempty"`
	StateClass     string   `json:"state_class,omitempty"`
	Unit           string   `json:"unit_of_measurement,omitempty"`
	Options        []string `json:"options,omitempty"`
	EntityCategory string   `json:"entity_category,omitempty"`
	PayloadOn      string   `json:"payload_on,omitempty"`
	PayloadOff     string   `json:"payload_off,omitempty"`
}

// Discovery returns the topic and payload that introduce a station. Publish
// it retained; an empty payload on the topic takes the station back out.
func Discovery(prefix string, who telemetry.Identity) (topic string, body []byte, err error) {
	if err := telemetry.CheckID("discovery prefix", prefix); err != nil {
		return "", nil, err
	}
	topics, err := telemetry.NewTopics(who.Site, who.Line, who.Device)
	if err != nil {
		return "", nil, err
	}
	unique := uniqueID(who, topics)
	body, err = json.Marshal(payload{
		Device: device{
			Identifiers: []string{unique}, Name: who.Device,
			Manufacturer: "Winnow", Model: "Inspection station", SWVersion: who.Version,
		},
		Origin:               origin{Name: "winnow", SWVersion: who.Version},
		AvailabilityTopic:    topics.Status(),
		AvailabilityTemplate: "{{ 'online' if value_json.status == 'online' else 'offline' }}",
		QoS:                  1,
		Components:           components(unique, topics),
	})
	if err != nil {
		return "", nil, fmt.Errorf("discovery: %w", err)
	}
	return prefix + "/device/" + unique + "/config", body, nil
}

// uniqueID joins the station's ids. Where they have underscores themselves, the same text could
// come of other ids, and a digest of the topics, which are nobody else's, follows.
func uniqueID(who telemetry.Identity, topics telemetry.Topics) string {
	ids := who.Site + "_" + who.Line + "_" + who.Device
	if strings.Count(ids, "_") > 2 {
		sum := sha256.Sum256([]byte(topics.Prefix()))
		ids += "_" + hex.EncodeToString(sum[:4])
	}
	return "winnow_" + ids
}

func components(unique string, topics telemetry.Topics) map[string]component {
	all := map[string]component{}
	add := func(key string, c component) {
		c.UniqueID = unique + "_" + key
		if c.Platform == "" {
			c.Platform = "sensor"
		}
		all[key] = c
	}
	add("state", component{
		Name: "State", StateTopic: topics.State(), ValueTemplate: "{{ value_json.state }}", DeviceClass: "enum",
		Options: []string{"NOT_READY", "READY", "SHADOW", "TEACHING", "INHIBIT", "FAULT"},
	})
	add("fault", component{
		Platform: "binary_sensor", Name: "Fault", StateTopic: topics.State(), DeviceClass: "problem",
		ValueTemplate: "{{ 'ON' if value_json.state == 'FAULT' else 'OFF' }}", PayloadOn: "ON", PayloadOff: "OFF",
	})
	add("verdict", component{
		Name: "Last verdict", StateTopic: topics.Part(), ValueTemplate: "{{ value_json.verdict }}", DeviceClass: "enum",
		Options: []string{"unknown", "accept", "reject", "unsure"},
	})
	add("latency", component{
		Name: "Latency", StateTopic: topics.Part(), DeviceClass: "duration", StateClass: "measurement", Unit: "ms",
		ValueTemplate:  "{{ (value_json.latency_us / 1000) | round(1) if value_json.latency_us is not none else none }}",
		EntityCategory: "diagnostic",
	})
	add("bound", component{
		Name: "Certified false rejects", StateTopic: topics.State(), Unit: "%", EntityCategory: "diagnostic",
		ValueTemplate: "{{ (value_json.certificate.bound * 100) | round(2) if value_json.certificate and not value_json.certificate.void else none }}",
	})
	for _, k := range []struct{ key, name string }{
		{"triggers", "Parts"}, {"accept", "Accepted"}, {"reject", "Rejected"}, {"unsure", "Unsure"}, {"no_result", "No result"}, {"late", "Late"},
	} {
		add(k.key, component{
			Name: k.name, StateTopic: topics.Counts(), StateClass: "total_increasing",
			ValueTemplate: "{{ value_json." + k.key + " }}",
		})
	}
	return all
}
