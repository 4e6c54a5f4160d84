package station

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"winnow/edge/config"
	"winnow/edge/line"
	"winnow/edge/store"
	"winnow/models"
	"winnow/telemetry"
)

// holdRecipe is the code of the hold while the recipe changes.
const holdRecipe = "recipe"

// changeTime bounds one change of recipe.
const changeTime = 30 * time.Second

// cmdRecipe puts another package in force, for another product or, recalibrated,
// for the same one. The package in force stays unless all of it succeeds.
func (s *Station) cmdRecipe(ctx context.Context, raw json.RawMessage) error {
	var args struct {
		Name         string `json:"name"`
		Recalibrated bool   `json:"recalibrated"`
	}
	if err := arguments(raw, &args); err != nil {
		return err
	}
	if s.load == nil {
		return refused("this station has one package only")
	}
	if !s.swapping.TryLock() {
		return refused("the recipe is being changed already")
	}
	defer s.swapping.Unlock()
	if !s.running.Load() {
		return line.ErrEnded
	}
	// Whoever asked may hang up: half a change would be none.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeTime)
	defer cancel()
	var path, name string
	var err error
	switch {
	case args.Recalibrated == (args.Name != ""):
		return refused(`args: give "name" of a recipe, or "recalibrated": true for the package that recalibrate has made`)
	case args.Recalibrated:
		name = s.model.Load().Recipe
		path, err = s.recalibrated()
	default:
		name = args.Name
		path, err = s.packageOf(name)
	}
	if err != nil {
		return err
	}
	return s.change(ctx, name, path)
}

// recalibrated is the file that the latest recalibration left, if it is of the
// model in force.
func (s *Station) recalibrated() (string, error) {
	switch of := s.fresh.Load(); {
	case of == nil:
		return "", refused(`nothing was recalibrated since the start: send "recalibrate" while good parts pass`)
	case *of != s.model.Load().Digest:
		return "", refused("the recalibrated package is of model " + *of + ", which is no longer in force")
	}
	return filepath.Join(s.cfg.Records.Dir, freshFile), nil
}

// packageOf is the file of a recipe: model.path for the configuration's own, else
// NAME.tflite in model.recipes.
func (s *Station) packageOf(name string) (string, error) {
	if err := telemetry.CheckID("name", name); err != nil {
		return "", refused("args: " + err.Error())
	}
	m := s.cfg.Model
	if name == s.cfg.Recipe.Name {
		if m.Path == "" {
			return "", refused(fmt.Sprintf("recipe %q was taught at the start and is in no file", name))
		}
		return m.Path, nil
	}
	if m.Recipes == "" {
		return "", refused("model.recipes is not set: no folder holds the packages of other recipes")
	}
	path := filepath.Join(m.Recipes, name+".tflite")
	if _, err := os.Stat(path); err != nil {
		return "", refused(fmt.Sprintf("no recipe %q in model.recipes; there are %q", name, s.recipes()))
	}
	return path, nil
}

// recipes lists the names in model.recipes.
func (s *Station) recipes() []string {
	all, _ := filepath.Glob(filepath.Join(s.cfg.Model.Recipes, "*.tflite")) // the pattern is good
	for i, p := range all {
		all[i] = strings.TrimSuffix(filepath.Base(p), ".tflite")
	}
	return append(all, s.cfg.Recipe.Name)
}

// change puts the package at path in force as recipe name. READY is down
// meanwhile; parts that come all the same are judged by the package that was in
// force when they passed the trigger.
func (s *Station) change(ctx context.Context, name, path string) error {
	if err := s.line.Send(ctx, line.Hold{Code: holdRecipe, Reason: "the recipe is being changed to " + name}); err != nil {
		return err
	}
	// Also when the time is up; it fails where the line has ended.
	defer func() { _ = s.line.Send(context.WithoutCancel(ctx), line.Hold{Code: holdRecipe}) }()
	c := choice{Recipe: name}
	if name != s.cfg.Recipe.Name || path != s.cfg.Model.Path {
		var err error
		if path, err = c.copy(s.cfg, path); err != nil {
			return err
		}
	}
	defer dropCopies(s.cfg)
	m, err := s.load(ctx, path)
	if err != nil {
		return refused(err.Error())
	}
	m.Recipe = name
	f := s.newForce(m)
	f.loaded = true
	s.settle(ctx)
	before, err := readChoice(s.cfg)
	if err == nil {
		err = c.write(s.cfg)
	}
	if err == nil {
		if err = s.swap(ctx, f); err != nil {
			err = errors.Join(err, before.write(s.cfg))
		}
	}
	if err != nil {
		return errors.Join(err, s.end(f))
	}
	return nil
}

// awaitChange locks swapping once the line has ended: a change that is under way fails,
// and is undone. It beats meanwhile, for as long as a change may take.
func (s *Station) awaitChange(beat func()) {
	end := s.clock.Now().Add(changeTime)
	for !s.swapping.TryLock() {
		if end.After(s.clock.Now()) {
			beat()
		}
		_ = s.clock.SleepUntil(s.helpers.ctx, s.clock.Now().Add(5*time.Millisecond))
	}
}

// settle waits until the parts under the camera have their verdicts, so that the
// ledger's page is theirs; not for long, if parts keep coming.
func (s *Station) settle(ctx context.Context) {
	end := s.clock.Now().Add(2 * s.cfg.Recipe.Deadline.Std())
	for s.line.Open() > 0 && end.After(s.clock.Now()) {
		if s.clock.SleepUntil(ctx, s.clock.Now().Add(5*time.Millisecond)) != nil {
			return
		}
	}
}

// swap has the line judge by f.
func (s *Station) swap(ctx context.Context, f *force) error {
	if err := s.keeper.keep(ctx, true); err != nil {
		return err
	}
	old := s.model.Load()
	f.begin(s.helpers.ctx)
	s.model.Store(f)
	err := s.line.Send(ctx, line.Swap{Judge: f.judge, Model: f.Digest, Recipe: f.Recipe, Retired: func(line.Judge) {
		s.helpers.run(func(context.Context) {
			if err := s.end(old); err != nil {
				s.log.Error("the model before was not given back", "err", err)
			}
		})
	}})
	if err != nil {
		s.model.Store(old)
		return err
	}
	s.log.Info("recipe", "name", f.Recipe, "model", f.Digest, "before", old.Recipe)
	s.abandon(old)
	s.curve.Reset()
	s.health.Clear("injected")
	s.teller.SetModel(f.Digest)
	s.teller.Online()
	s.health.Check("ledger-write", s.keeper.keep(ctx, true), ledgerAdvice)
	return nil
}

// choice is what a command has put in force, kept among the records so that a
// restart takes it up again. The zero choice is the configuration's own package.
type choice struct {
	Recipe string `json:"recipe"`
	File   string `json:"file"` // among the records; "": none was chosen
	// The configuration that it was made under: who changes that wants something else.
	Name string `json:"configured_recipe"`
	Path string `json:"configured_path"`
}

const choiceFile = "recipe.json"

// copyName is how the copy of a package in force is called; * its digest.
const copyName = "recipe-*.tflite"

// copy keeps the package at path among the records, and returns where: what was
// chosen is what runs after a restart, whatever becomes of the folder.
func (c *choice) copy(cfg *config.Config, path string) (string, error) {
	b, err := models.ReadLimited(path)
	if err != nil {
		return "", refused(err.Error())
	}
	c.File, c.Name, c.Path = strings.Replace(copyName, "*", models.Short(store.DigestBytes(b)), 1), cfg.Recipe.Name, cfg.Model.Path
	to := filepath.Join(cfg.Records.Dir, c.File)
	return to, store.WriteFile(to, b, 0o644)
}

// write keeps c; the zero one by taking away what was chosen before.
func (c choice) write(cfg *config.Config) error {
	path := filepath.Join(cfg.Records.Dir, choiceFile)
	if c.File == "" {
		return store.Remove(path)
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return store.WriteFile(path, b, 0o644)
}

// readChoice returns what was chosen under this configuration.
func readChoice(cfg *config.Config) (choice, error) {
	path := filepath.Join(cfg.Records.Dir, choiceFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return choice{}, nil
	}
	var c choice
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err == nil && (c.File != filepath.Base(c.File) || telemetry.CheckID("recipe", c.Recipe) != nil) {
		err = errors.New("it names no recipe, or a file elsewhere")
	}
	if err != nil {
		return choice{}, fmt.Errorf("%s, the recipe in force: %w; delete it to go back to the configuration's", path, err)
	}
	if c.Name != cfg.Recipe.Name || c.Path != cfg.Model.Path {
		return choice{}, nil
	}
	return c, nil
}

// dropCopies deletes packages that are no longer in force.
func dropCopies(cfg *config.Config) {
	c, err := readChoice(cfg)
	if err != nil {
		return
	}
	all, _ := filepath.Glob(filepath.Join(cfg.Records.Dir, copyName)) // the pattern is good
	for _, p := range slices.DeleteFunc(all, func(p string) bool { return filepath.Base(p) == c.File }) {
		_ = os.Remove(p) // it is in nobody's way
	}
}

// Chosen is the recipe that a station begins with and its package's file: what
// the command "recipe" chose last, else the configuration's.
func Chosen(cfg *config.Config) (recipe, path string, err error) {
	c, err := readChoice(cfg)
	if err != nil || c.File == "" {
		return cfg.Recipe.Name, cfg.Model.Path, err
	}
	return c.Recipe, filepath.Join(cfg.Records.Dir, c.File), nil
}
