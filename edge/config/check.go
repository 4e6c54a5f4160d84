package config

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// checker collects the mistakes of one Config.
type checker struct {
	places map[string]Place
	chips  func() ([]string, error)
	errs   []FieldError
}

// check returns every mistake in c.
func (c *Config) check(opts []Option) []FieldError {
	k := &checker{places: c.places}
	for _, o := range opts {
		o(k)
	}
	c.Device.check(k)
	c.Camera.check(k, c.Trigger.Kind, len(c.Actuators) > 0)
	c.Model.check(k, c.Camera.Kind)
	c.Recipe.check(k)
	c.Trigger.check(k)
	c.Belt.check(k)
	for i := range c.Actuators {
		c.Actuators[i].check(k, fmt.Sprintf("actuator[%d]", i))
	}
	c.MQTT.check(k)
	c.Records.check(k)
	c.HTTP.check(k)
	c.Encoder.check(k)
	c.Challenge.check(k)
	c.Watchdog.check(k)
	c.Modbus.check(k)
	c.checkSignals(k)
	c.checkEncoder(k)
	c.checkGates(k)
	c.checkWiring(k)
	c.checkTiming(k)
	return k.errs
}

// fail adds a mistake. A key that is not in the file gets the place of its
// section, so that the user is led near.
func (k *checker) fail(e FieldError) {
	for key := e.Key; e.Place == (Place{}) && key != ""; key = parent(key) {
		e.Place = k.places[key]
	}
	k.errs = append(k.errs, e)
}

// parent is the path above key; that of "actuator[0]" is "actuator".
func parent(key string) string {
	return key[:max(0, strings.LastIndexAny(key, ".["))]
}

// refuse says that a value is not among those allowed.
func (k *checker) refuse(key string, given any, allowed string) {
	k.fail(FieldError{Key: key, Given: show(key, given), Allowed: allowed})
}

// problem says what is wrong with a value that by itself would do.
func (k *checker) problem(key, problem, advice string) {
	k.fail(FieldError{Key: key, Problem: problem, Allowed: advice})
}

// within refuses numbers outside lo..hi.
func within[T int | int64 | float64](k *checker, key string, v, lo, hi T, unit string) {
	if !(v >= lo && v <= hi) {
		k.refuse(key, v, fmt.Sprintf("%v to %v %s", lo, hi, unit))
	}
}

// span refuses durations outside lo..hi.
func (k *checker) span(key string, d Duration, lo, hi time.Duration) {
	if d.Std() < lo || d.Std() > hi {
		k.refuse(key, d.String(), fmt.Sprintf("%v to %v", lo, hi))
	}
}

// maxID is the longest id, as telemetry has it.
const maxID = 64

// id refuses what cannot be a level of a topic.
func (k *checker) id(key, s string) {
	ok := len(s) >= 1 && len(s) <= maxID
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
	}
	if !ok {
		k.refuse(key, s, fmt.Sprintf("1 to %d of a-z A-Z 0-9 _ -, since it becomes a level of MQTT topics", maxID))
	}
}

// need refuses an empty value and says why one is needed.
func (k *checker) need(key, value, why string) {
	if value == "" {
		k.problem(key, "is missing", why)
	}
}

// unused refuses a value that would have no effect.
func (k *checker) unused(key string, set bool, when string) {
	if set {
		k.problem(key, "has no effect "+when, "remove it")
	}
}

// env reads the environment; a variable so that nothing else here does.
func env(name string) (string, bool) { return os.LookupEnv(name) }
