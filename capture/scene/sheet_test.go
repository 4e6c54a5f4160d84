package scene_test

import (
	"flag"
	"path/filepath"
	"testing"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/capture/scene"
	"winnow/edge"
)

var sheets = flag.String("sheets", "", "folder to draw contact sheets of the products and their defects to")

// TestContactSheet draws one column of good parts and one for each size of
// defect, a row for each kind. To look at them: go test -run Sheet -sheets DIR.
func TestContactSheet(t *testing.T) {
	dir := *sheets
	if dir == "" {
		dir = t.TempDir()
	}
	for _, name := range scene.Products()[:len(scene.Products())/min(slowdown, 3)] {
		s, err := scene.New(scene.Config{Seed: 7, Product: name})
		if err != nil {
			t.Fatal(err)
		}
		var sheet, f edge.Frame
		capture.Reshape(&sheet, 4*256, 8*256, edge.RGB24)
		put := func(col, row int) {
			for y := range 256 {
				copy(sheet.Row(row*256 + y)[col*768:], f.Row(y))
			}
		}
		for r, k := range scene.Kinds() {
			s.Draw(uint64(r), scene.Defect{}, &f)
			put(0, r)
			for c, z := range scene.Sizes() {
				s.Draw(uint64(100*r+c), scene.Defect{Kind: k, Size: z}, &f)
				put(1+c, r)
			}
		}
		if err := pixfmt.WritePNG(filepath.Join(dir, name+".png"), &sheet); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	for _, name := range scene.Products() {
		b.Run(name, func(b *testing.B) {
			s, _ := scene.New(scene.Config{Seed: 7, Product: name, DefectRate: 0.1})
			var f edge.Frame
			i := uint64(0)
			for b.Loop() {
				s.Render(i, &f)
				i++
			}
		})
	}
}
