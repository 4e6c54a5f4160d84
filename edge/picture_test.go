package edge

import "testing"

// TestPictureNames: every format that is read is found by its name, in any case.
func TestPictureNames(t *testing.T) {
	for _, name := range []string{"a.png", "b.JPG", "c.jpeg", "d.bmp", "e.gif", "f.tif", "line/g.TIFF", "h.webp"} {
		if !HasPictureName(name) {
			t.Errorf("%s is no picture by its name", name)
		}
	}
	for _, name := range []string{"png", "a.txt", "a.png.bak", "tiff/readme", ""} {
		if HasPictureName(name) {
			t.Errorf("%q is a picture by its name", name)
		}
	}
}
