package edge

import (
	"path/filepath"
	"slices"
	"strings"
)

// PictureFormats says in words which picture files are read.
const PictureFormats = "png, jpg, bmp, gif, tiff or webp"

var pictureExtensions = []string{".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tiff", ".tif", ".webp"}

// PictureExtensions returns the ends of names, in lower case, by which pictures
// are found in folders.
func PictureExtensions() []string { return slices.Clone(pictureExtensions) }

// HasPictureName reports whether path ends like a picture that is read.
func HasPictureName(path string) bool {
	return slices.Contains(pictureExtensions, strings.ToLower(filepath.Ext(path)))
}
