package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"winnow/buildroot/emulator/rig"
	"winnow/capture/scene"
	"winnow/edge"
)

// goods are the parts of a belt: what the camera sees, the package that judges
// them, and what must become of each. Which parts are to be rejected is found by
// `winnow score` on the host: scores are equal to the bit on every processor, so
// a part that goes the wrong way is the line's fault and never the detector's.
type goods struct {
	side     int // pixels of a picture
	model    string
	pictures []rig.Picture // picture 0 is the empty belt
	rejected []bool        // by picture
	list     string        // file with the same, written before the machine boots
	pace     pace          // once it was measured
}

// Seeds of the drawn line: taught parts are never run.
const (
	runSeed     = 71
	firstTaught = 100_000
	smallTaught = 60
	fullTaught  = 120
)

// makeGoods draws n parts, teaches a package and writes the list, all in folder.
// The package is the small one, or with side above 0 that which `winnow teach`
// makes for pictures of so many pixels squared.
func makeGoods(ctx context.Context, folder, winnow string, n, side int) (*goods, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	g := &goods{side: smallSide, model: filepath.Join(folder, "part.tflite"), list: filepath.Join(folder, "expected.csv"), pictures: []rig.Picture{nil}}
	full := side > 0
	if full {
		g.side = side
	}
	sc, err := scene.New(scene.Config{
		Seed: runSeed, Width: g.side, Height: g.side, DefectRate: 0.35, Sizes: []scene.Size{scene.Medium, scene.Large},
	})
	if err != nil {
		return nil, err
	}
	if err := g.teach(ctx, folder, winnow, sc, full); err != nil {
		return nil, fmt.Errorf("teach: %w", err)
	}
	g.pictures[0] = emptyBelt(g.side)
	for i := range n {
		f := newFrame(g.side)
		sc.Render(uint64(i+1), f)
		g.pictures = append(g.pictures, f.Pix)
	}
	return g, g.expect(ctx, folder, winnow)
}

func newFrame(side int) *edge.Frame {
	return &edge.Frame{Width: side, Height: side, Stride: 3 * side, Format: edge.RGB24, Pix: make([]byte, 3*side*side)}
}

func (g *goods) teach(ctx context.Context, folder, winnow string, sc *scene.Scene, full bool) error {
	n := smallTaught
	if full {
		n = fullTaught
	}
	var good []*edge.Frame
	for i := range n {
		f := newFrame(g.side)
		sc.Draw(uint64(firstTaught+i), scene.Defect{}, f)
		good = append(good, f)
	}
	if !full {
		return smallPackage(ctx, good, g.model)
	}
	dir := filepath.Join(folder, "taught")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, f := range good {
		if err := writePNG(filepath.Join(dir, fmt.Sprintf("%04d.png", i)), f.Pix, g.side); err != nil {
			return err
		}
	}
	return command(ctx, winnow, "teach", "--from", dir, "--out", g.model, "--input", fmt.Sprintf("%dx%[1]d", g.side))
}

// emptyBelt is a grey, grained surface: surely no good part, and not flat.
func emptyBelt(side int) rig.Picture {
	p := make(rig.Picture, 3*side*side)
	state := uint32(1)
	for i := range p {
		state = state*1664525 + 1013904223 // Numerical Recipes' generator
		p[i] = byte(60 + state>>28)
	}
	return p
}

// expect has `winnow score` judge every picture, and writes the list.
func (g *goods) expect(ctx context.Context, folder, winnow string) error {
	args := []string{"score", "--model", g.model, "--json"}
	for i, p := range g.pictures {
		name := filepath.Join(folder, fmt.Sprintf("part-%04d.png", i))
		if err := writePNG(name, p, g.side); err != nil {
			return err
		}
		args = append(args, name)
	}
	out, err := exec.CommandContext(ctx, winnow, args...).Output()
	if err != nil {
		return fmt.Errorf("winnow score: %w", err)
	}
	var scored []struct{ Decision edge.Decision }
	if err := json.Unmarshal(out, &scored); err != nil {
		return err
	}
	for _, s := range scored {
		v := edge.Verdict{Decision: s.Decision}
		g.rejected = append(g.rejected, v.Fires(true))
	}
	if len(g.rejected) != len(g.pictures) || !g.rejected[0] {
		return fmt.Errorf("%d of %d pictures scored, the empty belt rejected: %v", len(g.rejected), len(g.pictures), g.rejected[0])
	}
	return g.writeList()
}

func (g *goods) writeList() error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for i, r := range g.rejected {
		if err := w.Write([]string{strconv.Itoa(i), map[bool]string{true: "reject", false: "accept"}[r]}); err != nil {
			return err
		}
	}
	w.Flush()
	return os.WriteFile(g.list, b.Bytes(), 0o644)
}

// readList reads back what was written before the machine booted.
func readList(path string) ([]bool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, err
	}
	var rejected []bool
	for _, r := range rows {
		rejected = append(rejected, r[1] == "reject")
	}
	return rejected, nil
}

func (g *goods) share() int {
	n := 0
	for _, r := range g.rejected[1:] {
		if r {
			n++
		}
	}
	return n
}

func writePNG(name string, rgb []byte, side int) error {
	m := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range side * side {
		m.SetNRGBA(i%side, i/side, color.NRGBA{rgb[3*i], rgb[3*i+1], rgb[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// command runs a program of ours on the host.
func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), args[0], err, out)
	}
	return nil
}
