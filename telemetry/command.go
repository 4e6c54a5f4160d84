package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	seen  map[string]edge.Instant // id to the instant at which it has expired
}

// NewGate returns the gate of one boot.
func NewGate(clock edge.Clock, boot string) *Gate {
	return &Gate{clock: clock, boot: boot, seen: map[string]edge.Instant{}}
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
	case left <= 0:
		return cmd, fmt.Errorf("expired %v ago", -left.Round(time.Millisecond))
	case left > MaxCommandLifetime:
		return cmd, fmt.Errorf("expires in %v: at most %v is allowed", left.Round(time.Second), MaxCommandLifetime)
	}
	return cmd, g.remember(cmd.ID, g.clock.Now(), left)
}

// remember refuses an id that it knows, and forgets ids of twice the longest
// lifetime ago, so that setting the wall clock back revives none.
func (g *Gate) remember(id string, now edge.Instant, left time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for k, end := range g.seen {
		if now.After(end) {
			delete(g.seen, k)
		}
	}
	if _, again := g.seen[id]; again {
		return fmt.Errorf("id %s was used before", id)
	}
	if len(g.seen) >= maxRemembered {
		return fmt.Errorf("more than %d commands in %v: ask again later", maxRemembered, 2*MaxCommandLifetime)
	}
	g.seen[id] = now.Add(left + MaxCommandLifetime)
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
		return Command{Verb: verb}, fmt.Errorf("not a command: %v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Command{Verb: verb}, fmt.Errorf("not a command: something follows the JSON object")
	}
	if err := CheckID("id", cmd.ID); err != nil {
		return Command{Verb: verb}, err
	}
	if cmd.Schema != Version {
		return cmd, fmt.Errorf("schema %d: this device speaks %d", cmd.Schema, Version)
	}
	return cmd, nil
}

// ErrRefused marks an error of a command that was not tried.
var ErrRefused = errors.New("refused")
