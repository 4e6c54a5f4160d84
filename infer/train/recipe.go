package train

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed recipes/*.toml
var recipes embed.FS

// Recipe says what is trained and how. The recipes that ship are recipes/*.toml;
// each key is explained in recipes/feature-ae.toml.
type Recipe struct {
	Family     string     `toml:"family"`
	Seed       uint64     `toml:"seed"`
	Ensemble   int        `toml:"ensemble"`
	Network    Network    `toml:"network"`
	Loop       Loop       `toml:"loop"`
	Objectives Objectives `toml:"objectives"`
	Regime     Regime     `toml:"regime"`
	Augment    Augment    `toml:"augment"`
	Validation Validation `toml:"validation"`
	Views      Outlook    `toml:"views"`
	Compress   Compress   `toml:"compress"`
}

// Network sizes; a family reads those that it has.
type Network struct {
	Width     int  `toml:"width"`
	Code      int  `toml:"code"`
	Depth     int  `toml:"depth"`
	Skip      int  `toml:"skip"`
	Attention bool `toml:"attention"`
	Norm      bool `toml:"norm"`
	Levels    int  `toml:"levels"`
}

// Loop is the optimizer: Adam with decoupled weight decay, its rate warmed up
// over the first steps and let down to a tenth along a cosine.
type Loop struct {
	Steps  int     `toml:"steps"`
	Batch  int     `toml:"batch"`
	Rate   float64 `toml:"rate"`
	Warmup int     `toml:"warmup"`
	Decay  float64 `toml:"decay"`
}

// Objectives are weights of the terms of the loss; 0 leaves one out.
type Objectives struct {
	MSE         float64 `toml:"mse"`
	SSIM        float64 `toml:"ssim"`
	Adversarial float64 `toml:"adversarial"`
	AdvStart    int     `toml:"adversarial_start"`
	Contrastive float64 `toml:"contrastive"`
	MultiView   float64 `toml:"multi_view"`
	OneClass    float64 `toml:"one_class"`
	KL          float64 `toml:"kl"`
}

// Regime is what happens to features on their way into the network.
type Regime struct {
	Noise      float64   `toml:"noise"`
	Mask       float64   `toml:"mask"`
	Levels     []float64 `toml:"levels"`
	Curriculum float64   `toml:"curriculum"`
	Spectral   float64   `toml:"spectral"`
}

// Augment changes pictures before they are encoded; 0 leaves a change out.
type Augment struct {
	Variants int     `toml:"variants"`
	Crop     float64 `toml:"crop"`
	Flip     bool    `toml:"flip"`
	Rotate   float64 `toml:"rotate"`
	Exposure float64 `toml:"exposure"`
	Colour   float64 `toml:"colour"`
	Blur     float64 `toml:"blur"`
	Noise    float64 `toml:"noise"`
}

// Validation decides when to stop.
type Validation struct {
	HeldOut   float64 `toml:"held_out"`
	Every     int     `toml:"every"`
	Patience  int     `toml:"patience"`
	Synthetic int     `toml:"synthetic"`
}

// Outlook is what a package looks at beside the reconstruction.
type Outlook struct {
	Surroundings bool `toml:"surroundings"`
}

// Compress prunes and rounds what was trained.
type Compress struct {
	Density    float64 `toml:"density"`
	PruneSteps int     `toml:"prune_steps"`
	AwareSteps int     `toml:"aware_steps"`
	Distill    float64 `toml:"distill"`
}

// Names of the recipes that ship.
func Names() []string {
	entries, err := recipes.ReadDir("recipes")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// Text of the recipe of that name, with its comments.
func Text(name string) ([]byte, error) {
	b, err := recipes.ReadFile(path.Join("recipes", name+".toml"))
	if err != nil {
		return nil, fmt.Errorf("no recipe %q: choose from %s, or give a file that ends in .toml", name, strings.Join(Names(), ", "))
	}
	return b, nil
}

// ParseRecipe reads TOML. A key that it leaves out has the value that
// feature-ae.toml gives it; a key that is not known is an error with its line.
func ParseRecipe(b []byte) (*Recipe, error) {
	r := new(Recipe)
	base, err := Text("feature-ae")
	if err == nil {
		err = toml.Unmarshal(base, r)
	}
	if err != nil {
		return nil, err
	}
	r.Regime.Levels = slices.Clone(r.Regime.Levels)
	d := toml.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(r); err != nil {
		return nil, placed(err)
	}
	return r, r.check()
}

// placed words an error of the TOML library with line and column.
func placed(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		line, col := strict.Errors[0].Position()
		return fmt.Errorf("recipe, line %d column %d: there is no key %q: `winnow train --recipe feature-ae --print-recipe` lists all", line, col, strings.Join(strict.Errors[0].Key(), "."))
	}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		line, col := at.Position()
		return fmt.Errorf("recipe, line %d column %d: %w", line, col, err)
	}
	return fmt.Errorf("recipe: %w", err)
}

// limit of a number in a recipe.
type limit struct {
	key       string
	v, lo, hi float64
}

func (r *Recipe) limits() []limit {
	o, g, c, v := &r.Objectives, &r.Regime, &r.Compress, &r.Validation
	return []limit{
		{"ensemble", float64(r.Ensemble), 1, 8},
		{"network.width", float64(r.Network.Width), 4, 1024},
		{"network.code", float64(r.Network.Code), 1, 1024},
		{"network.depth", float64(r.Network.Depth), 1, 4},
		{"network.skip", float64(r.Network.Skip), 0, 256},
		{"network.levels", float64(r.Network.Levels), 0, 8},
		{"loop.steps", float64(r.Loop.Steps), 1, 1e6},
		{"loop.batch", float64(r.Loop.Batch), 2, 256},
		{"loop.rate", r.Loop.Rate, 1e-7, 1},
		{"loop.warmup", float64(r.Loop.Warmup), 0, 1e6},
		{"loop.decay", r.Loop.Decay, 0, 1},
		{"objectives.mse", o.MSE, 0, 1e3},
		{"objectives.ssim", o.SSIM, 0, 1e3},
		{"objectives.adversarial", o.Adversarial, 0, 0.1},
		{"objectives.adversarial_start", float64(o.AdvStart), 0, 1e6},
		{"objectives.contrastive", o.Contrastive, 0, 1e3},
		{"objectives.multi_view", o.MultiView, 0, 1e3},
		{"objectives.one_class", o.OneClass, 0, 1e3},
		{"objectives.kl", o.KL, 0, 1e3},
		{"regime.noise", g.Noise, 0, 10},
		{"regime.mask", g.Mask, 0, 0.95},
		{"regime.curriculum", g.Curriculum, 0, 1},
		{"regime.spectral", g.Spectral, 0, 100},
		{"augment.variants", float64(r.Augment.Variants), 0, 64},
		{"augment.crop", r.Augment.Crop, 0, 0.5},
		{"augment.rotate", r.Augment.Rotate, 0, 180},
		{"augment.exposure", r.Augment.Exposure, 0, 1},
		{"augment.colour", r.Augment.Colour, 0, 1},
		{"augment.blur", r.Augment.Blur, 0, 5},
		{"augment.noise", r.Augment.Noise, 0, 0.5},
		{"validation.held_out", v.HeldOut, 0.1, 0.6},
		{"validation.every", float64(v.Every), 1, 1e6},
		{"validation.patience", float64(v.Patience), 1, 1e6},
		{"validation.synthetic", float64(v.Synthetic), 0, 256},
		{"compress.density", c.Density, 0.05, 1},
		{"compress.prune_steps", float64(c.PruneSteps), 0, 1e6},
		{"compress.aware_steps", float64(c.AwareSteps), 0, 1e6},
		{"compress.distill", c.Distill, 0, 1e3},
	}
}

func (r *Recipe) check() error {
	for _, l := range r.limits() {
		if !(l.v >= l.lo && l.v <= l.hi) {
			return fmt.Errorf("recipe: %s = %g is outside %g to %g", l.key, l.v, l.lo, l.hi)
		}
	}
	if _, err := familyNamed(r.Family); err != nil {
		return err
	}
	for _, v := range r.Regime.Levels {
		if !(v > 0 && v <= 10) {
			return fmt.Errorf("recipe: regime.levels holds %g: each is above 0 and at most 10", v)
		}
	}
	return r.agree()
}

// agree says which keys do not go together: what would be ignored, or would end
// the run after minutes of work.
func (r *Recipe) agree() error {
	o, n := &r.Objectives, len(r.Regime.Levels)
	switch {
	case *o == Objectives{AdvStart: o.AdvStart}:
		return errors.New("recipe: objectives are all 0, so there is nothing to train for: set one, such as objectives.mse = 1")
	case o.needViews() && r.Augment.Variants < 1:
		return errors.New("recipe: objectives.contrastive and objectives.multi_view compare views of a part: set augment.variants to at least 1")
	case o.KL > 0 && r.Family != "variational":
		return fmt.Errorf("recipe: objectives.kl is for the code of family variational, %s has none: leave it out", r.Family)
	case families()[r.Family].levels != nil && (n == 0 || n > 8):
		return fmt.Errorf("recipe: regime.levels holds %d noise levels, %s needs 1 to 8", n, r.Family)
	case r.Compress.Density < 1 && r.Compress.PruneSteps == 0:
		return fmt.Errorf("recipe: compress.density = %g prunes nothing without steps to do it in: set compress.prune_steps, such as 160", r.Compress.Density)
	}
	return nil
}

// needViews reports whether an objective compares two views of each part.
func (o *Objectives) needViews() bool { return o.Contrastive > 0 || o.MultiView > 0 }
