package telemetry

import (
	"fmt"
	"strings"
)

// Root is the first part of every topic: product and payload version.
const Root = "winnow/v1"

// MaxIDLen bounds each id that becomes a level of a topic.
const MaxIDLen = 64

// CheckID returns an error unless s may be a site, line, device, alarm code or
// command verb: 1 to MaxIDLen of a-z A-Z 0-9 _ and -. So an id can never be a
// wildcard, an empty level or a second level.
func CheckID(what, s string) error {
	if s == "" {
		return fmt.Errorf("%s is empty: give it 1 to %d of a-z A-Z 0-9 _ -", what, MaxIDLen)
	}
	if len(s) > MaxIDLen {
		return fmt.Errorf("%s has %d characters: at most %d are allowed", what, len(s), MaxIDLen)
	}
	for i := range len(s) {
		if !idByte(s[i]) {
			return fmt.Errorf("%s %q: %q is not allowed, only a-z A-Z 0-9 _ -", what, s, s[i])
		}
	}
	return nil
}

func idByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

// Topics builds the topics of one station. Use NewTopics; the zero Topics
// builds topics without a station.
type Topics struct{ prefix string }

// NewTopics returns the topics under winnow/v1/<site>/<line>/<device>/, or an
// error if one of the three is not an id (see CheckID).
func NewTopics(site, line, device string) (Topics, error) {
	for _, level := range [][2]string{{"site", site}, {"line", line}, {"device", device}} {
		if err := CheckID(level[0], level[1]); err != nil {
			return Topics{}, err
		}
	}
	return Topics{prefix: strings.Join([]string{Root, site, line, device}, "/")}, nil
}

// Prefix is the station's own branch, without a slash at its end.
func (t Topics) Prefix() string { return t.prefix }

// Topics with fixed names.
func (t Topics) Status() string  { return t.prefix + "/status" }
func (t Topics) State() string   { return t.prefix + "/state" }
func (t Topics) Part() string    { return t.prefix + "/part" }
func (t Topics) Heatmap() string { return t.prefix + "/heatmap" }
func (t Topics) Counts() string  { return t.prefix + "/counts" }
func (t Topics) Drift() string   { return t.prefix + "/drift" }

// All is the filter that takes every topic of the station.
func (t Topics) All() string { return t.prefix + "/#" }

// Alarm returns the topic of an alarm; the code must be an id.
func (t Topics) Alarm(code string) (string, error) {
	if err := CheckID("alarm code", code); err != nil {
		return "", err
	}
	return t.prefix + "/alarm/" + code, nil
}

// Alarms is the filter that takes every alarm of the station.
func (t Topics) Alarms() string { return t.prefix + "/alarm/+" }

// Commands is the filter on which the station hears commands. Acknowledgements
// lie one level deeper and do not match it.
func (t Topics) Commands() string { return t.prefix + "/cmd/+" }

// Command returns the topic of a command; the verb must be an id.
func (t Topics) Command(verb string) (string, error) {
	if err := CheckID("command", verb); err != nil {
		return "", err
	}
	return t.prefix + "/cmd/" + verb, nil
}

// Ack returns the topic on which a command is answered; the verb must be an id.
func (t Topics) Ack(verb string) (string, error) {
	topic, err := t.Command(verb)
	if err != nil {
		return "", err
	}
	return topic + "/ack", nil
}

// Verb returns the verb of a topic that Commands matched.
func (t Topics) Verb(topic string) (string, bool) {
	verb, ok := strings.CutPrefix(topic, t.prefix+"/cmd/")
	return verb, ok && CheckID("command", verb) == nil
}

// AlarmCode returns the code of a topic that Alarms matched.
func (t Topics) AlarmCode(topic string) (string, bool) {
	code, ok := strings.CutPrefix(topic, t.prefix+"/alarm/")
	return code, ok && CheckID("alarm code", code) == nil
}
