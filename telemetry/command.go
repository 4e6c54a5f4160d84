package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"winnow/edge"
)

// Limits of commands.
const (
	MaxCommandBytes    = 64 << 10         // of one payload
	MaxCommandLifetime = 10 * time.Minute // from now to its expiry
	maxRemembered      = 1024             // ids that have not expired yet
)

// Command is the payload of cmd/<verb>.
type Command struct {
	Schema  int             `json:"schema"`
	ID      string          `json:"id"`      // chosen by who asks; an id, never used twice
	Expires time.Time       `json:"expires"` // RFC 3339; after it the command is refused
	Boot    string          `json:"boot"`    // if given, only this boot of the device obeys
	Args    json.RawMessage `json:"args"`
	Verb    string          `json:"-"` // from the topic
}

// Result is what became of a command.
type Result string

// Results.
const (
	ResultDone    Result = "done"
	ResultRefused Result = "refused" // it was not tried
	ResultFailed  Result = "failed"  // it was tried
)

// Ack is the payload of cmd/<verb>/ack.
type Ack struct {
	Header
	Request string `json:"request"` // the command's id, "" if it had none that can be read
	Result  Result `json:"result"`
	Reason  string `json:"reason"`
}

// EncodeAck returns the topic and payload that answer cmd. A nil err is done.
func (s *Station) EncodeAck(verb, request string, result Result, reason string) (string, []byte, error) {
	topic, err := s.topics.Ack(verb)
	if err != nil {
		return "", nil, err
	}
	return topic, encode(Ack{Header: s.header(), Request: clipTo(request, MaxIDLen), Result: result, Reason: clip(reason)}), nil
}

// Gate lets each command through once and in time. It is safe for concurrent
// use.
type Gate struct {
	clock edge.Clock
	boot  string
	mu    sync.Mutex
	seen  map[string]used
}

// used is until when an id is remembered: by both clocks, since the wall clock
// may be set.
type used struct {
	end     edge.Instant
	expires time.Time
}

// NewGate returns the gate of one boot.
func NewGate(clock edge.Clock, boot string) *Gate {
	return &Gate{clock: clock, boot: boot, seen: map[string]used{}}
}

// Admit parses a command. An error is the reason for refusing it; the Command
// then carries as much as could be read, for the answer.
func (g *Gate) Admit(verb string, payload []byte) (Command, error) {
	cmd, err := parseCommand(verb, payload)
	if err != nil {
		return cmd, err
	}
	if cmd.Boot != "" && cmd.Boot != g.boot {
		return cmd, fmt.Errorf("meant for boot %s, this is %s", cmd.Boot, g.boot)
	}
	wall := g.clock.Wall()
	if wall.Quality == edge.WallNone {
		return cmd, fmt.Errorf("the device's clock is not set, so the expiry cannot be judged")
	}
	left := cmd.Expires.Sub(wall.Time)
	switch {
	case cmd.Expires.IsZero():
		return cmd, fmt.Errorf("expires is missing: give the time, at most %v ahead, after which it is not to be obeyed", MaxCommandLifetime)
	case left <= 0:
		return cmd, fmt.Errorf("expired %v ago", wall.Time.Sub(cmd.Expires).Round(time.Millisecond))
	case left > MaxCommandLifetime:
		return cmd, fmt.Errorf("expires in %v: at most %v is allowed", left.Round(time.Second), MaxCommandLifetime)
	}
	return cmd, g.remember(cmd, g.clock.Now(), wall.Time, left)
}

// remember refuses an id that it knows, and forgets ids of twice the longest
// lifetime ago that the wall clock calls expired too, so that setting it back
// revives none.
func (g *Gate) remember(cmd Command, now edge.Instant, wall time.Time, left time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, u := range g.seen {
		if now.After(u.end) && wall.After(u.expires) {
			delete(g.seen, k)
		}
	}
	if _, again := g.seen[cmd.ID]; again {
		return fmt.Errorf("id %s was used before", cmd.ID)
	}
	if len(g.seen) >= maxRemembered {
		return fmt.Errorf("more than %d commands in %v: ask again later", maxRemembered, 2*MaxCommandLifetime)
	}
	g.seen[cmd.ID] = used{now.Add(left + MaxCommandLifetime), cmd.Expires}
	return nil
}

func parseCommand(verb string, payload []byte) (Command, error) {
	cmd := Command{Verb: verb}
	if len(payload) > MaxCommandBytes {
		return cmd, fmt.Errorf("%d bytes: at most %d are allowed", len(payload), MaxCommandBytes)
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&cmd); err != nil {
		return Command{Verb: verb, ID: RequestID(payload)}, fmt.Errorf("not a command: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Command{Verb: verb, ID: RequestID(payload)}, fmt.Errorf("not a command: something follows the JSON object")
	}
	if err := CheckID("id", cmd.ID); err != nil {
		return Command{Verb: verb}, err
	}
	if err := ExactKeys(payload, "schema", "id", "expires", "boot", "args"); err != nil {
		return Command{Verb: verb, ID: cmd.ID}, fmt.Errorf("not a command: %v", err)
	}
	if cmd.Schema != Version {
		return cmd, fmt.Errorf("schema %d: this device speaks %d", cmd.Schema, Version)
	}
	return cmd, nil
}

// ExactKeys refuses keys of a JSON object that encoding/json takes for one of those
// known though they are written otherwise, and keys that come twice.
func ExactKeys(object []byte, known ...string) error {
	dec := json.NewDecoder(bytes.NewReader(object))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return errors.New("no JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown field %q", name)
		}
		if seen[name] {
			return fmt.Errorf("%q comes twice", name)
		}
		seen[name] = true
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return err
		}
	}
	return nil
}

// RequestID is the id of a command that may be wrong otherwise, for its answer;
// "" if it has none that can be read.
func RequestID(payload []byte) string {
	var cmd struct {
		ID string `json:"id"`
	}
	_ = json.NewDecoder(bytes.NewReader(payload)).Decode(&cmd) // what was read until then counts
	if CheckID("id", cmd.ID) != nil {
		return ""
	}
	return cmd.ID
}

// ErrRefused marks an error of a command that was not tried.
var ErrRefused = errors.New("refused")
