package scene_test

import (
	"os"
	"testing"

	"winnow/capture"
	"winnow/capture/pixfmt"
	"winnow/capture/scene"
	"winnow/edge"
)

// TestContactSheet draws what the products and their defects look like to the
// folder named by WINNOW_SHEETS.
func TestContactSheet(t *testing.T) {
	dir := os.Getenv("WINNOW_SHEETS")
	if dir == "" {
		t.Skip("not here: WINNOW_SHEETS names no folder")
	}
	for _, name := range scene.Products() {
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
		if err := pixfmt.WritePNG(dir+"/"+name+".png", &sheet); err != nil {
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
