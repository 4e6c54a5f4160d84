package config

import "time"

// Recipe says what becomes of a part.
type Recipe struct {
	Name     string   `toml:"name"`
	Unsure   Unsure   `toml:"unsure"`
	Deadline Duration `toml:"deadline"` // from trigger to verdict; later is a reject
	Mode     Mode     `toml:"mode"`     // that the station starts in

	Frames int       `toml:"frames"` // of one part
	Rule   FrameRule `toml:"rule"`   // which of them decide

	MaxConsecutive int     `toml:"max_consecutive"` // rejects in a row that stop the line; 0: no limit
	MaxRejects     int     `toml:"max_rejects"`     // of the last OfLast parts; 0: no limit
	OfLast         int     `toml:"of_last"`
	RejectCost     float64 `toml:"reject_cost"` // of one part, for the curve of shadow mode
}

func defaultRecipe() Recipe {
	return Recipe{Name: "default", Unsure: UnsureReject, Deadline: Duration(150 * time.Millisecond), Mode: ModeReady, Frames: 1, Rule: RuleAny, OfLast: 100, RejectCost: 1}
}

// Unsure is what happens to a part that the judge is unsure of.
type Unsure string

// Fates of unsure parts.
const (
	UnsureReject Unsure = "reject"
	UnsureAccept Unsure = "accept"
	UnsureOutput Unsure = "output" // the actuator with on = "unsure"
)

func unsures() []Unsure { return []Unsure{UnsureReject, UnsureAccept, UnsureOutput} }

// UnmarshalText reads the name of a fate.
func (u *Unsure) UnmarshalText(b []byte) error { return choose(u, b, unsures()...) }

func (r *Recipe) check(k *checker) {
	k.id("recipe.name", r.Name)
	known(k, "recipe.unsure", r.Unsure, unsures()...)
	k.span("recipe.deadline", r.Deadline, time.Millisecond, time.Minute)
	known(k, "recipe.mode", r.Mode, modes()...)
	within(k, "recipe.frames", r.Frames, 1, 64, "frames of one part")
	known(k, "recipe.rule", r.Rule, frameRules()...)
	within(k, "recipe.max_consecutive", r.MaxConsecutive, 0, 1_000_000, "rejects in a row (0: no limit)")
	within(k, "recipe.of_last", r.OfLast, 1, 10_000, "parts")
	within(k, "recipe.max_rejects", r.MaxRejects, 0, r.OfLast, "rejects of the last recipe.of_last parts (0: no limit)")
	within(k, "recipe.reject_cost", r.RejectCost, 0, 1e9, "in any currency")
}

// Mode is what the station does with its verdicts.
type Mode string

// Modes.
const (
	ModeReady   Mode = "ready"
	ModeShadow  Mode = "shadow"  // judges and records, never fires
	ModeInhibit Mode = "inhibit" // the actuators are held, for set-up
)

func modes() []Mode { return []Mode{ModeReady, ModeShadow, ModeInhibit} }

// UnmarshalText reads the name of a mode.
func (m *Mode) UnmarshalText(b []byte) error { return choose(m, b, modes()...) }

// FrameRule fuses the frames of one part.
type FrameRule string

// Rules, as line.Rule has them.
const (
	RuleAny      FrameRule = "any"
	RuleMajority FrameRule = "majority"
	RuleMean     FrameRule = "mean"
)

func frameRules() []FrameRule { return []FrameRule{RuleAny, RuleMajority, RuleMean} }

// UnmarshalText reads the name of a rule.
func (r *FrameRule) UnmarshalText(b []byte) error { return choose(r, b, frameRules()...) }
