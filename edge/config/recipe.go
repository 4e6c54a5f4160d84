package config

import "time"

// Recipe says what becomes of a part.
type Recipe struct {
	Name     string   `toml:"name"`
	Unsure   Unsure   `toml:"unsure"`
	Deadline Duration `toml:"deadline"` // from trigger to verdict; later is a reject
}

func defaultRecipe() Recipe {
	return Recipe{Name: "default", Unsure: UnsureReject, Deadline: Duration(150 * time.Millisecond)}
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
}
