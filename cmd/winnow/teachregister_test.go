package main

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"winnow/edge"
	"winnow/edge/evaluate"
)

// movedPart writes a picture of a part that lies dx right and dy down of its place.
func movedPart(t *testing.T, path string, seed uint64, dx, dy int, blot bool) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 3))
	img := image.NewGray(image.Rect(0, 0, 96, 96))
	bright := 70 + r.IntN(20)
	for y := range 96 {
		for x := range 96 {
			v := 70 + r.IntN(9)
			px, py := x-dx-48, y-dy-48
			if px*px+py*py < 800 {
				v += bright
			}
			if px > 8 && px < 18 && py > -20 && py < 20 {
				v -= 40
			}
			if blot && px > -20 && px < -8 && py > -20 && py < -8 {
				v = 250 - 240*((x/3+y/3)%2)
			}
			img.SetGray(x, y, color.Gray{uint8(v)})
		}
	}
	return writePNG(t, path, img)
}

func TestRegistrationMovesParts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.Mkdir(at("good"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		movedPart(t, at(fmt.Sprintf("good/%02d.png", i)), uint64(i), i%3-1, i/3%3-1, false)
	}
	for name, flags := range map[string][]string{"plain": {"--register=off"}, "registered": {"--register"}} {
		args := append([]string{"teach", "--from", at("good"), "--out", at(name + ".tflite"), "--input", "96x96"}, flags...)
		if code, _, errs := winnow(t, args...); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errs)
		}
	}
	moved := movedPart(t, at("moved.png"), 99, 8, -6, false)
	bad := movedPart(t, at("bad.png"), 98, 8, -6, true)
	far := movedPart(t, at("far.png"), 97, 0, 14, false)
	plain, s := judged(t, at("plain.tflite"), moved), judged(t, at("registered.tflite"), moved, bad, far)
	if plain[0].Decision != edge.Reject || s[0].Decision != edge.Accept {
		t.Errorf("a good part elsewhere: %v without registration, %v %+v with it", plain[0].Decision, s[0].Decision, s[0].Score)
	}
	if d := s[0].Shift.Sub(image.Pt(8, -6)); d.X < -2 || d.X > 2 || d.Y < -2 || d.Y > 2 {
		t.Errorf("it was found %v from its place", s[0].Shift)
	}
	blot := image.Rect(48-20+8, 48-20-6, 48-8+8, 48-8-6)
	if s[1].Decision != edge.Reject || len(s[1].Regions) == 0 || !s[1].Regions[0].Box.Overlaps(blot) {
		t.Errorf("a defect on a part elsewhere: %v at %+v, it lies at %v", s[1].Decision, s[1].Regions, blot)
	}
	if s[2].Decision != edge.Reject || !strings.Contains(s[2].Why, "px down of its place, too far") {
		t.Errorf("a part too far away: %v, %s", s[2].Decision, s[2].Why)
	}
	if code, out, _ := winnow(t, "model", "inspect", at("registered.tflite")); code != 0 || !strings.Contains(out, "each part is moved") {
		t.Errorf("inspect: %d %s", code, out)
	}
	for flag, want := range map[string]string{
		"--register": "give one", "--register=often": "on, off or auto", "--register off": "write --register=off", "--register often": "unknown command",
	} {
		args := append([]string{"teach", "--from", at("good"), "--out", at("x.tflite"), "--mask", moved}, strings.Fields(flag)...)
		if code, _, errs := winnow(t, args...); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("%s and --mask: exit %d: %s", flag, code, errs)
		}
	}
}

// printedPart writes a picture of a part with a fine print that lies dx right and dy
// down of its place.
func printedPart(t *testing.T, path string, seed uint64, dx, dy int) {
	t.Helper()
	r, ink := rand.New(rand.NewPCG(seed, 4)), rand.New(rand.NewPCG(1, 1))
	var inked [24][24]bool
	for i := range 24 * 24 {
		inked[i/24][i%24] = ink.IntN(2) == 0
	}
	img := image.NewGray(image.Rect(0, 0, 128, 128))
	for y := range 128 {
		for x := range 128 {
			v := 150 + r.IntN(9)
			if px, py := x-dx-16, y-dy-16; px >= 0 && px < 96 && py >= 0 && py < 96 && inked[py/4][px/4] {
				v -= 90
			}
			img.SetGray(x, y, color.Gray{uint8(v)})
		}
	}
	writePNG(t, path, img)
}

// Parts that lie apart are moved onto each other where drawn defects are told the
// better for it. That is tried only where they do lie apart, and not so far that the
// next might lie too far.
func TestTeachRegistersPartsThatLieApart(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		lie      func(i int) (dx, dy int)
		register bool
	}{
		"apart":           {func(i int) (int, int) { return i*5%13 - 6, i*7%13 - 6 }, true},
		"in place":        {func(int) (int, int) { return 0, 0 }, false},
		"apart, one afar": {func(i int) (int, int) { return i*5%13 - 6, i/19*17 + i*7%13 - 6 }, false},
	} {
		dir := filepath.Join(t.TempDir(), "good")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			dx, dy := c.lie(i)
			printedPart(t, filepath.Join(dir, fmt.Sprintf("%02d.png", i)), uint64(i), dx, dy)
		}
		if !c.register { // it is not even tried
			ds, err := evaluate.OpenDataset(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			if apart, err := lieApart(t.Context(), ds.Teach, 128, 128); apart || err != nil {
				t.Errorf("%s: parts lie apart: %v, %v", what, apart, err)
			}
			continue
		}
		code, out, errs := winnow(t, "teach", "--from", dir, "--out", filepath.Join(t.TempDir(), "p.tflite"), "--input", "96x96", "--json")
		var r taughtReport
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil {
			t.Fatalf("%s: exit %d, %v: %s", what, code, err, errs)
		}
		if !r.Register || len(r.Registers) != 2 || !r.Registers[0].Register || r.Registers[0].AUROC <= r.Registers[1].AUROC {
			t.Errorf("%s: registered: %v, tried: %+v", what, r.Register, r.Registers)
		}
	}
}
